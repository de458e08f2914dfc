//! What is known at each row, as data for the script: only what has changed since the row above.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Event, Task};
use crate::model::{Kind, Model, Place, State};
use crate::names::signal;
use crate::rows::{Rows, matters};
use crate::svg::{Moment, follow, signs};
use crate::why::{Blocked, Wait};
use crate::words::status_words;

#[derive(Serialize, Default)]
struct Data {
    /// What others point into.
    texts: Vec<String>,
    /// The outlines of the signs, each in one part or two.
    shapes: &'static [&'static [&'static str]],
    /// What descriptors lead to: text, colour, shape (or −1), and which of its parts is filled, from 1.
    things: Vec<Thing>,
    steps: Vec<Step>,
}

/// How the names of 0, 1 and 2 begin.
const STANDARD: &str = "standard ";

type Thing = (usize, String, i32, u8);

/// What has changed with a row.
#[derive(Serialize, Default, Clone, PartialEq)]
struct Step {
    /// Each task's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    name: BTreeMap<u32, usize>,
    /// What each task does; −1: it is gone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    does: BTreeMap<u32, i64>,
    /// Each task's descriptors.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fds: BTreeMap<u32, Fds>,
}

#[derive(Serialize, Clone, PartialEq)]
#[serde(untagged)]
enum Fds {
    /// Those of another thread.
    Of(u32),
    /// Number, description, thing, and whether exec closes it.
    Own(Vec<(i32, u32, usize, u8)>),
}

/// The data, as JSON that may stand in a `script` element.
pub(super) fn data(events: &[Event], rows: &Rows) -> String {
    let mut data = Data { shapes: &signs::SIGNS, ..Data::default() };
    let mut steps = vec![Step::default(); rows.rows.len()];
    follow(events, &rows.rows, |moment| steps[moment.index] = data.whole(&moment));
    let mut above = Step::default();
    for step in steps {
        data.steps.push(step.since(&above));
        above = step;
    }
    // Only markup could end the element, and mdBook reads `{{#`.
    serde_json::to_string(&data)
        .unwrap_or_default()
        .replace('<', "\\u003c")
        .replace("{{#", "{\\u007b#")
}

impl Step {
    fn since(&self, above: &Self) -> Self {
        let gone = above.does.keys().filter(|task| !self.does.contains_key(task));
        let mut does = differing(&self.does, &above.does);
        does.extend(gone.map(|task| (*task, -1)));
        Self {
            name: differing(&self.name, &above.name),
            does,
            fds: differing(&self.fds, &above.fds),
        }
    }
}

fn differing<T: Clone + PartialEq>(
    now: &BTreeMap<u32, T>,
    above: &BTreeMap<u32, T>,
) -> BTreeMap<u32, T> {
    let new = now.iter().filter(|(task, value)| above.get(task) != Some(value));
    new.map(|(task, value)| (*task, value.clone())).collect()
}

impl Data {
    fn text(&mut self, text: String) -> usize {
        let known = self.texts.iter().position(|known| *known == text);
        known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }

    fn whole(&mut self, moment: &Moment<'_>) -> Step {
        let model = moment.model;
        let mut step = Step::default();
        let mut owners: BTreeMap<u32, Task> = BTreeMap::new();
        for (task, state) in &moment.after {
            let name = self.text(name(model, *task));
            step.name.insert(task.0, name);
            let does = self.text(does(model, *task, state));
            step.does.insert(task.0, does as i64);
            let Some(thread) = model.threads.get(task).filter(|thread| thread.lives()) else {
                step.fds.insert(task.0, Fds::Own(Vec::new()));
                continue;
            };
            let owner = *owners.entry(thread.table).or_insert(*task);
            let fds = if owner == *task { self.table(model, *task) } else { Fds::Of(owner.0) };
            step.fds.insert(task.0, fds);
        }
        step
    }

    fn table(&mut self, model: &Model, task: Task) -> Fds {
        let slots = model.table(task).into_iter().flat_map(|table| &table.slots);
        // 0, 1 and 2 are what the program got, whatever that is called here.
        let mut standard: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (fd, slot) in slots.clone() {
            let name = model.name_of(task, *fd).filter(|name| name.starts_with(STANDARD));
            standard.entry(slot.description).or_default().extend(name);
        }
        let fds = slots.filter_map(|(fd, slot)| {
            let kind = &model.descriptions.get(&slot.description)?.kind;
            let mut thing = thing(model, kind);
            let names = &standard[&slot.description];
            if names.iter().any(|name| model.name_of(task, *fd).as_ref() == Some(name)) {
                thing.0 = together(names, kind);
            }
            Some((*fd, slot.description, self.thing(thing), slot.close_on_exec.into()))
        });
        Fds::Own(fds.collect())
    }

