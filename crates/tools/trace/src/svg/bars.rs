//! What each task is doing, from the first row to the last.

use std::fmt::Write as _;

use super::layout::{HALF, Layout, MIDDLE};
use super::scene::{Band, Scene};
use crate::event::Task;
use crate::model::State;
use crate::rows::{Gate, RowKind};

/// How many colours there are for tasks.
pub(crate) const COLOURS: u32 = 6;

/// The class that gives a task its colour.
pub(crate) fn colour(task: Task) -> String {
    format!("p{}", task.0.saturating_sub(1) % COLOURS)
}

/// What a bar looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    Solid,
    Hollow,
    Hatched,
    Lined,
    Dashed,
}

impl Look {
    fn of(state: Option<&State>) -> Self {
        match state {
            None | Some(State::Reaped(_)) => Self::Nothing,
            Some(State::Running | State::InHandler(_)) => Self::Solid,
            Some(State::Held) => Self::Hollow,
            Some(State::Sleeping) => Self::Hatched,
            Some(State::Stopped(_)) => Self::Lined,
            Some(State::Zombie(_)) => Self::Dashed,
        }
    }
}

/// All bars, and in each row a dot on the bar of whose row it is; `tops` has one row more than there
/// are.
pub(super) fn bars(scene: &Scene, layout: &Layout, tops: &[usize], prefix: &str) -> String {
    let tasks = scene.rows.columns.iter().map(|column| column.task);
    let bars: String = tasks.map(|task| bar(scene, layout, tops, prefix, task)).collect();
    let acts = scene.rows.rows.iter().zip(&scene.bands).zip(tops);
    let acts = acts
        .filter(|((row, band), _)| row.kind != RowKind::Exec && band.after.contains_key(&row.task));
    let dots: String = acts
        .map(|((row, _), top)| format!("M{} {}h0", layout.bar(row.task), top + MIDDLE))
        .collect();
    format!(
        "{bars}<g class=\"acts ring\"><path id=\"{prefix}dots\" d=\"{dots}\"/></g>\
         <use class=\"acts\" href=\"#{prefix}dots\"/>\n"
    )
}

fn bar(scene: &Scene, layout: &Layout, tops: &[usize], prefix: &str, task: Task) -> String {
    let (x, number) = (layout.bar(task), task.0.saturating_sub(1) % COLOURS);
    let (left, right) = (x - HALF, x + HALF);
    // An outline for each look.
    let [mut run, mut sleep, mut stop, mut side, mut held, mut zombie, mut handler] =
        [const { String::new() }; 7];
    let [mut blocks, mut waits] = [const { String::new() }; 2];
    // As many handlers in each other as there is room for.
    let handlers = |band: &Band| band.handlers.get(&task).copied().unwrap_or_default().min(3);
    let mut above = 0;
    let deep = scene
        .bands
        .iter()
        .map(|band| (std::mem::replace(&mut above, handlers(band)), handlers(band)));
    for (depth, from, to) in stretches(tops, deep) {
        for depth in 0..depth {
            let x = right + 1 + depth * 5;
            let _ = write!(handler, "M{x} {from}h4V{to}h-4z");
        }
    }
    let gate = |band: &Band| band.gates.get(&task).copied();
    let mut above = None;
    let gates =
        scene.bands.iter().map(|band| (std::mem::replace(&mut above, gate(band)), gate(band)));
    for (gate, from, to) in stretches(tops, gates) {
        let _ = match gate {
            Some(Gate::Blocks) => write!(blocks, "M{} {from}V{to}", left - 4),
            Some(Gate::Waits) => write!(waits, "M{} {from}h5V{to}h-5z", left - 6),
            None => Ok(()),
        };
    }
    let looks = scene.bands.iter();
    let looks =
        looks.map(|band| (Look::of(band.before.get(&task)), Look::of(band.after.get(&task))));
    for (look, from, to) in stretches(tops, looks) {
        let block = format!("M{left} {from}h14V{to}h-14z");
        let sides = format!("M{} {from}V{to}M{} {from}V{to}", left + 1, right - 1);
        match look {
            Look::Nothing => {}
            Look::Solid => run += &block,
            Look::Hatched => {
                sleep += &block;
                side += &sides;
            }
            Look::Lined => {
                stop += &block;
                side += &sides;
            }
            Look::Hollow => held += &sides,
            Look::Dashed => zombie += &sides,
        }
    }
    let mut bar = format!("<g class=\"p{number}\">");
    for (class, pattern, d) in [
        ("run", "", run),
        ("sleep", "hatch", sleep),
        ("stop", "lines", stop),
        ("side", "", side),
        ("held", "", held),
        ("zombie", "", zombie),
        ("handler", "", handler),
        ("blocks", "", blocks),
        ("waits", "", waits),
    ] {
        if d.is_empty() {
            continue;
        }
        let fill = match pattern {
            "" => String::new(),
            pattern => format!(" fill=\"url(#{prefix}{pattern}{number})\""),
        };
        let _ = write!(bar, "<path class=\"{class}\"{fill} d=\"{d}\"/>");
    }
    bar + "</g>\n"
}

/// From where to where something looks alike, of which each row says how it looked before and looks after: what
/// a row changes, it changes in its middle.
fn stretches<T: PartialEq>(
    tops: &[usize],
    looks: impl Iterator<Item = (T, T)>,
) -> Vec<(T, usize, usize)> {
    let mut stretches: Vec<(T, usize, usize)> = Vec::new();
    for ((before, after), rows) in looks.zip(tops.windows(2)) {
        let (top, bottom) = (rows[0], rows[1]);
        for (look, from, to) in [(before, top, top + MIDDLE), (after, top + MIDDLE, bottom)] {
            match stretches.last_mut() {
                Some(last) if last.0 == look => last.2 = to,
                _ => stretches.push((look, from, to)),
            }
        }
    }
    stretches
}
