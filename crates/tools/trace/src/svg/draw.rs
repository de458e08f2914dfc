//! One row.

use std::fmt::Write as _;

use super::escape;
use super::layout::{HALF, Layout, MIDDLE, Words};
use super::scene::{Band, Scene};
use crate::event::Task;
use crate::model::State;
use crate::rows::{Row, RowKind};
use crate::text::wrap::pad;

/// How many colours there are for tasks.
pub(crate) const COLOURS: u32 = 4;

/// A row's markup, and its height.
pub(super) fn row(
    scene: &Scene,
    layout: &Layout,
    index: usize,
    top: usize,
    prefix: &str,
) -> (String, usize) {
    let (row, band) = (&scene.rows.rows[index], &scene.bands[index]);
    let to_right = |to: usize| to > layout.bar(row.task);
    let leaves = !band.awaited.is_empty()
        || band.flows.iter().any(|(what, _)| scene.columns.contains_key(what))
        || band.arrows.iter().any(|(task, _)| to_right(layout.bar(*task)));
    let words = layout.words(row, leaves);
    let height = words.height();
    let mut pen = Pen { scene, layout, row, band, height, prefix, out: String::new() };
    let class = match row.kind {
        RowKind::Folded(_) | RowKind::Prologue(_) => " folded",
        RowKind::Stuck => " stuck",
        _ => "",
    };
    let (number, width) = (row.number, layout.width);
    // One of several drawings of the same rows is what links lead to.
    let id = if layout.linked { format!(" id=\"{prefix}step-{number}\"") } else { String::new() };
    let _ = write!(
        pen.out,
        "<g class=\"row{class}\"{id} \
         transform=\"translate(0 {top})\"><rect class=\"band\" width=\"{width}\" \
         height=\"{height}\"/><text class=\"no\" x=\"26\" y=\"19\">{number}</text>"
    );
    let before = index.checked_sub(1).map(|above| &scene.bands[above]);
    pen.tubes(before, index);
    pen.bars();
    pen.arrows(&words);
    pen.flows(&words);
    pen.awaited(&words);
    pen.text(&words);
    pen.out += "</g>\n";
    (pen.out, height)
}

pub(super) struct Pen<'a> {
    pub(super) scene: &'a Scene,
    pub(super) layout: &'a Layout,
    pub(super) row: &'a Row,
    pub(super) band: &'a Band,
    pub(super) height: usize,
    pub(super) prefix: &'a str,
    pub(super) out: String,
}

impl Pen<'_> {
    pub(super) fn put(&mut self, markup: &str) {
        self.out += markup;
    }

    fn bars(&mut self) {
        let tasks: Vec<Task> = self.scene.rows.columns.iter().map(|column| column.task).collect();
        for task in tasks {
            let (before, after) = (self.band.before.get(&task), self.band.after.get(&task));
            if before == after {
                self.bar(task, before, 0, self.height);
            } else {
                self.bar(task, before, 0, MIDDLE);
                self.bar(task, after, MIDDLE, self.height);
            }
            let x = self.layout.bar(task);
            if before.is_none() && after.is_some() {
                self.begins(task, x);
            }
            if matches!(before, Some(State::Zombie(_))) && after.is_none() {
                let (left, right) = (x - 5, x + 5);
                let (up, down) = (MIDDLE - 5, MIDDLE + 5);
                self.put(&format!(
                    "<path class=\"gone\" d=\"M{left} {up}L{right} {down}M{left} {down}L{right} {up}\"/>"
                ));
            }
        }
        if self.row.kind == RowKind::Exec {
            let x = self.layout.bar(self.row.task);
            let (left, y) = (x - HALF - 4, MIDDLE - 3);
            self.put(&format!(
                "<rect class=\"exec\" x=\"{left}\" y=\"{y}\" width=\"22\" height=\"6\"/>"
            ));
        }
    }

    fn bar(&mut self, task: Task, state: Option<&State>, from: usize, to: usize) {
        let Some(state) = state else { return };
        let (x, prefix) = (self.layout.bar(task), self.prefix);
        let (left, right, height) = (x - HALF, x + HALF, to - from);
        let colour = (task.0 - 1) % COLOURS;
        let solid = |class: &str, fill: &str| {
            format!(
                "<rect class=\"{class} p{colour}\" x=\"{left}\" y=\"{from}\" width=\"14\" \
                 height=\"{height}\"{fill}/>"
            )
        };
        let sides = |class: &str| {
            let (left, right) = (left + 1, right - 1);
            format!(
                "<path class=\"{class} p{colour}\" d=\"M{left} {from}V{to}M{right} {from}V{to}\"/>"
            )
        };
        let drawn = match state {
            State::Running => solid("run", ""),
            State::InHandler(signals) => {
                let more: String = (0..signals.len().min(3))
                    .map(|depth| {
                        let x = right + 1 + depth * 5;
                        format!(
                            "<rect class=\"handler\" x=\"{x}\" y=\"{from}\" width=\"4\" \
                             height=\"{height}\"/>"
                        )
                    })
                    .collect();
                solid("run", "") + &more
            }
            State::Sleeping => {
                solid("sleep", &format!(" fill=\"url(#{prefix}hatch{colour})\"")) + &sides("side")
            }
            State::Stopped(_) => {
                solid("stop", &format!(" fill=\"url(#{prefix}lines{colour})\"")) + &sides("side")
            }
            State::Held => sides("held"),
            State::Zombie(_) => sides("zombie"),
            State::Reaped(_) => return,
        };
        self.put(&drawn);
    }

    /// A task's name, where its bar begins.
    fn begins(&mut self, task: Task, x: usize) {
        let columns = &self.scene.rows.columns;
        let title = columns.iter().find(|column| column.task == task);
        let title = title.map_or("", |column| column.title.as_str());
        if self.layout.shared {
            self.put(&format!("<text class=\"small\" x=\"{x}\" y=\"11\">{task}</text>"));
        } else if task != self.row.task {
            let (x, title) = (x + HALF + 9, escape(&pad(title, self.layout.title())));
            self.put(&format!("<text class=\"title\" x=\"{x}\" y=\"19\">{title}</text>"));
        }
    }

    fn text(&mut self, words: &Words) {
        let x = self.layout.text(self.row.task);
        let mut y = 19;
        for (index, line) in words.label.iter().enumerate() {
            let line = escape(line);
            let (who, rest) = match line.split_once(' ') {
                Some((who, rest)) if index == 0 => (format!("<tspan>{who}</tspan> "), rest),
                _ => (String::new(), line.as_str()),
            };
            self.put(&format!("<text class=\"code\" x=\"{x}\" y=\"{y}\">{who}{rest}</text>"));
            y += 16;
        }
        let notes = words.note.iter().map(|line| ("note", line));
        let problems = words.problem.iter().map(|line| ("bad", line));
        for (class, line) in notes.chain(problems) {
            let line = escape(line);
            self.put(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{}\">{line}</text>", y - 1));
            y += 14;
        }
    }
}
