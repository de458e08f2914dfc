//! A long look into /proc or into a library's own files becomes one row: a program that asks who
//! holds what reads in /proc for hundreds of calls, and one that begins reads how its user writes.

use std::collections::BTreeSet;

use super::{Inside, Row, RowKind};
use crate::names::count;

/// With fewer rows than that it may be what the program is about.
const LEAST: usize = 7;

/// What is done with a file once it is open.
const CLOSER: [&str; 5] = ["read", "pread64", "lseek", "getdents64", "close"];

/// Where such files are, and what that is called.
const PLACES: [(&[&str], &str); 2] = [
    (&["/proc"], "into /proc"),
    (&["/usr/lib", "/lib", "/usr/share", "/etc/ld.so"], "for files of its libraries"),
];

/// Folds each stretch of calls of one task that open, read and close files of one place, and nothing
/// else.
pub(super) fn looks(rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let mut at = 0;
    while at < rows.len() {
        let looks = PLACES.map(|(paths, what)| (look(&rows[at..], paths), what));
        let (length, what) = looks.into_iter().max().unwrap_or_default();
        if length < LEAST {
            kept.extend_from_slice(&rows[at..at + length.max(1)]);
        } else {
            kept.push(folded(&rows[at..at + length], what));
        }
        at += length.max(1);
    }
    kept
}

/// With how many rows of one look the rows begin.
fn look(rows: &[Row], places: &[&str]) -> usize {
    let Some(task) = rows.first().map(|row| row.task) else { return 0 };
    let mut open: BTreeSet<String> = BTreeSet::new();
    let mut length = 0;
    for row in rows {
        let (Some(call), RowKind::Call, None) = (row.call.as_deref(), row.kind, &row.problem)
        else {
            break;
        };
        let arguments = row.label.strip_prefix(call).and_then(|rest| rest.strip_prefix('('));
        let Some(arguments) = arguments.filter(|_| row.task == task) else { break };
        let path = arguments.strip_prefix('"').unwrap_or_default();
        let path = places.iter().any(|place| path.starts_with(place));
        let fd = arguments.split([',', ')']).next().unwrap_or_default();
        let belongs = match call {
            "open" | "openat" => {
                if let (true, Some((_, fd))) = (path, row.label.rsplit_once(") = ")) {
                    open.insert(fd.to_owned());
                }
                path
            }
            "readlink" | "readlinkat" => path,
            "read" | "pread64" | "lseek" | "getdents64" => open.contains(fd),
            "close" => open.remove(fd),
            _ => false,
        };
        if !belongs {
            break;
        }
        length += 1;
    }
    length
}

/// Which files are looked at, each once.
fn opened(rows: &[Row]) -> Vec<String> {
    let opens = |row: &&Row| row.call.as_deref().is_some_and(|call| !CLOSER.contains(&call));
    let path = |row: &Row| Some(row.label.split('"').nth(1)?.to_owned());
    let mut paths: Vec<String> = rows.iter().filter(opens).filter_map(path).collect();
    let mut seen = BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    paths
}

fn folded(rows: &[Row], what: &str) -> Row {
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let number = rows.len() as u64;
    let labels = opened(rows);
    let all = format!("{number} calls, on {}", count(labels.len() as u64, "file", "files"));
    let inside = Inside { all, of: "files", labels };
    Row {
        kind: RowKind::Folded(number),
        label: format!("… looks {what}: {number} calls"),
        sentence: format!("{} looks {what}, with {number} calls", first.task),
        note: None,
        arrows: Vec::new(),
        last: last.last,
        marks: last.marks.clone(),
        gates: last.gates.clone(),
        call: None,
        inside,
        ..first.clone()
    }
}
