//! What is between tasks: pipes, what sockets have received, and connections in a queue.

use std::fmt::Write as _;

use super::draw::Pen;
use super::layout::{FEW, Layout, MIDDLE};
use super::scene::{Band, Between, Level, Scene};

/// The outlines of the signs of pipes, for a box of 12 by 12.
pub(crate) const SHAPES: [&str; 5] = [
    "M6 1.5a4.5 4.5 0 1 0 .01 0Z",
    "M2 2H10V10H2Z",
    "M6 1.5L11 10.5H1Z",
    "M6 1L11 6L6 11L1 6Z",
    "M1.5 4.5H4.5V1.5H7.5V4.5H10.5V7.5H7.5V10.5H4.5V7.5H1.5Z",
];

/// Half of a tube.
const HALF: usize = 13;

/// Which of them a pipe has.
pub(crate) fn shape(number: u32) -> usize {
    (number as usize - 1) % SHAPES.len()
}

/// All tubes, from top to bottom; `tops` has one row more than there are.
pub(super) fn tubes(scene: &Scene, layout: &Layout, tops: &[usize]) -> String {
    let all = scene.spans.iter().map(|(what, span)| tube(scene, layout, tops, *what, *span));
    all.collect()
}

fn tube(
    scene: &Scene,
    layout: &Layout,
    tops: &[usize],
    what: Between,
    (first, last): (usize, usize),
) -> String {
    let Some(x) = layout.between(scene, what) else { return String::new() };
    let level = |index: usize| scene.bands[index].levels.get(&what).copied();
    let made = first.checked_sub(1).is_none_or(|above| level(above).is_none());
    let closed = scene.bands.get(last + 1).is_some_and(|band| !band.levels.contains_key(&what));
    let from = tops[first] + MIDDLE;
    let to = tops[last + 1] + if closed { MIDDLE } else { 0 };
    let (left, right) = (x - HALF, x + HALF);
    let mut outline = format!("M{left} {from}V{to}M{right} {from}V{to}");
    for (y, _) in [(from, made), (to, closed)].iter().filter(|(_, ends)| *ends) {
        let _ = write!(outline, "M{left} {y}H{right}");
    }
    let two_ways = matches!(what, Between::Sockets(number) if scene.peers.contains_key(&number));
    let mut full = String::new();
    for side in 0..=usize::from(two_ways) {
        let (left, width) = if two_ways { (left + side * HALF, HALF) } else { (left, HALF * 2) };
        let mut began = None;
        for (index, top) in tops.iter().enumerate().take(last + 2).skip(first) {
            let some = index <= last && level(index).unwrap_or_default()[side] > 0;
            match (began, some) {
                (None, true) => began = Some(top + MIDDLE),
                (Some(y), false) => {
                    let to = to.min(top + MIDDLE);
                    let _ = write!(full, "M{left} {y}h{width}V{to}h-{width}z");
                    began = None;
                }
                _ => {}
            }
        }
    }
    let middle = if two_ways { format!("M{x} {from}V{to}") } else { String::new() };
    let (colour, header) = (mark(what), header(scene, what, x, tops[first]));
    let mut tube = format!("<g class=\"{colour}\">");
    for (class, d) in [("level", full), ("tube", outline), ("between", middle)] {
        if !d.is_empty() {
            let _ = write!(tube, "<path class=\"{class}\" d=\"{d}\"/>");
        }
    }
    tube + &header + "</g>\n"
}

impl Pen<'_> {
    /// How much is in what this row puts something into or takes something from.
    pub(super) fn counts(&mut self, above: Option<&Band>) {
        for (what, after) in &self.band.levels {
            let (Some(x), true) =
                (self.layout.between(self.scene, *what), self.scene.spans.contains_key(what))
            else {
                continue;
            };
            let before: Level =
                above.and_then(|band| band.levels.get(what)).copied().unwrap_or_default();
            let changed = (0..2).find(|side| after[*side] != before[*side] && after[*side] > 0);
            if let Some(side) = changed {
                let level = after[side];
                self.out += &format!("<text class=\"count\" x=\"{x}\" y=\"27\">{level}</text>");
            }
        }
    }
}

/// The class that gives something its colour.
pub(super) fn mark(what: Between) -> String {
    match what {
        Between::Pipe(number)
        | Between::Sockets(number)
        | Between::Count(number)
        | Between::Queue(number) => colour(number),
    }
}

/// The class of a pipe's colour, or of a pair of sockets'.
pub(crate) fn colour(number: u32) -> String {
    format!("c{}", (number - 1) % 4)
}

/// What a tube is: its sign, and its name.
fn header(scene: &Scene, what: Between, x: usize, top: usize) -> String {
    // Where many stand side by side, there is room for their numbers only.
    let few = scene.count() <= FEW;
    let noun = |noun: &str| if few { format!("{noun} ") } else { String::new() };
    let (name, shape) = match what {
        Between::Pipe(number) => (format!("{}{number}", noun("pipe")), Some(shape(number))),
        Between::Queue(number) => (format!("queue {number}"), None),
        Between::Count(number) => (format!("{}{number}", noun("eventfd")), None),
        Between::Sockets(number) => match scene.peers.get(&number) {
            Some(peer) => (format!("{}{number}⇄{peer}", noun("sockets")), None),
            None => (format!("{}{number}", noun("socket")), None),
        },
    };
    let at = if shape.is_some() { x + 6 } else { x };
    let sign = shape.map_or_else(String::new, |shape| {
        let (left, outline) = (if few { x - 27 } else { x - 13 }, SHAPES[shape]);
        format!(
            "<path class=\"sign\" transform=\"translate({left} {})\" d=\"{outline}\"/>",
            top + 1
        )
    });
    format!("{sign}<text class=\"small\" x=\"{at}\" y=\"{}\">{name}</text>", top + 11)
}
