//! Whom a row reaches, what it moves, and what it waits for.

use std::fmt::Write as _;

use super::draw::Pen;
use super::layout::{HALF, MIDDLE, Words};
use super::scene::{Awaited, Between, Flow};
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
        let own = self.layout.bar(self.row.task);
        for (to, kind) in &self.band.arrows {
            let class = match kind {
                ArrowKind::Makes => "makes",
                ArrowKind::Signal | ArrowKind::Comes => "signal",
                ArrowKind::Reaps => "reaps",
                ArrowKind::Wakes => "wakes",
            };
            let (target, there) = (*to, self.layout.bar(*to));
            if *to == self.row.task {
                self.itself(*kind == ArrowKind::Signal);
                continue;
            }
            if own == there {
                continue;
            }
            let (from, to) = if there > own {
                (self.edge(words), there - HALF - 2)
            } else {
                (own - HALF - 2, there + HALF + 2)
            };
            // Bytes go the same way, or a signal does.
            let bytes = there > own && !self.band.flows.is_empty();
            let signal = self.band.arrows.contains(&(target, ArrowKind::Signal));
            let aside = *kind == ArrowKind::Wakes && (bytes || signal);
            let y = if aside { MIDDLE - 6 } else { MIDDLE };
            self.arrow(class, (from, to), y, *kind != ArrowKind::Reaps);
        }
    }

    /// A signal from itself, or from where nobody has a bar.
    fn itself(&mut self, leaves: bool) {
        // What waits outside has its mark below.
        let (bar, y) = (self.layout.bar(self.row.task) - HALF - 1, MIDDLE - 4);
        let (far, tip, up, down) = (bar - 11, bar - 6, y - 4, y + 4);
        let path = match leaves {
            true => format!("M{bar} 2h-8q-3 0 -3 3v3q0 3 3 3H{tip}"),
            false => format!("M{far} {y}H{tip}"),
        };
        let _ = write!(
            self.out,
            "<path class=\"signal own\" d=\"{path}\"/>\
             <path class=\"signal head\" d=\"M{tip} {up}L{bar} {y}L{tip} {down}Z\"/>"
        );
    }

    pub(super) fn flows(&mut self, words: &Words) {
        for (what, flow) in self.band.flows.clone() {
            let Some(x) = self.layout.between(self.scene, what) else { continue };
            let (edge, tube) = (self.edge(words), x - 15);
            let none = if flow == Flow::End { "none " } else { "" };
            let twin = if matches!(what, Between::Sockets(_)) { "twin " } else { "" };
            let class = format!("flow {none}{twin}{}", mark(what));
            let ends = if flow == Flow::In { (edge, tube) } else { (tube, edge) };
            self.arrow(&class, ends, MIDDLE, true);
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

    fn arrow(&mut self, class: &str, (from, to): (usize, usize), y: usize, head: bool) {
        let tip = if to > from { to.saturating_sub(8) } else { to + 8 };
        if class == "wakes" {
            let (up, down) = (y - 4, y + 4);
            let head = format!("M{tip} {up}L{to} {y}L{tip} {down}");
            let _ = write!(self.out, "<path class=\"wakes\" d=\"M{from} {y}H{to}{head}\"/>");
            return;
        }
        let (end, up, down) = (if head { tip } else { to }, y - 5, y + 5);
        // Sockets go two ways: their lines are double.
        let line = match class.contains("twin") {
            true => format!("M{from} {}H{end}M{from} {}H{end}", y - 2, y + 2),
            false => format!("M{from} {y}H{end}"),
        };
        let _ = write!(self.out, "<path class=\"{class}\" d=\"{line}\"/>");
        if head {
            let _ = write!(
                self.out,
                "<path class=\"{class} head\" d=\"M{tip} {up}L{to} {y}L{tip} {down}Z\"/>"
            );
        }
    }
}
