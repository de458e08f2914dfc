//! What is to be drawn, before anybody knows where: bars, levels and flows, row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::FEW;
use super::moments::{Handlers, Moment, States, follow};
use crate::event::{Event, Task};
use crate::model::{Change, Kind, Model, Place, State};
use crate::rows::{ArrowKind, Gate, Row, RowKind, Rows};
use crate::why::{Blocked, Wait, sleepers};

/// Something between tasks that has a column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Between {
    /// Bytes in the pipe with this number.
    Pipe(u32),
    /// Bytes between two sockets, both ways: the lower number of the two.
    Sockets(u32),
    /// The count of the eventfd with this number.
    Count(u32),
    /// Connections that wait to be accepted, at the socket with this number.
    Queue(u32),
}

/// How much is in something: of two sockets, for the lower number and for the higher.
pub(crate) type Level = [u64; 2];

/// All of a picture.
pub(crate) struct Scene {
    pub(crate) rows: Rows,
    pub(crate) bands: Vec<Band>,
    /// What has a column, and which; a column may serve one after another.
    pub(crate) columns: BTreeMap<Between, usize>,
    /// The first and the last row of each of them.
    pub(crate) spans: BTreeMap<Between, (usize, usize)>,
    /// The other end of each connected socket.
    pub(crate) peers: Peers,
}

/// The other end of each connected socket.
pub(crate) type Peers = BTreeMap<u32, u32>;

/// What is in a row besides its text.
#[derive(Default)]
pub(crate) struct Band {
    pub(crate) before: States,
    pub(crate) after: States,
    /// How many signal handlers each task is in after it.
    pub(crate) handlers: Handlers,
    /// Whose signals wait outside after it, or would.
    pub(crate) gates: BTreeMap<Task, Gate>,
    /// How much is in what is there.
    pub(crate) levels: BTreeMap<Between, Level>,
    /// What anybody who sleeps waits for.
    wanted: BTreeSet<Between>,
    /// What goes in or comes out.
    pub(crate) flows: Vec<(Between, Flow)>,
    /// What the row's task begins to wait for.
    pub(crate) awaited: Vec<Awaited>,
    /// Whom the row's task reaches.
    pub(crate) arrows: Vec<(Task, ArrowKind)>,
}

/// Where something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    In,
    Out,
    /// Nothing comes out any more: the end.
    End,
}

/// What a task may wait for that is on the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Between(Between),
    Task(Task),
}

impl Scene {
    pub(crate) fn of(events: &[Event]) -> Self {
        let rows = Rows::of(events);
        let mut bands: Vec<Band> = rows.rows.iter().map(|_| Band::default()).collect();
        let mut peers = Peers::new();
        follow(events, &rows.rows, |moment| {
            let row = &rows.rows[moment.index];
            for (number, socket) in &moment.model.sockets {
                peers.extend(socket.peer.map(|peer| (*number, peer)));
            }
            let mut band = Band { levels: levels(moment.model, &peers), ..Band::default() };
            band.flows = moment.changes.iter().filter_map(|change| flow(change, &peers)).collect();
            let awaited = |blocked: &Blocked| awaited(blocked, &peers);
            band.wanted = sleepers(moment.model)
                .iter()
                .flat_map(awaited)
                .filter_map(|awaited| match awaited {
                    Awaited::Between(between) => Some(between),
                    Awaited::Task(_) => None,
                })
                .collect();
            if row.kind == RowKind::Waits {
                let blocked = Blocked::of(moment.model, row.task);
                band.awaited = blocked.iter().flat_map(awaited).collect();
            }
            band.arrows = arrows(row, &moment);
            (band.before, band.after) = (moment.before, moment.after);
            (band.handlers, band.gates) = (moment.handlers, moment.gates);
            bands[moment.index] = band;
        });
        for index in 1..bands.len() {
            // A folded row changes all that its rows have changed.
            if matches!(rows.rows[index].kind, RowKind::Folded(_)) {
                bands[index].before = bands[index - 1].after.clone();
            }
            let queues = queue_flows(&bands[index - 1].levels, &bands[index].levels);
            bands[index].flows.extend(queues);
        }
        let spans = match spans(&bands, false) {
            all if columns(&all).values().all(|column| *column < FEW) => all,
            _ => spans(&bands, true),
        };
        let columns = columns(&spans);
        Self { rows, bands, columns, spans, peers }
    }

    /// How many columns there are for what is between tasks.
    pub(crate) fn count(&self) -> usize {
        self.columns.values().max().map_or(0, |last| last + 1)
    }
}

/// Where bytes are, as something with a column; of two sockets, also which of them receives.
fn place(place: Place, peers: &Peers) -> (Between, usize) {
    match place {
        Place::Pipe(number) => (Between::Pipe(number), 0),
        Place::EventFd(number) => (Between::Count(number), 0),
        Place::Socket(number) => {
            let peer = peers.get(&number).copied().unwrap_or(number);
            (Between::Sockets(number.min(peer)), usize::from(peer < number))
        }
    }
}

