//! Whom a row reaches, what it moves, and what it waits for.

use std::fmt::Write as _;

use super::draw::Pen;
use super::layout::{HALF, MIDDLE, Words};
use super::scene::{Awaited, Flow};
use super::tubes::mark;
use crate::rows::ArrowKind;

impl Pen<'_> {
    /// Where arrows to the right leave the row's text, or its bar.
    fn edge(&self, words: &Words) -> usize {
        let task = self.row.task;
        let text = self.layout.text(task) + words.first_line() + 6;
        if self.layout.shared { self.layout.bar(task) + HALF + 2 } else { text }
    }

    pub(super) fn arrows(&mut self, words: &Words) {
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
        }
    }

    pub(super) fn flows(&mut self, words: &Words) {
        for (what, flow) in self.band.flows.clone() {
            let Some(x) = self.layout.between(self.scene, what) else { continue };
            let (edge, tube) = (self.edge(words), x - 15);
            let none = if flow == Flow::End { "none " } else { "" };
            let class = format!("flow {none}{}", mark(what));
            let (from, to) = if flow == Flow::In { (edge, tube) } else { (tube, edge) };
            self.arrow(&class, from, to, true);
        }
    }

    /// From who begins to wait to what it waits for.
    pub(super) fn awaited(&mut self, words: &Words) {
        let own = self.layout.bar(self.row.task);
        for awaited in &self.band.awaited {
            let (from, to) = match awaited {
                Awaited::Between(what) => match self.layout.between(self.scene, *what) {
                    Some(x) => (self.edge(words), x - 18),
                    None => continue,
                },
                Awaited::Task(task) if self.layout.bar(*task) > own => {
                    (self.edge(words), self.layout.bar(*task) - HALF - 5)
                }
                Awaited::Task(task) => (own - HALF - 2, self.layout.bar(*task) + HALF + 5),
            };
            let y = MIDDLE;
            let _ = write!(
                self.out,
                "<path class=\"awaits\" d=\"M{from} {y}H{to}\"/>\
                 <circle class=\"awaits\" cx=\"{to}\" cy=\"{y}\" r=\"3.5\"/>"
            );
        }
    }

    fn arrow(&mut self, class: &str, from: usize, to: usize, head: bool) {
        let y = MIDDLE;
        let tip = if to > from { to.saturating_sub(8) } else { to + 8 };
        let end = if head { tip } else { to };
        let (up, down) = (y - 5, y + 5);
        let _ = write!(self.out, "<path class=\"{class}\" d=\"M{from} {y}H{end}\"/>");
        if head {
            let _ = write!(
                self.out,
                "<path class=\"{class} head\" d=\"M{tip} {up}L{to} {y}L{tip} {down}Z\"/>"
            );
        }
    }
}
