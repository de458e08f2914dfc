//! The rows as a table.

use std::fmt::Write as _;

use crate::event::Event;
use crate::rows::{Row, RowKind, Rows};
use crate::svg::escape;

/// With more rows than that, their numbers are no links: that would be a good part of the page.
const MANY: usize = 200;

/// How many rows are told of those that were folded into one.
const TOLD: usize = 6;

pub(super) fn table(events: &[Event], rows: &Rows, prefix: &str) -> String {
    let folds = |row: &Row| matches!(row.kind, RowKind::Folded(_) | RowKind::Prologue(_));
    let whole = if rows.rows.iter().any(folds) { Rows::whole(events) } else { Rows::default() };
    let lines = rows.rows.iter().any(|row| row.line.is_some());
    let line = if lines { "<th scope=\"col\">Line</th>" } else { "" };
    let mut table = format!(
        "<details class=\"trace-steps\">\n<summary>The steps as a table</summary>\n<table>\n\
         <thead><tr><th scope=\"col\">Step</th>\
         <th scope=\"col\">What happens</th>{line}</tr></thead>\n<tbody>\n",
    );
    let linked = rows.rows.len() <= MANY;
    for row in &rows.rows {
        let number = row.number;
        let sentence = escape(&sentence(row));
        let line = row.line.as_deref().map_or_else(String::new, escape);
        let line = if lines { format!("<td>{line}</td>") } else { String::new() };
        let inside = if folds(row) { inside(row, &whole) } else { String::new() };
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
fn inside(fold: &Row, whole: &Rows) -> String {
    let only = matches!(fold.kind, RowKind::Prologue(_));
    let within = |row: &&Row| {
        row.first >= fold.first && row.last <= fold.last && (!only || row.task == fold.task)
    };
    let folded: Vec<&Row> = whole.rows.iter().filter(within).collect();
    let mut list = String::from("<details><summary>What is folded here</summary><ol>");
    for row in folded.iter().take(TOLD) {
        let _ = write!(list, "<li>{}</li>", escape(&row.label));
    }
    list += "</ol>";
    if folded.len() > TOLD {
        let _ = write!(list, "<p>and {} more</p>", folded.len() - TOLD);
    }
    list + "</details>"
}
