//! What the signs mean, and who chose the order.

use super::wrap::wrap;
use crate::rows::{ArrowKind, Gate, Mark, Rows};

const MEANINGS: [(Mark, &str); 6] = [
    (Mark::Running, "runs"),
    (Mark::Held, "could run, but it is not its turn"),
    (Mark::Sleeping, "sleeps in a call"),
    (Mark::Handler, "in a signal handler"),
    (Mark::Stopped, "stopped by a signal"),
    (Mark::Zombie, "has ended, and is not reaped: a zombie"),
];

const GATES: [(Gate, &str); 2] =
    [(Gate::Blocks, "blocks signals"), (Gate::Waits, "a signal has come, and waits outside")];

const ARROWS: [(ArrowKind, &str, &str); 4] = [
    (ArrowKind::Makes, "──▶", "makes it"),
    (ArrowKind::Wakes, "══▶", "wakes it"),
    (ArrowKind::Signal, "┄┄▶", "a signal"),
    (ArrowKind::Reaps, "··▶", "reaps it"),
];

/// The arrows that occur, and what they mean; where text stands apart, who is woken is said in words.
fn arrows(rows: &Rows, apart: bool, width: usize) -> Vec<String> {
    let drawn = |kind: &ArrowKind| {
        let mut arrows = rows.rows.iter().flat_map(|row| &row.arrows);
        !(apart && *kind == ArrowKind::Wakes) && arrows.any(|arrow| arrow.kind == *kind)
    };
    let signs = ARROWS.iter().filter(|(kind, ..)| drawn(kind));
    let signs =
        signs.map(|(_, sign, meaning)| format!("{sign}\u{a0}{}", meaning.replace(' ', "\u{a0}")));
    wrap(&signs.collect::<Vec<_>>().join("   "), width)
}

/// The signs that occur, and what they mean; whose choice the order was, if it was one.
pub(super) fn lines(rows: &Rows, apart: bool, width: usize) -> Vec<String> {
    let used = |mark: &Mark| rows.rows.iter().any(|row| row.marks.values().any(|it| it == mark));
    let gated = |gate: &Gate| rows.rows.iter().any(|row| row.gates.values().any(|it| it == gate));
    let marks = MEANINGS.iter().filter(|(mark, _)| used(mark));
    let marks = marks.map(|(mark, meaning)| (sign(*mark), *meaning));
    let gates = GATES.iter().filter(|(it, _)| gated(it));
    let gates = gates.map(|(it, meaning)| (gate(*it), *meaning));
    let signs: Vec<String> = marks
        .chain(gates)
        // No line ends between a sign and what it means.
        .map(|(sign, meaning)| format!("{sign}\u{a0}{}", meaning.replace(' ', "\u{a0}")))
        .collect();
    let mut lines = wrap(&signs.join("   "), width);
    lines.extend(arrows(rows, apart, width));
    if rows.policy != "free" && !rows.policy.is_empty() {
        let order = format!(
            "The recorder chose who runs next ({}, seed {}); --policy and --seed choose another order.",
            rows.policy, rows.seed
        );
        lines.extend(wrap(&order, width));
    }
    lines
}

pub(super) fn sign(mark: Mark) -> char {
    match mark {
        Mark::Running => '┃',
        Mark::Held => '│',
        Mark::Sleeping => '┊',
        Mark::Stopped => '■',
        Mark::Handler => '◆',
        Mark::Zombie => '░',
        Mark::Gone => ' ',
    }
}

pub(super) fn gate(gate: Gate) -> char {
    match gate {
        Gate::Blocks => '¦',
        Gate::Waits => '!',
    }
}
