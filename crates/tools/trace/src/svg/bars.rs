//! What each task is doing, from the first row to the last.

use std::fmt::Write as _;

use super::layout::{HALF, Layout, MIDDLE};
use super::scene::Scene;
use crate::event::Task;
use crate::model::State;

/// How many colours there are for tasks.
pub(crate) const COLOURS: u32 = 4;

/// The class that gives a task its colour.
pub(crate) fn colour(task: Task) -> String {
    format!("p{}", task.0.saturating_sub(1) % COLOURS)
}

/// What a bar looks like; at the end, how many handlers are in each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Nothing,
    Solid(usize),
    Hollow,
    Hatched,
    Lined,
    Dashed,
}

impl Look {
    fn of(state: Option<&State>) -> Self {
        match state {
            None | Some(State::Reaped(_)) => Self::Nothing,
            Some(State::Running) => Self::Solid(0),
            Some(State::InHandler(signals)) => Self::Solid(signals.len().min(3)),
            Some(State::Held) => Self::Hollow,
            Some(State::Sleeping) => Self::Hatched,
            Some(State::Stopped(_)) => Self::Lined,
            Some(State::Zombie(_)) => Self::Dashed,
        }
    }
}

/// All bars; `tops` has one row more than there are.
pub(super) fn bars(scene: &Scene, layout: &Layout, tops: &[usize], prefix: &str) -> String {
    let tasks = scene.rows.columns.iter().map(|column| column.task);
    tasks.map(|task| bar(scene, layout, tops, prefix, task)).collect()
}

fn bar(scene: &Scene, layout: &Layout, tops: &[usize], prefix: &str, task: Task) -> String {
    let (x, number) = (layout.bar(task), task.0.saturating_sub(1) % COLOURS);
    let (left, right) = (x - HALF, x + HALF);
    // An outline for each look.
    let [mut run, mut sleep, mut stop, mut side, mut held, mut zombie, mut handler] =
        [const { String::new() }; 7];
    for (look, from, to) in stretches(scene, tops, task) {
        let block = format!("M{left} {from}h14V{to}h-14z");
        let sides = format!("M{} {from}V{to}M{} {from}V{to}", left + 1, right - 1);
        match look {
            Look::Nothing => {}
            Look::Solid(handlers) => {
                run += &block;
                for depth in 0..handlers {
                    let x = right + 1 + depth * 5;
                    let _ = write!(handler, "M{x} {from}h4V{to}h-4z");
                }
            }
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

/// From where to where a task's bar looks alike: what a row changes, it changes in its middle.
fn stretches(scene: &Scene, tops: &[usize], task: Task) -> Vec<(Look, usize, usize)> {
    let mut stretches: Vec<(Look, usize, usize)> = Vec::new();
    for (index, band) in scene.bands.iter().enumerate() {
        let (top, bottom) = (tops[index], tops[index + 1]);
        let (before, after) = (band.before.get(&task), band.after.get(&task));
        for (state, from, to) in [(before, top, top + MIDDLE), (after, top + MIDDLE, bottom)] {
            let look = Look::of(state);
            match stretches.last_mut() {
                Some(last) if last.0 == look => last.2 = to,
                _ => stretches.push((look, from, to)),
            }
        }
    }
    stretches
}
