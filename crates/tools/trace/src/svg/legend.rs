//! What the signs mean, and the patterns that bars are filled with.

use std::fmt::Write as _;

use super::draw::COLOURS;
use super::escape;
use crate::rows::Rows;
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

/// A sign, and what it means.
const SIGNS: [(&str, &str); 9] = [
    ("<rect class=\"run p0\" x=\"5\" width=\"14\" height=\"20\"/>", "runs"),
    ("<path class=\"held p0\" d=\"M6 0V20M18 0V20\"/>", "could run, and is held"),
    (
        "<rect x=\"5\" width=\"14\" height=\"20\" fill=\"url(#HATCH)\"/>\
         <path class=\"side p0\" d=\"M6 0V20M18 0V20\"/>",
        "sleeps in a call",
    ),
    (
        "<rect class=\"run p0\" x=\"2\" width=\"14\" height=\"20\"/>\
         <rect class=\"handler\" x=\"17\" width=\"4\" height=\"20\"/>",
        "in a signal handler",
    ),
    (
        "<path class=\"zombie p0\" d=\"M6 0V20M18 0V20\"/>\
         <path class=\"gone\" d=\"M7 15L17 25M7 25L17 15\" transform=\"translate(0 -5)\"/>",
        "a zombie, until it is reaped (×)",
    ),
    (
        "<path class=\"makes\" d=\"M0 10H18\"/><path class=\"makes head\" d=\"M16 5L24 10L16 15Z\"/>",
        "makes a process",
    ),
    (
        "<path class=\"signal\" d=\"M0 10H18\"/><path class=\"signal head\" d=\"M16 5L24 10L16 15Z\"/>",
        "a signal",
    ),
    ("<rect class=\"exec\" x=\"1\" y=\"7\" width=\"22\" height=\"6\"/>", "becomes another program"),
    (
        "<rect class=\"level c0\" x=\"0\" width=\"24\" height=\"20\"/>\
         <path class=\"tube c0\" d=\"M0 0V20M24 0V20\"/>\
         <text class=\"count\" x=\"12\" y=\"14\">6</text>",
        "bytes in a pipe",
    ),
];

/// The legend, below the rows, and its height.
pub(super) fn foot(rows: &Rows, width: usize, top: usize, prefix: &str) -> (String, usize) {
    let mut foot = format!("<g class=\"legend\" data-top=\"{top}\">");
    let (mut x, mut y) = (10, top + 16);
    for (sign, meaning) in SIGNS {
        let sign = sign.replace("HATCH", &format!("{prefix}hatch0"));
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
    y += 42;
    for line in wrap(&order(rows), width.saturating_sub(20) * 10 / 62) {
        let _ = write!(foot, "<text x=\"10\" y=\"{y}\">{}</text>", escape(&line));
        y += 16;
    }
    (foot + "</g>\n", y - top)
}
