//! What the signs mean, and the patterns that bars are filled with.

use std::fmt::Write as _;

use super::bars::COLOURS;
use super::escape;
use super::scene::{Between, Flow, Scene};
use crate::model::State;
use crate::rows::{ArrowKind, Gate, RowKind, Rows};
use crate::text::wrap::wrap;

/// The patterns, by names that begin with `prefix`.
pub(super) fn patterns(prefix: &str) -> String {
    let mut defs = String::from("<defs>");
    for colour in 0..COLOURS {
        let _ = write!(
            defs,
            "<pattern id=\"{prefix}hatch{colour}\" width=\"6\" height=\"6\" \
             patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <path class=\"p{colour}\" d=\"M1.5 0V6\"/></pattern>\
             <pattern id=\"{prefix}lines{colour}\" width=\"6\" height=\"6\" \
             patternUnits=\"userSpaceOnUse\"><path class=\"p{colour}\" d=\"M0 1.5H6\"/></pattern>"
        );
    }
    defs + "</defs>\n"
}

/// Who has chosen the order; empty: the kernel has.
pub(crate) fn order(rows: &Rows) -> String {
    if rows.policy.is_empty() || rows.policy == "free" {
        return String::new();
    }
    let (policy, seed) = (&rows.policy, rows.seed);
    format!(
        "The recorder chose who runs next (policy {policy}, seed {seed}); --policy chooses another \
         order. A row is a step, not a time."
    )
}

/// What a sign is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Acts,
    Runs,
    Held,
    Sleeps,
    Handler,
    Stopped,
    Zombie,
    Awaits,
    Makes,
    Signal,
    Wakes,
    Blocks,
    Outside,
    Exec,
    Injected,
    Bytes,
    Queue,
    ByPipe,
    BySocket,
    End,
}

/// What it is about, the sign, and what it means.
const SIGNS: [(About, &str, &str); 20] = [
    (
        About::Acts,
        "<rect class=\"run p0\" x=\"5\" width=\"14\" height=\"20\"/>\
         <path class=\"acts ring\" d=\"M12 10h0\"/><path class=\"acts\" d=\"M12 10h0\"/>",
        "whose step it is",
    ),
    (About::Runs, "<rect class=\"run p0\" x=\"5\" width=\"14\" height=\"20\"/>", "runs"),
    (
        About::Held,
        "<path class=\"held p0\" d=\"M6 0V20M18 0V20\"/>",
        "could run, but it is not its turn",
    ),
    (
        About::Sleeps,
        "<rect x=\"5\" width=\"14\" height=\"20\" fill=\"url(#PREFIXhatch0)\"/>\
         <path class=\"side p0\" d=\"M6 0V20M18 0V20\"/>",
        "sleeps in a call",
    ),
    (
        About::Awaits,
        "<path class=\"awaits\" d=\"M0 10H18\"/>\
         <circle class=\"awaits\" cx=\"20\" cy=\"10\" r=\"3.5\"/>",
        "waits for that",
    ),
    (
        About::Handler,
        "<rect class=\"run p0\" x=\"2\" width=\"14\" height=\"20\"/>\
         <rect class=\"handler\" x=\"17\" width=\"4\" height=\"20\"/>",
        "in a signal handler",
    ),
    (
        About::Stopped,
        "<rect x=\"5\" width=\"14\" height=\"20\" fill=\"url(#PREFIXlines0)\"/>\
         <path class=\"side p0\" d=\"M6 0V20M18 0V20\"/>",
        "stopped by a signal",
    ),
    (
        About::Zombie,
        "<path class=\"zombie p0\" d=\"M6 0V20M18 0V20\"/>\
         <path class=\"gone\" d=\"M7 15L17 25M7 25L17 15\" transform=\"translate(0 -5)\"/>",
        "has ended: a zombie, until it is reaped (×)",
    ),
    (
        About::Makes,
        "<path class=\"makes\" d=\"M0 10H18\"/><path class=\"makes head\" d=\"M16 5L24 10L16 15Z\"/>",
        "makes a process",
    ),
    (
        About::Signal,
        "<path class=\"signal\" d=\"M0 10H18\"/>\
         <path class=\"signal head\" d=\"M16 5L24 10L16 15Z\"/>",
        "a signal",
    ),
    (
        About::Wakes,
        "<path class=\"wakes\" d=\"M0 10H23M15 5L23 10L15 15\"/>",
        "wakes it: what it waits for is there",
    ),
    (
        About::Blocks,
        "<rect class=\"run p0\" x=\"8\" width=\"14\" height=\"20\"/>\
         <path class=\"blocks\" d=\"M4 0V20\"/>",
        "blocks signals",
    ),
    (
        About::Outside,
        "<rect class=\"run p0\" x=\"8\" width=\"14\" height=\"20\"/>\
         <path class=\"waits\" d=\"M2 0h5V20h-5z\"/>",
        "a signal has come, and waits outside",
    ),
    (
        About::Exec,
        "<rect class=\"exec\" x=\"1\" y=\"7\" width=\"22\" height=\"6\"/>",
        "becomes another program",
    ),
    (
        About::Injected,
        "<rect class=\"injected\" x=\"1\" y=\"2\" width=\"22\" height=\"16\"/>",
        "the recorder's doing, not the program's",
    ),
    (
        About::Bytes,
        "<rect class=\"level c0\" x=\"0\" width=\"24\" height=\"20\"/>\
         <path class=\"tube c0\" d=\"M0 0V20M24 0V20\"/>\
         <text class=\"count\" x=\"12\" y=\"14\">6</text>",
        "bytes that nobody has read yet",
    ),
    (
        About::Queue,
        "<rect class=\"level s0\" x=\"0\" width=\"24\" height=\"20\"/>\
         <path class=\"tube s0\" d=\"M0 0V20M24 0V20\"/>\
         <text class=\"count\" x=\"12\" y=\"14\">1</text>",
        "connections in a queue, not accepted yet",
    ),
    (
        About::ByPipe,
        "<path class=\"flow c0\" d=\"M0 10H17\"/><path class=\"flow c0 head\" d=\"M16 5L24 10L16 15Z\"/>",
        "bytes into a pipe, or out of it",
    ),
    (
        About::BySocket,
        "<path class=\"flow twin s0\" d=\"M0 8H16M0 12H16\"/>\
         <path class=\"flow s0 head\" d=\"M16 5L24 10L16 15Z\"/>",
        "bytes to a socket, or from it",
    ),
    (
        About::End,
        "<path class=\"flow none c0\" d=\"M0 10H17\"/><path class=\"flow c0 head\" d=\"M16 5L24 10L16 15Z\"/>",
        "the end: nobody is left who writes",
    ),
];