/// How much is in everything that has somebody who could take or give.
fn levels(model: &Model, peers: &Peers) -> BTreeMap<Between, Level> {
    let mut levels = BTreeMap::new();
    let open = |kind| !model.holders(&kind).is_empty();
    for number in model.pipes.keys() {
        if open(Kind::ReadEnd(*number)) || open(Kind::WriteEnd(*number)) {
            levels.insert(Between::Pipe(*number), [model.queued(Place::Pipe(*number)), 0]);
        }
    }
    for (number, count) in &model.eventfds {
        if open(Kind::EventFd(*number)) {
            levels.insert(Between::Count(*number), [count.queued(), 0]);
        }
    }
    for (number, socket) in model.sockets.iter().filter(|(_, socket)| !socket.closed) {
        if socket.listening {
            levels.insert(Between::Queue(*number), [socket.queue.len() as u64, 0]);
        } else {
            let (between, side) = place(Place::Socket(*number), peers);
            levels.entry(between).or_insert([0; 2])[side] = model.queued(Place::Socket(*number));
        }
    }
    levels
}

fn flow(change: &Change, peers: &Peers) -> Option<(Between, Flow)> {
    let (at, flow) = match change {
        Change::Put(at, ..) => (at, Flow::In),
        Change::Taken(at, ..) => (at, Flow::Out),
        Change::EndOfFile(at) => (at, Flow::End),
        _ => return None,
    };
    Some((place(*at, peers).0, flow))
}

fn awaited(blocked: &Blocked, peers: &Peers) -> Vec<Awaited> {
    let awaited = blocked.waits.iter().filter_map(|wait| match wait {
        Wait::Data(at) | Wait::Room(at) => Some(Awaited::Between(place(*at, peers).0)),
        Wait::Connection(socket) => Some(Awaited::Between(Between::Queue(*socket))),
        Wait::Child(Some(task)) | Wait::Change(Some(task), _) | Wait::Made(task) => {
            Some(Awaited::Task(*task))
        }
        _ => None,
    });
    awaited.collect()
}

/// Who is reaped is seen from the states: it was a zombie, and now it is gone.
fn arrows(row: &Row, moment: &Moment<'_>) -> Vec<(Task, ArrowKind)> {
    let zombie = |task: &Task| matches!(moment.before.get(task), Some(State::Zombie(_)));
    let gone = |task: &&Task| !moment.after.contains_key(task) && zombie(task);
    let reaped = moment.before.keys().filter(gone).map(|task| (*task, ArrowKind::Reaps));
    let told = row.arrows.iter().filter(|arrow| arrow.kind != ArrowKind::Reaps);
    let told = told.map(|arrow| (arrow.to, arrow.kind)).chain(reaped);
    told.collect()
}

fn queue_flows(
    before: &BTreeMap<Between, Level>,
    after: &BTreeMap<Between, Level>,
) -> Vec<(Between, Flow)> {
    let queues = after.iter().filter(|(between, _)| matches!(between, Between::Queue(_)));
    queues
        .filter_map(|(between, now)| match before.get(between).unwrap_or(&[0; 2]) {
            was if was < now => Some((*between, Flow::In)),
            was if was > now => Some((*between, Flow::Out)),
            _ => None,
        })
        .collect()
}

/// From which row to which one each has a column that is used at all: while it is there; if `brief`,
/// sockets only while something is between them or is waited for.
fn spans(bands: &[Band], brief: bool) -> BTreeMap<Between, (usize, usize)> {
    let (mut there, mut used) = (BTreeMap::new(), BTreeMap::new());
    let mut see = |what: Between, index: usize, uses: bool| {
        for spans in [Some(&mut there), uses.then_some(&mut used)].into_iter().flatten() {
            spans.entry(what).or_insert((index, index)).1 = index;
        }
    };
    for (index, band) in bands.iter().enumerate() {
        band.levels.iter().for_each(|(what, level)| see(*what, index, *level != [0; 2]));
        band.flows.iter().for_each(|(what, _)| see(*what, index, true));
        band.wanted.iter().for_each(|what| see(*what, index, true));
    }
    let spans = used.into_iter().map(|(what, span)| match what {
        Between::Sockets(_) if brief => (what, span),
        _ => (what, there[&what]),
    });
    spans.collect()
}

/// A column each, and the same one for two that are never there together.
fn columns(spans: &BTreeMap<Between, (usize, usize)>) -> BTreeMap<Between, usize> {
    let mut order: Vec<_> = spans.iter().collect();
    order.sort_by_key(|(between, (first, _))| (*first, **between));
    let (mut columns, mut ends) = (BTreeMap::new(), Vec::new());
    for (between, (first, last)) in order {
        let free = ends.iter().position(|end| *end + 1 < *first);
        let column = free.unwrap_or(ends.len());
        if column == ends.len() {
            ends.push(*last);
        } else {
            ends[column] = *last;
        }
        columns.insert(*between, column);
    }
    columns
}
