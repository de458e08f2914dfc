//! The runtime's prologue becomes one row, and what no picture tells of becomes none.

use super::build::QUIET;
use super::{Inside, Row, RowKind};

/// What else the loader and the runtime call before `main`.
const RUNTIME: [&str; 11] = [
    "open",
    "openat",
    "read",
    "pread64",
    "close",
    "readlink",
    "fcntl",
    "lseek",
    "poll",
    "rt_sigaction",
    "gettid",
];

/// What a program asks after itself, which changes nothing and is the same each time.
const HIDDEN: [&str; 2] = ["getpid", "gettid"];

/// The signals that Rust's runtime sets something for.
const RUNTIMES_SIGNALS: [&str; 3] = ["SIGPIPE", "SIGSEGV", "SIGBUS"];

/// Folds what comes between an exec and the program's own first call, and leaves out what no
/// picture tells of.
pub(super) fn prologue(rows: &mut Vec<Row>) {
    let starts: Vec<usize> = (0..rows.len())
        .filter(|index| matches!(rows[*index].kind, RowKind::Begin | RowKind::Exec))
        .collect();
    let mut folded = vec![false; rows.len()];
    for start in starts {
        let task = rows[start].task;
        let own = (start + 1..rows.len()).filter(|index| rows[*index].task == task);
        let calls: Vec<usize> =
            own.take_while(|index| is_call(&rows[*index], &RUNTIME, &QUIET)).collect();
        // What comes last of these is surely the runtime's; a `read` after it may be the program's.
        let last = |some: &[&str], others: &[&str]| {
            calls.iter().rposition(|index| is_call(&rows[*index], some, others))
        };
        let quiet = last(&[], &QUIET).is_some();
        let sure = last(&["rt_sigaction", "poll"], &[]).or_else(|| last(&[], &QUIET));
        let Some(sure) = sure.filter(|_| quiet) else { continue };
        for index in &calls[1..=sure] {
            folded[*index] = true;
        }
        let number = sure as u64 + 1;
        let last = calls[sure];
        let (step, marks) = (rows[last].last, rows[last].marks.clone());
        let gates = rows[last].gates.clone();
        let labels = calls[..=sure].iter().map(|index| rows[*index].label.clone()).collect();
        let row = &mut rows[calls[0]];
        row.kind = RowKind::Prologue(number);
        row.label = format!("the loader and the runtime: {number} calls");
        row.sentence = format!("{task} is made ready by the loader and the runtime");
        (row.last, row.marks, row.gates) = (step, marks, gates);
        (row.note, row.call) = (None, None);
        row.inside = Inside { all: format!("{number} calls"), of: "calls", labels };
    }
    for index in 0..rows.len() {
        folded[index] |= is_call(&rows[index], &HIDDEN, &QUIET) || only_looks(rows, index);
    }
    let mut folded = folded.into_iter();
    rows.retain(|_| !folded.next().unwrap_or_default());
    for (number, row) in (1..).zip(rows.iter_mut()) {
        row.number = number;
    }
}

/// Where Rust is built without optimisation, it looks at each descriptor before it closes it.
fn only_looks(rows: &[Row], index: usize) -> bool {
    let row = &rows[index];
    let looks = row.label.strip_prefix("fcntl(").and_then(|rest| rest.split_once(", F_GETFD)"));
    let next = rows[index + 1..].iter().find(|next| next.task == row.task);
    match (looks, next) {
        (Some((fd, _)), Some(next)) => next.label == format!("close({fd})"),
        _ => false,
    }
}

fn is_call(row: &Row, some: &[&str], others: &[&str]) -> bool {
    let name = row.call.as_deref();
    row.kind == RowKind::Call
        && row.problem.is_none()
        && !row.injected
        && name.is_some_and(|name| some.contains(&name) || others.contains(&name))
        && (name != Some("rt_sigaction")
            || RUNTIMES_SIGNALS.iter().any(|it| row.label.contains(it)))
}
