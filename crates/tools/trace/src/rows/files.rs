//! A long look into /proc becomes one row: a program that asks who holds what reads there for
//! hundreds of calls.

use std::collections::BTreeSet;

use super::{Row, RowKind};

/// With fewer rows than that it may be what the program is about.
const LEAST: usize = 7;

/// Folds each stretch of calls of one task that open, read and close files of /proc, and nothing
/// else.
pub(super) fn looks(rows: Vec<Row>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let mut at = 0;
    while at < rows.len() {
        let length = look(&rows[at..]);
        if length < LEAST {
            kept.extend_from_slice(&rows[at..at + length.max(1)]);
        } else {
            kept.push(folded(&rows[at..at + length]));
        }
        at += length.max(1);
    }
    kept
}

/// With how many rows of one look the rows begin.
fn look(rows: &[Row]) -> usize {
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
        let path = arguments.starts_with("\"/proc/") || arguments.starts_with("\"/proc\"");
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

fn folded(rows: &[Row]) -> Row {
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let number = rows.len() as u64;
    Row {
        kind: RowKind::Folded(number),
        label: format!("… looks into /proc: {number} calls"),
        sentence: format!("{} looks into /proc, with {number} calls", first.task),
        note: None,
        arrows: Vec::new(),
        last: last.last,
        marks: last.marks.clone(),
        call: None,
        ..first.clone()
    }
}
