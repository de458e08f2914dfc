//! Long stretches of the same thing become one row each.

use std::collections::BTreeMap;

use super::notes::without_numbers;
use super::{ArrowKind, Inside, Mark, Row, RowKind};
use crate::event::Task;

/// Calls that say something together only, if there are many.
const SERIES: [&str; 1] = ["rt_sigaction"];

/// What is inside a series.
const CALLS: &str = "calls";

/// The longest pattern whose repetitions are found.
const PATTERN: usize = 24;
/// How many times a pattern stands there at least, before it is folded.
const TIMES: usize = 4;
/// With more rows than that nobody reads them all, and what is merely alike is folded too.
const LONG: usize = 200;
/// So many are told by name of those who do the same.
const NAMED: usize = 6;

/// How much alike rows are that are folded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alike {
    /// The same tasks do the same with the same descriptors.
    Same,
    /// Others may do it, and with others.
    Like,
}

/// The tasks of a pattern, and who takes the place of each of them in one of its repetitions.
type Cast = BTreeMap<Task, Task>;

/// Folds a pattern of rows that stands there many times: it is shown once, and then how many times
/// more.
pub(super) fn repeats(rows: &[Row]) -> Vec<Row> {
    let rows = series(rows);
    let folded = fold(&rows, Alike::Same);
    if folded.len() <= LONG {
        return folded;
    }
    // What is the same may stand among what is alike, and part it.
    let all_at_once = fold(&rows, Alike::Like);
    let after = fold(&folded, Alike::Like);
    if all_at_once.len() < after.len() { all_at_once } else { after }
}

fn fold(rows: &[Row], how: Alike) -> Vec<Row> {
    let mut kept = Vec::with_capacity(rows.len());
    let mut at = 0;
    while at < rows.len() {
        let Some((length, casts)) = pattern(&rows[at..], how) else {
            kept.push(rows[at].clone());
            at += 1;
            continue;
        };
        let all = &rows[at..at + length * (casts.len() + 1)];
        kept.extend_from_slice(&all[..length]);
        kept.extend(folded(&all[length..], length, &casts, how));
        at += all.len();
    }
    kept
}

/// The shortest pattern with which the rows begin, and who is in its repetitions.
fn pattern(rows: &[Row], how: Alike) -> Option<(usize, Vec<Cast>)> {
    (1..=PATTERN).find_map(|length| {
        let casts: Vec<Cast> = (1..).map_while(|times| alike(rows, length, times, how)).collect();
        (casts.len() + 1 >= TIMES).then_some((length, casts))
    })
}

fn alike(rows: &[Row], length: usize, times: usize, how: Alike) -> Option<Cast> {
    let next = times * length;
    let again = rows.get(next..next + length)?;
    let mut cast = Cast::new();
    let same = ends_what_it_begins(&rows[..length])
        && ends_what_it_begins(again)
        && rows.iter().zip(again).all(|(one, other)| {
            same_thing(one, other, how) && same_tasks(&mut cast, one, other, how)
        });
    same.then_some(cast)
}

fn same_thing(one: &Row, other: &Row, how: Alike) -> bool {
    // A long look at files is one row already.
    let looks = |row: &Row| row.call.is_none() && matches!(row.kind, RowKind::Folded(_));
    // One byte or more, that is no difference.
    let note = |row: &Row| {
        without_numbers(row.note.as_deref().unwrap_or_default()).replace("byte ", "bytes ")
    };
    match how {
        Alike::Like if looks(one) => {
            looks(other) && without_numbers(&one.label) == without_numbers(&other.label)
        }
        _ if !foldable(one) || !foldable(other) => false,
        Alike::Same => one.key == other.key,
        Alike::Like => one.key.0 == other.key.0 && note(one) == note(other),
    }
}

/// Whoever is made in a stretch is gone at its end: nobody's beginning is folded away who is seen
/// to do something later.
fn ends_what_it_begins(rows: &[Row]) -> bool {
    let Some(last) = rows.last() else { return true };
    let mut arrows = rows.iter().flat_map(|row| &row.arrows);
    arrows.all(|arrow| {
        arrow.kind != ArrowKind::Makes
            || matches!(last.marks.get(&arrow.to), None | Some(Mark::Gone))
    })
}

/// Whether the same tasks take part, or those that are made in the one stretch in the places of
/// those that are made in the other; where rows need only be alike, anybody in anybody's place.
fn same_tasks(cast: &mut Cast, one: &Row, other: &Row, how: Alike) -> bool {
    let arrows = one.arrows.iter().zip(&other.arrows);
    if one.arrows.len() != other.arrows.len()
        || arrows.clone().any(|(one, other)| one.kind != other.kind)
    {
        return false;
    }
    let makes = arrows.clone().filter(|(one, _)| one.kind == ArrowKind::Makes);
    cast.extend(makes.map(|(one, other)| (one.to, other.to)));
    let pairs = arrows.map(|(one, other)| (one.to, other.to));
    pairs.chain([(one.task, other.task)]).all(|(one, other)| match cast.get(&one) {
        Some(known) => *known == other,
        None if how == Alike::Same => one == other,
        None => {
            let free = cast.values().all(|known| *known != other);
            cast.insert(one, other);
            free
        }
    })
}

