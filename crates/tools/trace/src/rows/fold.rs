//! Long stretches of the same thing, and the runtime's prologue, become one row each.

use std::collections::BTreeMap;

use super::build::QUIET;
use super::{ArrowKind, Mark, Row, RowKind};
use crate::event::Task;

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

/// Calls that say something together only, if there are many.
const SERIES: [&str; 1] = ["rt_sigaction"];

/// The longest pattern whose repetitions are found.
const PATTERN: usize = 24;
/// How many times a pattern stands there at least, before it is folded.
const TIMES: usize = 4;

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
        let inside = calls[..=sure].iter().map(|index| rows[*index].label.clone()).collect();
        let row = &mut rows[calls[0]];
        row.kind = RowKind::Prologue(number);
        row.label = format!("the loader and the runtime: {number} calls");
        row.sentence = format!("{task} is made ready by the loader and the runtime");
        (row.last, row.marks, row.note, row.call) = (step, marks, None, None);
        row.inside = inside;
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

/// Folds a pattern of rows that stands there many times: it is shown once, and then how many times
/// more.
pub(super) fn repeats(rows: Vec<Row>) -> Vec<Row> {
    let mut kept = Vec::with_capacity(rows.len());
    let mut at = 0;
    while at < rows.len() {
        let Some((length, times)) = pattern(&rows[at..]) else {
            kept.push(rows[at].clone());
            at += 1;
            continue;
        };
        let all = &rows[at..at + length * times];
        if let Some(row) = series(all).filter(|_| length == 1) {
            kept.push(row);
        } else {
            kept.extend_from_slice(&all[..length]);
            kept.extend(folded(&all[length..], length, times as u64 - 1));
        }
        at += length * times;
    }
    kept
}

/// The shortest pattern with which the rows begin, and how many times it stands there.
fn pattern(rows: &[Row]) -> Option<(usize, usize)> {
    (1..=PATTERN).find_map(|length| {
        let mut times = 1;
        while alike(rows, length, times) {
            times += 1;
        }
        (times >= TIMES).then_some((length, times))
    })
}

fn alike(rows: &[Row], length: usize, times: usize) -> bool {
    let next = times * length;
    let Some(again) = rows.get(next..next + length) else { return false };
    let mut names = BTreeMap::new();
    ends_what_it_begins(&rows[..length])
        && ends_what_it_begins(again)
        && rows.iter().zip(again).all(|(one, other)| {
            one.key == other.key
                && foldable(one)
                && foldable(other)
                && same_tasks(&mut names, one, other)
        })
}

/// Whoever is made in a stretch is gone at its end: nobody's beginning is folded away who is seen
/// to do something later.
fn ends_what_it_begins(rows: &[Row]) -> bool {
    let Some(last) = rows.last() else { return true };
    let mut arrows = rows.iter().flat_map(|row| &row.arrows);
    arrows.all(|arrow| {
        arrow.kind != ArrowKind::Makes || last.marks.get(&arrow.to) == Some(&Mark::Gone)
    })
}

/// Whether the same tasks take part, or those that are made in the one stretch in the places of
/// those that are made in the other.
fn same_tasks(names: &mut BTreeMap<Task, Task>, one: &Row, other: &Row) -> bool {
    for (made, also) in one.arrows.iter().zip(&other.arrows) {
        if made.kind == ArrowKind::Makes {
            names.insert(also.to, made.to);
        }
    }
    let name = |task: &Task| names.get(task).copied().unwrap_or(*task);
    one.arrows.len() == other.arrows.len()
        && one.task == name(&other.task)
        && one
            .arrows
            .iter()
            .zip(&other.arrows)
            .all(|(one, other)| one.kind == other.kind && one.to == name(&other.to))
}

fn foldable(row: &Row) -> bool {
    row.problem.is_none()
        && !matches!(
            row.kind,
            RowKind::Begin | RowKind::Stuck | RowKind::Remark | RowKind::Folded(_)
        )
}

fn labels(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.label.clone()).collect()
}

/// A call that is made for each of many signals, say: one row, since the first of them is not more than the others.
fn series(rows: &[Row]) -> Option<Row> {
    let (first, last) = (rows.first()?, rows.last()?);
    let call = first.call.as_deref().filter(|call| SERIES.contains(call))?;
    let times = rows.len();
    (first.label != last.label).then(|| Row {
        kind: RowKind::Folded(times as u64),
        label: format!("{times} × {call}: {} … {}", first.label, last.label),
        sentence: format!("{}: {times} calls, from {} to {}", first.task, first.label, last.label),
        note: None,
        inside: labels(rows),
        last: last.last,
        marks: last.marks.clone(),
        ..first.clone()
    })
}

fn folded(rows: &[Row], length: usize, times: u64) -> Option<Row> {
    let (first, last) = (rows.first()?, rows.last()?);
    let what = if length == 1 {
        format!("… {times} times more")
    } else {
        format!("… these {length} rows, {times} times more")
    };
    Some(Row {
        kind: RowKind::Folded(times),
        sentence: format!("{}: the same, {times} times more", first.task),
        label: what,
        note: None,
        arrows: Vec::new(),
        inside: labels(rows),
        last: last.last,
        marks: last.marks.clone(),
        ..first.clone()
    })
}
