//! The rows as a table.

use std::fmt::Write as _;

use crate::rows::{Inside, Row, RowKind, Rows};
use crate::svg::escape;

/// With more rows than that, their numbers are no links: that would be a good part of the page.
const MANY: usize = 200;

/// How many rows are told of those that were folded into one.
const TOLD: usize = 6;

pub(super) fn table(rows: &Rows, prefix: &str) -> String {
    let lines = rows.rows.iter().any(|row| row.line.is_some());
    let file = only_file(&rows.rows);
    let of = file.map_or_else(String::new, |file| format!(" of {}", escape(file)));
    let line = if lines { format!("<th scope=\"col\">Line{of}</th>") } else { String::new() };
    let mut table = format!(
        "<details class=\"trace-steps\">\n<summary>The steps as a table</summary>\n<table>\n\
         <thead><tr><th scope=\"col\">Step</th>\
         <th scope=\"col\">What happens</th>{line}</tr></thead>\n<tbody>\n",
    );
    let linked = rows.rows.len() <= MANY;
    for row in &rows.rows {
        let number = row.number;
        let sentence = escape(&sentence(row));
        let line = row.line.as_deref().unwrap_or_default();
        let line = escape(match (file, line.rsplit_once(':')) {
            (Some(_), Some((_, number))) => number,
            _ => line,
        });
        let line = if lines { format!("<td>{line}</td>") } else { String::new() };
        let inside = if row.inside.labels.is_empty() { String::new() } else { inside(&row.inside) };
        let number = match linked {
            true => format!("<a href=\"#{prefix}step-{number}\">{number}</a>"),
            false => number.to_string(),
        };
        let _ = writeln!(
            table,
            "<tr><th scope=\"row\">{number}</th>\
             <td>{sentence}{inside}</td>{line}</tr>"
        );
    }
    table + "</tbody>\n</table>\n</details>\n"
}

/// The row's sentence, and what is said of it besides where everybody waits.
pub(super) fn sentence(row: &Row) -> String {
    let mut sentence = row.sentence.clone();
    if let (RowKind::Stuck, Some(note)) = (row.kind, &row.note) {
        sentence += ": ";
        sentence += &note.replace('\n', "; ");
    }
    if !sentence.ends_with('…') {
        sentence.push('.');
    }
    if let Some(problem) = &row.problem {
        let _ = write!(sentence, " The recording contradicts itself: {problem}.");
    }
    sentence
}

/// What was folded into a row.
fn inside(inside: &Inside) -> String {
    let Inside { all, of, labels } = inside;
    let all = escape(all);
    let mut list = format!("<details><summary>Folded: {all}</summary><ol>");
    for label in labels.iter().take(TOLD) {
        let _ = write!(list, "<li>{}</li>", escape(label));
    }
    list += "</ol>";
    if labels.len() > TOLD {
        let _ = write!(list, "<p>and {} {of} more</p>", labels.len() - TOLD);
    }
    list + "</details>"
}

/// The file that all lines are in, if they are in one.
fn only_file(rows: &[Row]) -> Option<&str> {
    let mut files = rows.iter().filter_map(|row| Some(row.line.as_deref()?.rsplit_once(':')?.0));
    let first = files.next()?;
    files.all(|file| file == first).then_some(first)
}
