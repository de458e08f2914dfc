//! Whether two recordings tell the same, made on whatever machine, by whatever user.
//!
//! Read in this order: [`difference`]; `kept.rs`, which calls are compared at all; `loose.rs`, what may
//! differ in those that are. Both say why. All else must be equal: each event, its place, its numbers.

mod kept;
mod loose;

use crate::event::Event;
use crate::model::Model;
use crate::words::sentence;

/// Where two recordings tell different things for the first time, in words; `None`: nowhere.
///
/// What depends on the machine is not compared: how many digits a pid has, which processes there are
/// besides, what stands in /proc, what is random, and what other programs than the recorded one call.
#[must_use]
pub fn difference(one: &[Event], other: &[Event]) -> Option<String> {
    let (in_one, in_other) = (kept::kept(one), kept::kept(other));
    let mut loosely = loose::Loosely::default();
    let differs = in_one.iter().zip(&in_other).find(|&(&a, &b)| !loosely.same(&one[a], &other[b]));
    let (a, b) = match differs {
        Some((&a, &b)) => (Some(a), Some(b)),
        None if in_one.len() == in_other.len() => return None,
        None => {
            let both = in_one.len().min(in_other.len());
            (in_one.get(both).copied(), in_other.get(both).copied())
        }
    };
    let (mut first, mut second) = (said(one, a), said(other, b));
    if let (true, Some(a), Some(b)) = (first == second, a, b) {
        (first, second) = (whole(&one[a]), whole(&other[b]));
    }
    Some(format!("{}: {first}\n{}: {second}", place(one, a), place(other, b)))
}

fn place(events: &[Event], at: Option<usize>) -> String {
    at.map_or("after the end".into(), |at| format!("step {}", events[at].step))
}

/// An event in a sentence.
fn said(events: &[Event], at: Option<usize>) -> String {
    let Some(at) = at else { return "nothing".into() };
    let mut model = Model::new();
    for event in &events[..at] {
        _ = model.apply(event); // what can be followed of it has been
    }
    match model.apply(&events[at]) {
        Ok(step) => sentence(&model, &events[at], &step.changes),
        Err(_) => whole(&events[at]),
    }
}

/// An event as it stands in the recording, for what no sentence says.
fn whole(event: &Event) -> String {
    serde_json::to_string(&event.what).unwrap_or_default()
}
