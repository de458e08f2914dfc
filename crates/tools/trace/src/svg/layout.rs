//! Where everything stands.
//!
//! Where there is room, a task's text stands beside its own bar. Where there isn't, the bars move
//! together and all text stands to the right of them.

use super::scene::{Between, Scene};
use crate::event::Task;
use crate::rows::{Row, RowKind};
use crate::text::place::Places;
use crate::text::wrap::wrap;

/// Room for a row's number.
pub(super) const NUMBERS: usize = 40;
/// The least and the most that a task's text is given beside its own bar.
const COLUMN: (usize, usize) = (250, 330);
/// The least that the text of all is given where it stands apart, on a wide screen and on a narrow one.
const APART: (usize, usize) = (250, 218);
/// The most where there is one task only.
const ALONE: usize = 560;
/// From one bar to the next where the text stands apart.
const LANE: (usize, usize) = (28, 26);
/// A column of what is between tasks, where there are few of them and room, and where there isn't.
const BETWEEN: (usize, usize) = (64, 46);
/// So many are few.
pub(super) const FEW: usize = 3;
/// A character of the font that calls are set in, in tenths: 12 px, and 0.6 of that.
const CODE: usize = 73;
/// The same for the font of the notes, on average.
const NOTE: usize = 63;
/// The same for a path or a number that fills a line: these have no narrow letters.
const LONG: usize = 76;

/// From a row's top to the line on which its arrows are.
pub(crate) const MIDDLE: usize = 15;
/// Half of a bar.
pub(crate) const HALF: usize = 7;

pub(crate) struct Layout {
    pub(crate) width: usize,
    /// Its rows have ids.
    pub(crate) linked: bool,
    /// The text has a column for all.
    pub(crate) shared: bool,
    places: Places,
    column: usize,
    between: usize,
    /// How wide a column is of what is between tasks.
    tube: usize,
    text: usize,
}

/// A row's text, in lines that fit.
pub(crate) struct Words {
    pub(crate) label: Vec<String>,
    pub(crate) note: Vec<String>,
    pub(crate) problem: Vec<String>,
}

impl Layout {
    /// For a picture at most so wide, where that can be.
    pub(crate) fn of(scene: &Scene, width: usize, linked: bool) -> Self {
        let places = Places::of(&scene.rows);
        let tasks = places.count().max(1);
        let narrow = width <= super::NARROW;
        let tube = if scene.count() <= FEW && !narrow { BETWEEN.0 } else { BETWEEN.1 };
        let between = scene.count() * tube;
        let column = width.saturating_sub(NUMBERS + between) / tasks;
        if column >= COLUMN.0 {
            let column = column.min(if tasks == 1 { ALONE } else { COLUMN.1 });
            let between_at = NUMBERS + tasks * column;
            let width = between_at + between;
            return Self {
                width,
                linked,
                shared: false,
                places,
                column,
                between: between_at,
                tube,
                text: 0,
            };
        }
        let (column, apart) = if narrow { (LANE.1, APART.1) } else { (LANE.0, APART.0) };
        let between_at = NUMBERS + tasks * column + 4;
        let text = between_at + between + 8;
        // Text needs some room, even where that makes the picture wider.
        let width = width.max(text + apart);
        Self { width, linked, shared: true, places, column, between: between_at, tube, text }
    }

    /// The middle of a task's bar.
    pub(crate) fn bar(&self, task: Task) -> usize {
        NUMBERS + self.places.of_task(task) * self.column + HALF + 5
    }

    /// The middle of the column of something between tasks.
    pub(crate) fn between(&self, scene: &Scene, what: Between) -> Option<usize> {
        let column = scene.columns.get(&what)?;
        Some(self.between + column * self.tube + self.tube / 2)
    }

    /// Where a task's text begins.
    pub(crate) fn text(&self, task: Task) -> usize {
        if self.shared { self.text } else { self.bar(task) + HALF + 9 }
    }

    /// How much of a title fits beside a bar.
    pub(crate) fn title(&self) -> usize {
        (self.column.saturating_sub(HALF + 20)) * 10 / CODE
    }

    /// A row's text. Where an arrow leaves to the right, there must be some room for it.
    pub(crate) fn words(&self, row: &Row, leaves: bool) -> Words {
        let from = self.text(row.task);
        let room = match row.kind {
            RowKind::Stuck | RowKind::Remark => self.width - from,
            _ if self.shared => self.width - from,
            _ if leaves => self.column - HALF - 52,
            _ => self.column - HALF - 28,
        };
        let again = if row.kind == RowKind::GoesOn { "… " } else { "" };
        let label = format!("{}\u{a0}{again}{}", row.task, row.label);
        let label = shorter(label, row, room * 10 / CODE);
        let note = row.note.iter().flat_map(|note| note.lines());
        let small = |text: &str| {
            let long = text.split(' ').any(|word| word.chars().count() > room * 10 / LONG);
            wrap(text, room * 10 / if long { LONG } else { NOTE })
        };
        Words {
            label: wrap(&label, room * 10 / CODE),
            note: note.flat_map(small).collect(),
            problem: row.problem.iter().flat_map(|problem| small(problem)).collect(),
        }
    }
}

/// A call that gives bytes, in one line: the bytes are cut where it is too long for that.
fn shorter(label: String, row: &Row, room: usize) -> String {
    const LEAST: usize = 6;
    let gives = row.call.as_deref().is_some_and(|call| call.contains("write") || call == "sendto");
    let (Some(begin), Some(end)) = (label.find('"'), label.rfind('"')) else { return label };
    let over = (label.chars().count() + 1).saturating_sub(room);
    let text: Vec<char> = label[begin + 1..end.max(begin + 1)].chars().collect();
    if !gives || over < 2 || text.len() < over + LEAST {
        return label;
    }
    let kept: String = text[..text.len() - over].iter().collect();
    let rest = label[end + 1..].trim_start_matches('…');
    format!("{}{}\"…{rest}", &label[..=begin], kept.trim_end_matches('\\'))
}

impl Words {
    pub(crate) fn height(&self) -> usize {
        let small = self.note.len() + self.problem.len();
        (12 + self.label.len() * 16 + small * 14).max(MIDDLE * 2)
    }

    /// How far the first line reaches.
    pub(crate) fn first_line(&self) -> usize {
        self.label.first().map_or(0, |line| line.chars().count()) * CODE / 10
    }
}
