//! A recording as text: time runs down, processes are columns.
//!
//! ```text
//!  3 ┃ pipe2(O_CLOEXEC)
//!    ┃   pipe 1: fd 3 reads, fd 4 writes
//!  4 ┃ fork() = P2 ────────────────────▶┃ P2 pipe_hello
//!  5 ┊ read(3, 64)                      │
//!    ┊   waits for data in pipe 1       │
//! ```
//!
//! Read in this order: [`lanes`]; `place.rs`, which task has which column; `legend.rs`,
//! what the signs mean; `margin.rs`, the lines of the source; `wrap.rs`, how lines
//! are broken.

mod legend;
mod margin;
pub(crate) mod place;
pub(crate) mod wrap;

use legend::sign;
use margin::Margin;
use place::Places;
use wrap::{pad, width_of, wrap};

use std::collections::BTreeMap;

use crate::event::{Event, Task};
use crate::rows::{Arrow, ArrowKind, Mark, Row, RowKind, Rows};

/// Below this many characters, a column is no place for a call: then all share one.
const NARROW: usize = 36;

/// Draws a recording, in lines of at most `width` characters; 40 at the least.
#[must_use]
pub fn lanes(events: &[Event], width: usize) -> String {
    draw(&Rows::of(events), width)
}

/// Draws a recording, and beside each call the line of the program's source that it is on, as far as
/// these are known.
#[must_use]
pub fn lanes_with_lines(events: &[Event], width: usize) -> String {
    let rows = Rows::of(events);
    let margin = Margin::of(&rows);
    draw_beside(&rows, width, margin)
}

/// Draws rows.
#[must_use]
pub fn draw(rows: &Rows, width: usize) -> String {
    draw_beside(rows, width, Margin::default())
}

fn draw_beside(rows: &Rows, width: usize, margin: Margin) -> String {
    let width = width.max(40);
    let places = Places::of(rows);
    let digits = rows.rows.last().map_or(1, |row| row.number.to_string().len()).max(2);
    let columns = places.count().max(1);
    let column = width.saturating_sub(digits + 1 + margin.width) / columns;
    let page = Page {
        rows,
        places,
        digits,
        width,
        margin,
        column: if column >= NARROW { column } else { 2 },
        shared: column < NARROW,
    };
    page.draw()
}

struct Page<'a> {
    rows: &'a Rows,
    places: Places,
    digits: usize,
    width: usize,
    margin: Margin,
    /// How wide a column is.
    column: usize,
    /// The columns are too narrow for text: all text stands to the right of them.
    shared: bool,
}

