//! One row.

use std::fmt::Write as _;

use super::bars::colour;
use super::escape;
use super::layout::{HALF, Layout, MIDDLE, Words};
use super::scene::{Band, Scene};
use crate::model::State;
use crate::rows::{Row, RowKind};
use crate::text::wrap::pad;

/// A row's text, which says how high it is.
pub(super) fn words(scene: &Scene, layout: &Layout, index: usize) -> Words {
    let (row, band) = (&scene.rows.rows[index], &scene.bands[index]);
    let to_right = |to: usize| to > layout.bar(row.task);
    let leaves = !band.awaited.is_empty()
        || band.flows.iter().any(|(what, _)| scene.columns.contains_key(what))
        || band.arrows.iter().any(|(task, _)| to_right(layout.bar(*task)));
    layout.words(row, leaves)
}

/// A row's markup, but for the bars and the tubes, which go through many.
pub(super) fn row(
    scene: &Scene,
    layout: &Layout,
    index: usize,
    (words, top): (&Words, usize),
    prefix: &str,
) -> String {
    let (row, band) = (&scene.rows.rows[index], &scene.bands[index]);
    let mut pen = Pen { scene, layout, row, band, out: String::new() };
    let class = match row.kind {
        RowKind::Folded(_) | RowKind::Prologue(_) => " folded",
        RowKind::Stuck => " stuck",
        _ => "",
    };
    let (number, colour) = (row.number, colour(row.task));
    // One of several drawings of the same rows is what links lead to.
    let id = if layout.linked { format!(" id=\"{prefix}step-{number}\"") } else { String::new() };
    let _ = write!(
        pen.out,
        "<g class=\"row {colour}{class}\"{id} transform=\"translate(0 {top})\">\
         <text x=\"32\" y=\"19\">{number}</text>"
    );
    if row.injected {
        let (width, height) = (layout.width - 2, words.height() - 2);
        let _ = write!(
            pen.out,
            "<rect class=\"injected\" x=\"1\" y=\"1\" width=\"{width}\" height=\"{height}\"/>"
        );
    }
    pen.lives();
    pen.arrows(words);
    pen.flows(words);
    pen.awaited(words);
    pen.counts(index.checked_sub(1).map(|above| &scene.bands[above]));
    pen.text(words);
    pen.out + "</g>\n"
}

pub(super) struct Pen<'a> {
    pub(super) scene: &'a Scene,
    pub(super) layout: &'a Layout,
    pub(super) row: &'a Row,
    pub(super) band: &'a Band,
    pub(super) out: String,
}

impl Pen<'_> {
    /// Who begins in this row, who is gone, and who becomes another program.
    fn lives(&mut self) {
        for column in &self.scene.rows.columns {
            let task = column.task;
            let (before, after) = (self.band.before.get(&task), self.band.after.get(&task));
            let x = self.layout.bar(task);
            if before.is_none() && after.is_some() && !self.layout.shared && task != self.row.task {
                let title = escape(&pad(&column.title, self.layout.title()));
                let (x, colour) = (x + HALF + 9, colour(task));
                let _ = write!(
                    self.out,
                    "<text class=\"title {colour}\" x=\"{x}\" y=\"19\">{title}</text>"
                );
            } else if before.is_none() && after.is_some() && self.layout.shared {
                let _ = write!(self.out, "<text class=\"small\" x=\"{x}\" y=\"8\">{task}</text>");
            }
            let reaped = match before {
                Some(State::Zombie(_)) => true,
                Some(_) => matches!(self.row.kind, RowKind::Folded(_)),
                None => false,
            };
            if reaped && after.is_none() {
                let (left, up) = (x - 5, MIDDLE - 5);
                let _ = write!(
                    self.out,
                    "<path class=\"gone\" d=\"M{left} {up}l10 10m-10 0l10 -10\"/>"
                );
            }
        }
        let x = self.layout.bar(self.row.task);
        if self.row.kind == RowKind::Exec {
            let (left, y) = (x - HALF - 4, MIDDLE - 3);
            let _ = write!(self.out, "<path class=\"exec\" d=\"M{left} {y}h22v6h-22z\"/>");
        }
    }

    fn text(&mut self, words: &Words) {
        let x = self.layout.text(self.row.task);
        let mut y = 19;
        for (index, line) in words.label.iter().enumerate() {
            let line = escape(line);
            let (who, rest) = match line.split_once('\u{a0}') {
                Some((who, rest)) if index == 0 => (format!("<tspan>{who}</tspan> "), rest),
                _ => (String::new(), line.as_str()),
            };
            let _ = write!(self.out, "<text x=\"{x}\" y=\"{y}\">{who}{rest}</text>");
            y += 16;
        }
        let notes = words.note.iter().map(|line| ("note", line));
        let problems = words.problem.iter().map(|line| ("bad", line));
        for (class, line) in notes.chain(problems) {
            let line = escape(line);
            let at = y - 1;
            let _ = write!(self.out, "<text class=\"{class}\" x=\"{x}\" y=\"{at}\">{line}</text>");
            y += 14;
        }
    }
}
