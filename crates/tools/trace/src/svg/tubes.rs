//! What is between tasks: pipes, what sockets have received, and connections in a queue.

use std::fmt::Write as _;

use super::draw::Pen;
use super::layout::{FEW, Layout, MIDDLE};
use super::scene::{Band, Between, Level, Scene};
use super::signs;

/// Half of a tube.
const HALF: usize = 13;

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
    let (colour, header) = (mark(what), header(scene, what, x, (first, tops[first])));
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
        Between::Pipe(number) => signs::of_pipe(number).1,
        Between::Sockets(number) | Between::Queue(number) => signs::of_sockets(number).1,
        Between::Count(_) => "plain".into(),
    }
}

/// What a tube is: its name, and its sign, in the tube's beginning or, where that is full, beside the name.
fn header(scene: &Scene, what: Between, x: usize, (first, top): (usize, usize)) -> String {
    let empty = scene.bands[first].levels.get(&what).is_none_or(|level| *level == [0, 0]);
    // Where many stand side by side, there is room for their numbers only.
    let few = empty && scene.count() <= FEW;
    let noun = |noun: &str| if few { format!("{noun} ") } else { String::new() };
    let (name, sign) = match what {
        Between::Pipe(number) => {
            (format!("{}{number}", noun("pipe")), Some(signs::of_pipe(number).0))
        }
        Between::Queue(number) => (format!("queue {number}"), None),
        Between::Count(number) => (format!("{}{number}", noun("eventfd")), None),
        Between::Sockets(number) => {
            let name = match scene.peers.get(&number) {
                Some(peer) => format!("{}{number}⇄{peer}", noun("sockets")),
                None => format!("{}{number}", noun("socket")),
            };
            (name, Some(signs::of_sockets(number).0))
        }
    };
    let wide = sign.map_or(0, signs::width);
    let letters: usize = name.chars().map(|char| if char == '⇄' { 12 } else { 7 }).sum();
    let (at, left, y) = match empty {
        true => (x, x - wide / 2, top + MIDDLE + 3),
        false => (x + (wide + 3) / 2, x - (wide + 3 + letters) / 2, top + 1),
    };
    let sign = sign.map_or_else(String::new, |sign| {
        let parts = signs::SIGNS[sign].concat();
        format!("<path class=\"sign\" transform=\"translate({left} {y})\" d=\"{parts}\"/>")
    });
    format!("{sign}<text class=\"small\" x=\"{at}\" y=\"{}\">{name}</text>", top + 11)
}