impl Page<'_> {
    fn draw(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut before = BTreeMap::new();
        for row in &self.rows.rows {
            lines.extend(self.row(row, &before));
            before = row.marks.clone();
        }
        lines.push(String::new());
        lines.extend(legend::lines(self.rows, self.shared, self.width));
        lines.extend(self.margin.legend());
        let mut text = String::new();
        for line in lines {
            text += line.replace('\u{a0}', " ").trim_end();
            text.push('\n');
        }
        text
    }

    fn row(&self, row: &Row, before: &BTreeMap<Task, Mark>) -> Vec<String> {
        let own = self.places.of_task(row.task);
        let room = match (self.shared, row.kind) {
            (true, _) => {
                let beside = self.digits + 1 + self.margin.width + self.places.count() * 2;
                self.width.saturating_sub(beside)
            }
            // It concerns everybody, and may take all the room.
            (false, _) if concerns_all(row) => (self.places.count() - own) * self.column - 2,
            // An arrow needs some room beside the label.
            (false, _) if row.signals_itself() => self.column - 16,
            (false, _) if !row.arrows.is_empty() => self.column - 5,
            (false, _) => self.column - 3,
        };
        let mut texts = self.texts(row, room);
        if texts.is_empty() {
            texts.push(String::new());
        }
        let mut lines = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let number = if index == 0 { row.number.to_string() } else { String::new() };
            let mut cells = self.gutters(row, before, index == 0);
            self.put(&mut cells, row, text);
            if index == 0 {
                for arrow in &row.arrows {
                    self.arrow(&mut cells, row, *arrow, text);
                }
            }
            let line = if index == 0 { self.margin.line(row) } else { String::new() };
            let beside = self.margin.width;
            let line = if beside > 0 { format!("{line:<beside$}") } else { String::new() };
            let digits = self.digits;
            let cells: String = cells.into_iter().collect();
            lines.push(format!("{number:>digits$} {line}{cells}"));
        }
        lines
    }

    /// The label, and under it the note, in lines that fit.
    fn texts(&self, row: &Row, room: usize) -> Vec<String> {
        let task = if self.shared { format!("{} ", row.task) } else { String::new() };
        let again = if row.kind == RowKind::GoesOn { "… " } else { "" };
        let label = format!("{task}{again}{}", row.label);
        let mut lines = wrap(&label, room);
        let mut add = |text: &str| {
            for line in text.lines() {
                lines.extend(
                    wrap(line, room.saturating_sub(2)).iter().map(|line| format!("  {line}")),
                );
            }
        };
        row.note.iter().for_each(|note| add(note));
        row.problem.iter().for_each(|problem| add(&format!("!! {problem}")));
        lines
    }

    /// A line with nothing but what each task is doing.
    fn gutters(&self, row: &Row, before: &BTreeMap<Task, Mark>, first: bool) -> Vec<char> {
        let text = if self.shared { self.width } else { 0 };
        let mut cells = vec![' '; self.places.count() * self.column + text];
        let own = self.places.of_task(row.task) * self.column;
        for (task, mark) in &row.marks {
            let at = self.places.of_task(*task) * self.column;
            if at > own && !first && !self.shared && concerns_all(row) {
                continue;
            }
            if let Some(gate) = row.gates.get(task) {
                cells[at + 1] = legend::gate(*gate);
            }
            let ended = row.task == *task || row.arrows.iter().any(|arrow| arrow.to == *task);
            match mark {
                // It is seen to go in the row that says so.
                Mark::Gone if first && ended && before.get(task) != Some(&Mark::Gone) => {
                    cells[at] = '╵';
                }
                Mark::Gone => {}
                mark => cells[at] = sign(*mark),
            }
        }
        cells
    }

    fn put(&self, cells: &mut [char], row: &Row, text: &str) {
        let at = if self.shared {
            self.places.count() * self.column
        } else {
            self.places.of_task(row.task) * self.column + 2
        };
        write_at(cells, at, text);
    }

    /// From the label to the other task's column, past those between.
    fn arrow(&self, cells: &mut [char], row: &Row, arrow: Arrow, text: &str) {
        let (from, to) = (self.places.of_task(row.task), self.places.of_task(arrow.to));
        if self.shared && arrow.kind == ArrowKind::Signal {
            let told = format!("┄┄▶ {}", signalled(row).join(", "));
            return write_at(cells, self.places.count() * self.column + width_of(text) + 1, &told);
        }
        if arrow.to == row.task {
            let itself = row.signals_itself();
            let at = if self.shared { self.places.count() } else { from } * self.column;
            let beside = if self.shared { 1 } else { 3 };
            let told = if itself { "┄┄▶ itself" } else { "" };
            return write_at(cells, at + beside + width_of(text), told);
        }
        let title = |columns: &[crate::rows::Column]| {
            let found = columns.iter().find(|column| column.task == arrow.to);
            found.map(|column| column.title.clone()).filter(|_| arrow.kind == ArrowKind::Makes)
        };
        if self.shared {
            let told = match (title(&self.rows.columns), arrow.kind) {
                (Some(title), _) => format!("──▶ {title}"),
                // The note says it, of all of them.
                (None, ArrowKind::Wakes) => return,
                (None, _) => format!("··▶ {}", arrow.to),
            };
            return write_at(cells, self.places.count() * self.column + width_of(text) + 1, &told);
        }
        let line = match arrow.kind {
            ArrowKind::Makes => '─',
            ArrowKind::Signal | ArrowKind::Comes => '┄',
            ArrowKind::Reaps => '·',
            ArrowKind::Wakes => '═',
        };
        let target = to * self.column;
        let (start, end) = if to > from {
            let start = from * self.column + 2 + width_of(text) + 1;
            cells[target - 1] = '▶';
            (start, target - 1)
        } else {
            cells[target + 1] = '◀';
            (target + 2, from * self.column)
        };
        for cell in cells.iter_mut().take(end).skip(start).filter(|cell| **cell == ' ') {
            *cell = line;
        }
        if let Some(title) = title(&self.rows.columns) {
            write_at(cells, target + 2, &pad(&title, self.column - 3));
        }
    }
}

/// Whom a row sends signals to.
fn signalled(row: &Row) -> Vec<String> {
    let signals = row.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Signal);
    let name = |to: Task| if to == row.task { "itself".into() } else { to.to_string() };
    signals.map(|arrow| name(arrow.to)).collect()
}

/// Its text takes the room of the columns to its right too.
fn concerns_all(row: &Row) -> bool {
    matches!(row.kind, RowKind::Stuck | RowKind::Remark)
}

fn write_at(cells: &mut [char], at: usize, text: &str) {
    for (cell, char) in cells.iter_mut().skip(at).zip(text.chars()) {
        *cell = char;
    }
}
