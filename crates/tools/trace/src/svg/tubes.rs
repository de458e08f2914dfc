//! What is between tasks: pipes, and what sockets have received.

use std::fmt::Write as _;

use super::draw::Pen;
use super::layout::MIDDLE;
use super::scene::{Band, Between, Scene};
use crate::model::Place;

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

impl Pen<'_> {
    pub(super) fn tubes(&mut self, above: Option<&Band>, index: usize) {
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
            let class = mark(self.scene, what);
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
                self.put(&header(self.scene, what, x));
            }
            if let Some(level) = after.filter(|level| *level > 0 && before != after) {
                self.put(&format!("<text class=\"count\" x=\"{x}\" y=\"27\">{level}</text>"));
            }
        }
    }
}

/// The class that gives something its colour.
pub(super) fn mark(scene: &Scene, what: Between) -> String {
    match what {
        Between::Bytes(Place::Socket(number)) => {
            colour(scene.pairs.get(&number).copied().unwrap_or(number))
        }
        Between::Bytes(Place::Pipe(number)) | Between::Queue(number) => colour(number),
    }
}

/// The class of a pipe's colour, or of a pair of sockets'.
pub(crate) fn colour(number: u32) -> String {
    format!("c{}", (number - 1) % 4)
}

/// What a tube is: its sign, and its name.
fn header(scene: &Scene, what: Between, x: usize) -> String {
    let (name, sign) = match what {
        Between::Bytes(Place::Pipe(number)) => (format!("pipe {number}"), Some(shape(number))),
        Between::Bytes(Place::Socket(number)) | Between::Queue(number) => {
            (format!("socket {number}"), None)
        }
    };
    let at = if sign.is_some() { x + 6 } else { x };
    let sign = sign.map_or_else(String::new, |shape| {
        let (class, left, outline) = (mark(scene, what), x - 27, SHAPES[shape]);
        format!("<path class=\"sign {class}\" transform=\"translate({left} 1)\" d=\"{outline}\"/>")
    });
    format!("{sign}<text class=\"small\" x=\"{at}\" y=\"11\">{name}</text>")
}
