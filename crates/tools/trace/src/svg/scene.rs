//! What is to be drawn, before anybody knows where: bars, levels and flows, row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::moments::{Moment, States, follow};
use crate::event::{Event, Task};
use crate::model::{Change, Kind, Model, Place, State};
use crate::rows::{ArrowKind, Rows};
use crate::why::{Wait, sleepers};

/// Something between tasks that has a column of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Between {
    /// Bytes on their way.
    Bytes(Place),
    /// Connections that wait to be accepted, at the socket with this number.
    Queue(u32),
}

/// All of a picture.
pub(crate) struct Scene {
    pub(crate) rows: Rows,
    pub(crate) bands: Vec<Band>,
    /// What has a column, and which; a column may serve one after another.
    pub(crate) columns: BTreeMap<Between, usize>,
    /// In which row each of them begins.
    pub(crate) begins: BTreeMap<Between, usize>,
}

/// What is in a row besides its text.
#[derive(Default)]
pub(crate) struct Band {
    pub(crate) before: States,
    pub(crate) after: States,
    /// How much is in what is there.
    pub(crate) levels: BTreeMap<Between, u64>,
    /// What goes in (true) or comes out.
    pub(crate) flows: Vec<(Between, bool)>,
    /// Whom the row's task reaches.
    pub(crate) arrows: Vec<(Task, ArrowKind)>,
}

impl Scene {
    pub(crate) fn of(events: &[Event]) -> Self {
        let rows = Rows::of(events);
        let mut bands: Vec<Band> = rows.rows.iter().map(|_| Band::default()).collect();
        let mut used = BTreeSet::new();
        follow(events, &rows.rows, |moment| {
            let row = &rows.rows[moment.index];
            let mut band = Band { levels: levels(moment.model), ..Band::default() };
            band.flows = moment.changes.iter().filter_map(flow).collect();
            used.extend(band.flows.iter().map(|(between, _)| *between));
            used.extend(band.levels.iter().filter(|(_, level)| **level > 0).map(|(key, _)| *key));
            used.extend(awaited(moment.model));
            band.arrows =
                arrows(row.task, row.arrows.first().map(|arrow| (arrow.to, arrow.kind)), &moment);
            (band.before, band.after) = (moment.before, moment.after);
            bands[moment.index] = band;
        });
        for index in 1..bands.len() {
            let queues = queue_flows(&bands[index - 1].levels, &bands[index].levels);
            bands[index].flows.extend(queues);
        }
        let (columns, begins) = columns(&bands, &used);
        Self { rows, bands, columns, begins }
    }

    /// How many columns there are for what is between tasks.
    pub(crate) fn count(&self) -> usize {
        self.columns.values().max().map_or(0, |last| last + 1)
    }
}

/// How much is in everything that has somebody who could take or give.
fn levels(model: &Model) -> BTreeMap<Between, u64> {
    let mut levels = BTreeMap::new();
    let open = |kind| !model.holders(&kind).is_empty();
    for number in model.pipes.keys() {
        if open(Kind::ReadEnd(*number)) || open(Kind::WriteEnd(*number)) {
            let place = Place::Pipe(*number);
            levels.insert(Between::Bytes(place), model.queued(place));
        }
    }
    for (number, socket) in &model.sockets {
        if socket.listening && !socket.closed {
            levels.insert(Between::Queue(*number), socket.queue.len() as u64);
        } else if !socket.closed {
            let place = Place::Socket(*number);
            levels.insert(Between::Bytes(place), model.queued(place));
        }
    }
    levels
}

fn flow(change: &Change) -> Option<(Between, bool)> {
    match change {
        Change::Put(place, ..) => Some((Between::Bytes(*place), true)),
        Change::Taken(place, ..) | Change::EndOfFile(place) => {
            Some((Between::Bytes(*place), false))
        }
        _ => None,
    }
}

fn awaited(model: &Model) -> Vec<Between> {
    let waits = sleepers(model).into_iter().flat_map(|blocked| blocked.waits);
    let between = waits.filter_map(|wait| match wait {
        Wait::Data(place) | Wait::Room(place) => Some(Between::Bytes(place)),
        Wait::Connection(socket) => Some(Between::Queue(socket)),
        _ => None,
    });
    between.collect()
}

/// Who becomes a zombie's last visitor is seen from the states: it was there, and now it is not.
fn arrows(
    own: Task,
    told: Option<(Task, ArrowKind)>,
    moment: &Moment<'_>,
) -> Vec<(Task, ArrowKind)> {
    let zombie = |task: &Task| matches!(moment.before.get(task), Some(State::Zombie(_)));
    let gone = |task: &&Task| !moment.after.contains_key(task) && zombie(task) && **task != own;
    let reaped = moment.before.keys().filter(gone).map(|task| (*task, ArrowKind::Reaps));
    let told = told.filter(|(to, kind)| *to != own && *kind != ArrowKind::Reaps);
    told.into_iter().chain(reaped).collect()
}

fn queue_flows(
    before: &BTreeMap<Between, u64>,
    after: &BTreeMap<Between, u64>,
) -> Vec<(Between, bool)> {
    let queues = after.iter().filter(|(between, _)| matches!(between, Between::Queue(_)));
    queues
        .filter_map(|(between, now)| match before.get(between).unwrap_or(&0) {
            was if was < now => Some((*between, true)),
            was if was > now => Some((*between, false)),
            _ => None,
        })
        .collect()
}

type Columns = (BTreeMap<Between, usize>, BTreeMap<Between, usize>);

/// A column each, and the same one for two that are never there together.
fn columns(bands: &[Band], used: &BTreeSet<Between>) -> Columns {
    let mut spans: BTreeMap<Between, (usize, usize)> = BTreeMap::new();
    for (index, band) in bands.iter().enumerate() {
        let there = band.levels.keys().chain(band.flows.iter().map(|(between, _)| between));
        for between in there.filter(|between| used.contains(between)) {
            spans.entry(*between).or_insert((index, index)).1 = index;
        }
    }
    let mut order: Vec<_> = spans.into_iter().collect();
    order.sort_by_key(|(between, (first, _))| (*first, *between));
    let (mut columns, mut begins, mut ends) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (between, (first, last)) in order {
        let free = ends.iter().position(|end| *end + 1 < first);
        let column = free.unwrap_or(ends.len());
        if column == ends.len() {
            ends.push(last);
        } else {
            ends[column] = last;
        }
        columns.insert(between, column);
        begins.insert(between, first);
    }
    (columns, begins)
}