fn foldable(row: &Row) -> bool {
    let once = match row.kind {
        RowKind::Begin | RowKind::Stuck | RowKind::Remark => true,
        RowKind::Folded(_) => !is_series(row),
        _ => false,
    };
    row.problem.is_none() && !once
}

fn is_series(row: &Row) -> bool {
    row.inside.of == CALLS && row.call.is_some()
}

/// Makes one row of each call that is made for many signals, say: the first of them is not more than the others.
fn series(rows: &[Row]) -> Vec<Row> {
    let one = |row: &Row, next: &Row| {
        row.task == next.task && row.call == next.call && same_thing(row, next, Alike::Same)
    };
    rows.chunk_by(one).fold(Vec::with_capacity(rows.len()), |mut kept, chunk| {
        match in_one_row(chunk) {
            Some(row) => kept.push(row),
            None => kept.extend_from_slice(chunk),
        }
        kept
    })
}

fn in_one_row(rows: &[Row]) -> Option<Row> {
    let (first, last) = (rows.first()?, rows.last()?);
    let call = first.call.as_deref().filter(|call| SERIES.contains(call))?;
    let times = rows.len();
    let asks = rows.iter().all(|row| !row.label.contains(", "));
    let does = if asks { "asks" } else { "asks or sets" };
    let does = format!("{does} what happens on each of these signals");
    let label = format!("{times} × {call}: {} … {}", first.label, last.label);
    (first.label != last.label && times >= TIMES).then(|| Row {
        kind: RowKind::Folded(times as u64),
        key: (does.clone(), label.clone()),
        label,
        sentence: format!(
            "{} {does}: {times} calls, from {} to {}",
            first.task, first.label, last.label
        ),
        note: Some(does),
        inside: Inside {
            all: format!("{times} calls"),
            of: CALLS,
            labels: rows.iter().map(|row| row.label.clone()).collect(),
        },
        last: last.last,
        marks: last.marks.clone(),
        gates: last.gates.clone(),
        ..first.clone()
    })
}

fn folded(rows: &[Row], length: usize, casts: &[Cast], how: Alike) -> Option<Row> {
    let (first, last, times) = (rows.first()?, rows.last()?, casts.len());
    let (what, sentence) = match how {
        Alike::Same if length == 1 => (format!("{times} times more"), "the same, "),
        Alike::Same => (format!("these {length} rows, {times} times more"), ""),
        Alike::Like if length == 1 => {
            (format!("{times} more like this{}", others(rows, casts)), "")
        }
        Alike::Like => {
            let others = others(rows, casts);
            (format!("{length} rows like these, {times} times more{others}"), "")
        }
    };
    let inside = |row: &Row| match how {
        Alike::Same => row.label.clone(),
        Alike::Like => format!("{} {}", row.task, row.label),
    };
    let all = match length {
        1 => format!("{} rows", rows.len()),
        _ => format!("{} rows, which are {times} times {length}", rows.len()),
    };
    Some(Row {
        kind: RowKind::Folded(times as u64),
        sentence: format!("{}: {sentence}{what}", first.task),
        label: format!("… {what}"),
        note: None,
        arrows: Vec::new(),
        inside: Inside { all, of: "rows", labels: rows.iter().map(inside).collect() },
        last: last.last,
        marks: last.marks.clone(),
        gates: last.gates.clone(),
        ..first.clone()
    })
}

/// Who takes whose place, if it is one task whose place is taken.
fn others(rows: &[Row], casts: &[Cast]) -> String {
    let arrows = rows.iter().flat_map(|row| &row.arrows);
    let makes = arrows.filter(|arrow| arrow.kind == ArrowKind::Makes);
    let made: Vec<Task> = makes.map(|arrow| arrow.to).collect();
    let taken = |task: &Task| {
        let mut others = casts.iter().map(|cast| cast[task]);
        others.any(|other| other != *task && !made.contains(&other))
    };
    let taken: Vec<Task> = casts[0].keys().copied().filter(taken).collect();
    let [task] = taken[..] else { return String::new() };
    let names = casts.iter().take(NAMED).map(|cast| cast[&task].to_string());
    let more = (casts.len() > NAMED).then(|| "…".to_owned());
    let names: Vec<String> = names.chain(more).collect();
    format!(", with {} in the place of {task}", names.join(", "))
}