    fn thing(&mut self, (text, colour, shape, filled): (String, String, i32, u8)) -> usize {
        let thing = (self.text(text), colour, shape, filled);
        let known = self.things.iter().position(|known| *known == thing);
        known.unwrap_or_else(|| {
            self.things.push(thing);
            self.things.len() - 1
        })
    }
}

/// What 0, 1 and 2 are, as far as they lead to one thing; at a terminal, all three do.
fn together(names: &[String], kind: &Kind) -> String {
    let terminal = matches!(kind, Kind::Outside(path) | Kind::Other(path) | Kind::File(path)
        if path.starts_with("/dev/pts/") || path.starts_with("/dev/tty"));
    match names {
        [first, others @ ..] if terminal => {
            let others = others.iter().map(|name| name.trim_start_matches(STANDARD));
            let all: Vec<&str> = std::iter::once(first.as_str()).chain(others).collect();
            format!("{}: the terminal", all.join(", "))
        }
        names => names.join(", "),
    }
}

fn name(model: &Model, task: Task) -> String {
    let process = model.process_of(task);
    if process != task {
        return format!("{task}, a thread of {process}");
    }
    let name = model.processes.get(&process).map_or("", |found| found.name.as_str());
    format!("{task} {name}")
}

/// What a task does, in words that follow its name.
fn does(model: &Model, task: Task, state: &State) -> String {
    let mut does = match state {
        State::Running => "runs".into(),
        State::Held => "could run, but it is not its turn".into(),
        State::Sleeping => {
            let sleeps = Blocked::of(model, task).map(|blocked| sleeps(model, &blocked));
            sleeps.unwrap_or_else(|| "sleeps".into()) + &in_handler(model, task)
        }
        State::Stopped(number) => format!("is stopped by {}", signal(*number)),
        State::InHandler(signals) => {
            let names: Vec<String> = signals.iter().map(|number| signal(*number)).collect();
            format!("runs its handler of {}", names.join(", and in that of "))
        }
        State::Zombie(status) => {
            let parent = model.processes.get(&task).and_then(|process| process.parent);
            let parent =
                parent.map_or_else(String::new, |parent| format!(": {parent} has not reaped it"));
            format!("has ended ({}) and is a zombie{parent}", status_words(*status))
        }
        State::Reaped(_) => "is gone".into(),
    };
    if let Some(thread) = model.threads.get(&task) {
        let pending = thread.pending.iter().map(|(number, _)| *number);
        for number in pending.filter(|number| matters(model, task, *number)) {
            let name = signal(number);
            does += &match thread.blocks(number) {
                true => format!("; {name} waits outside, since it is blocked"),
                false => format!("; {name} comes through as soon as it runs"),
            };
        }
    }
    does
}

/// Where it sleeps in a handler: that it does.
fn in_handler(model: &Model, task: Task) -> String {
    let frames = model.threads.get(&task).map_or(&[][..], |thread| thread.handlers.as_slice());
    frames.last().map_or_else(String::new, |frame| {
        format!("; it is in its handler of {}", signal(frame.signal))
    })
}

fn sleeps(model: &Model, blocked: &Blocked) -> String {
    let there = |wait: &Wait| match wait {
        Wait::Data(place) if model.queued(*place) > 0 => Some("; there is some now, so it wakes"),
        Wait::Connection(number) if !model.sockets.get(number)?.queue.is_empty() => {
            Some("; there is one now, so it wakes")
        }
        _ => None,
    };
    let wakes = blocked.waits.iter().find_map(there).unwrap_or_default();
    let sentence = blocked.sentence(model);
    let own = format!("{} ", blocked.task);
    format!("{}{wakes}", sentence.strip_prefix(&own).unwrap_or(&sentence))
}

fn thing(model: &Model, kind: &Kind) -> (String, String, i32, u8) {
    let end = |number: u32, end: &str, writes: bool| {
        let text = format!("{}, {end}", model.pipe_name(number));
        let (sign, colour) = signs::of_pipe(number);
        (text, colour, sign as i32, writes.into())
    };
    match kind {
        Kind::ReadEnd(number) => end(*number, "read end", false),
        Kind::WriteEnd(number) => end(*number, "write end", true),
        Kind::BothEnds(number) => end(*number, "both ends", false),
        Kind::EventFd(number) => {
            let count = model.queued(Place::EventFd(*number));
            (format!("eventfd {number}, count {count}"), "plain".into(), -1, 0)
        }
        Kind::Socket(number) => {
            let socket = model.sockets.get(number);
            let peer = socket.and_then(|socket| socket.peer);
            let address = socket.and_then(|socket| socket.address.as_deref()).unwrap_or_default();
            let text = match peer {
                Some(peer) => format!("socket {number}, its other end is socket {peer}"),
                None if socket.is_some_and(|socket| socket.listening) => {
                    format!("socket {number}, listens on {address}")
                }
                None => format!("socket {number}"),
            };
            let pair = peer.map_or(*number, |peer| peer.min(*number));
            let (sign, colour) = signs::of_sockets(pair);
            let own = peer.map_or(0, |peer| if *number < peer { 1 } else { 2 });
            (text, colour, sign as i32, own)
        }
        Kind::Outside(name) | Kind::Other(name) if name.starts_with("pipe:[") => {
            ("a pipe from before".into(), "plain".into(), -1, 0)
        }
        Kind::Outside(name) | Kind::Other(name) if name.starts_with("socket:[") => {
            ("a socket from before".into(), "plain".into(), -1, 0)
        }
        other => (model.name(other), "plain".into(), -1, 0),
    }
}