/// Whether there is something in the picture that a sign is about.
fn occurs(scene: &Scene, about: About) -> bool {
    let state = |is: fn(&State) -> bool| {
        scene.bands.iter().any(|band| band.before.values().chain(band.after.values()).any(is))
    };
    let arrow = |kind| scene.bands.iter().any(|band| band.arrows.iter().any(|(_, is)| *is == kind));
    let gate = |gate| scene.bands.iter().any(|band| band.gates.values().any(|is| *is == gate));
    let flow = |is: fn(Between, Flow) -> bool| {
        scene.bands.iter().any(|band| band.flows.iter().any(|(what, flow)| is(*what, *flow)))
    };
    match about {
        About::Acts | About::Runs => true,
        About::Held => state(|state| matches!(state, State::Held)),
        About::Sleeps => state(|state| matches!(state, State::Sleeping)),
        About::Handler => scene.bands.iter().any(|band| !band.handlers.is_empty()),
        About::Stopped => state(|state| matches!(state, State::Stopped(_))),
        About::Zombie => state(|state| matches!(state, State::Zombie(_))),
        About::Awaits => scene.bands.iter().any(|band| !band.awaited.is_empty()),
        About::Makes => arrow(ArrowKind::Makes),
        About::Signal => arrow(ArrowKind::Signal) || arrow(ArrowKind::Comes),
        About::Wakes => arrow(ArrowKind::Wakes),
        About::Blocks => gate(Gate::Blocks),
        About::Outside => gate(Gate::Waits),
        About::Exec => scene.rows.rows.iter().any(|row| row.kind == RowKind::Exec),
        About::Injected => scene.rows.rows.iter().any(|row| row.injected),
        About::Bytes => scene.columns.keys().any(|what| !matches!(what, Between::Queue(_))),
        About::Queue => scene.columns.keys().any(|what| matches!(what, Between::Queue(_))),
        About::ByPipe => flow(|what, flow| matches!(what, Between::Pipe(_)) && flow != Flow::End),
        About::BySocket => {
            flow(|what, flow| matches!(what, Between::Sockets(_)) && flow != Flow::End)
        }
        About::End => flow(|_, flow| flow == Flow::End),
    }
}

/// The legend and what is said of the order, below the rows, and how high that is.
pub(super) fn foot(
    scene: &Scene,
    order: &str,
    width: usize,
    top: usize,
    prefix: &str,
) -> (String, usize) {
    let mut foot = format!("<g class=\"legend\" data-top=\"{top}\">");
    let (mut x, mut y) = (10, top + 16);
    for (_, sign, meaning) in SIGNS.iter().filter(|(about, ..)| occurs(scene, *about)) {
        let sign = sign.replace("PREFIX", prefix);
        let wide = 50 + meaning.chars().count() * 62 / 10;
        if x + wide > width && x > 10 {
            (x, y) = (10, y + 28);
        }
        let _ = write!(
            foot,
            "<g transform=\"translate({x} {y})\">{sign}<text x=\"31\" y=\"14\">{meaning}</text></g>"
        );
        x += wide;
    }
    y += if order.is_empty() { 28 } else { 42 };
    for line in wrap(order, width.saturating_sub(20) * 10 / 62) {
        let _ = write!(foot, "<text x=\"10\" y=\"{y}\">{}</text>", escape(&line));
        y += 16;
    }
    (foot + "</g>\n", y - top)
}
