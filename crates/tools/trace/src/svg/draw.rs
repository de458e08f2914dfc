//! One row.

use std::fmt::Write as _;

use super::escape;
use super::layout::{HALF, Layout, MIDDLE, Words};
use super::scene::{Band, Between, Scene};
use crate::event::Task;
use crate::model::{Place, State};
use crate::rows::{ArrowKind, Row, RowKind};
use crate::text::wrap::pad;

/// How many colours there are for tasks.
pub(crate) const COLOURS: u32 = 4;

/// The outlines of the signs of pipes, for a box of 12 by 12.
pub(crate) const SHAPES: [&str; 5] = [
    "M6 1.5a4.5 4.5 0 1 0 .01 0Z",
    "M2 2H10V10H2Z",
    "M6 1.5L11 10.5H1Z",
    "M6 1L11 6L6 11L1 6Z",
    "M1.5 4.5H4.5V1.5H7.5V4.5H10.5V7.5H7.5V10.5H4.5V7.5H1.5Z",
];

/// Which of them a pipe has.
pub(crate) fn shape(number: u32) -> usize {
    (number as usize - 1) % SHAPES.len()
}

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
    let leaves = band.flows.iter().any(|(what, _)| scene.columns.contains_key(what))
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
    let _ = write!(
        pen.out,
        "<g class=\"row{class}\" id=\"{prefix}step-{number}\" data-i=\"{index}\" \
         transform=\"translate(0 {top})\"><rect class=\"band\" width=\"{width}\" \
         height=\"{height}\"/><text class=\"no\" x=\"26\" y=\"19\">{number}</text>"
    );
    let before = index.checked_sub(1).map(|above| &scene.bands[above]);
    pen.tubes(before, index);
    pen.bars();
    pen.arrows(&words);
    pen.flows(&words);
    pen.text(&words);
    pen.out += "</g>\n";
    (pen.out, height)
}

struct Pen<'a> {
    scene: &'a Scene,
    layout: &'a Layout,
    row: &'a Row,
    band: &'a Band,
    height: usize,
    prefix: &'a str,
    out: String,
}

impl Pen<'_> {
    fn put(&mut self, markup: &str) {
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
            if before.is_some() && after.is_none() {
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

    fn tubes(&mut self, above: Option<&Band>, index: usize) {
        let all: Vec<Between> = self.scene.columns.keys().copied().collect();
        for what in all {
            let Some(x) = self.layout.between(self.scene, what) else { continue };
            let before = above.and_then(|band| band.levels.get(&what)).copied();
            let after = self.band.levels.get(&what).copied();
            let (from, to) = match (before, after) {
                (None, None) => continue,
                (None, Some(_)) => (MIDDLE, self.height),
                (Some(_), None) => (0, MIDDLE),
                (Some(_), Some(_)) => (0, self.height),
            };
            let class = mark(what);
            for (level, from, to) in [(before, 0, MIDDLE), (after, MIDDLE, self.height)] {
                if level.is_some_and(|level| level > 0) {
                    let (left, height) = (x - 13, to - from);
                    self.put(&format!(
                        "<rect class=\"level {class}\" x=\"{left}\" y=\"{from}\" width=\"26\" \
                         height=\"{height}\"/>"
                    ));
                }
            }
            let (left, right) = (x - 13, x + 13);
            let mut d = format!("M{left} {from}V{to}M{right} {from}V{to}");
            if before.is_none() {
                let _ = write!(d, "M{left} {from}H{right}");
            }
            if after.is_none() {
                let _ = write!(d, "M{left} {to}H{right}");
            }
            self.put(&format!("<path class=\"tube {class}\" d=\"{d}\"/>"));
            if self.scene.begins.get(&what) == Some(&index) {
                let name = name(what);
                self.put(&format!("<text class=\"small\" x=\"{x}\" y=\"11\">{name}</text>"));
            }
            if let Some(level) = after.filter(|level| *level > 0 && before != after) {
                self.put(&format!("<text class=\"count\" x=\"{x}\" y=\"27\">{level}</text>"));
            }
        }
    }

    /// Where arrows to the right leave the row's text, or its bar.
    fn edge(&self, words: &Words) -> usize {
        let task = self.row.task;
        let text = self.layout.text(task) + words.first_line() + 6;
        if self.layout.shared { self.layout.bar(task) + HALF + 2 } else { text }
    }

    fn arrows(&mut self, words: &Words) {
        for (to, kind) in &self.band.arrows {
            let (own, there) = (self.layout.bar(self.row.task), self.layout.bar(*to));
            if own == there {
                continue;
            }
            let (from, to) = if there > own {
                (self.edge(words), there - HALF - 2)
            } else {
                (own - HALF - 2, there + HALF + 2)
            };
            let class = match kind {
                ArrowKind::Makes => "makes",
                ArrowKind::Signal => "signal",
                ArrowKind::Reaps => "reaps",
            };
            self.arrow(class, from, to, *kind != ArrowKind::Reaps);
            if *kind == ArrowKind::Signal && self.row.kind == RowKind::Ended {
                let (x, side) = if to > from { (to - 10, "end") } else { (to + 10, "start") };
                self.put(&format!("<text class=\"told {side}\" x=\"{x}\" y=\"10\">SIGCHLD</text>"));
            }
        }
    }

    fn flows(&mut self, words: &Words) {
        for (what, into) in self.band.flows.clone() {
            let Some(x) = self.layout.between(self.scene, what) else { continue };
            let (edge, tube) = (self.edge(words), x - 15);
            let class = format!("flow {}", mark(what));
            let (from, to) = if into { (edge, tube) } else { (tube, edge) };
            self.arrow(&class, from, to, true);
        }
    }

    fn arrow(&mut self, class: &str, from: usize, to: usize, head: bool) {
        let y = MIDDLE;
        let tip = if to > from { to.saturating_sub(8) } else { to + 8 };
        let end = if head { tip } else { to };
        let (up, down) = (y - 5, y + 5);
        self.put(&format!("<path class=\"{class}\" d=\"M{from} {y}H{end}\"/>"));
        if head {
            self.put(&format!(
                "<path class=\"{class} head\" d=\"M{tip} {up}L{to} {y}L{tip} {down}Z\"/>"
            ));
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

/// The class that gives something its colour.
pub(crate) fn mark(what: Between) -> String {
    match what {
        Between::Bytes(place) => colour(place),
        Between::Queue(_) => "queue".into(),
    }
}

/// The class that gives a pipe or a socket its colour.
pub(crate) fn colour(place: Place) -> String {
    match place {
        Place::Pipe(number) => format!("c{}", (number - 1) % 4),
        Place::Socket(_) => "socket".into(),
    }
}

fn name(what: Between) -> String {
    match what {
        Between::Bytes(place) => place.to_string(),
        Between::Queue(number) => format!("socket {number}"),
    }
}
