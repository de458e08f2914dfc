//! The lines of the program's source, in a margin between the rows' numbers and the columns.

use super::wrap::width_of;
use crate::rows::{Row, Rows};

/// What stands in the margin.
#[derive(Default)]
pub(super) struct Margin {
    /// How wide it is, with the blank at its end; 0: there is none.
    pub(super) width: usize,
    /// The file that all lines are in: then their numbers do.
    file: Option<String>,
}

impl Margin {
    pub(super) fn of(rows: &Rows) -> Self {
        let mut files: Vec<&str> = rows.rows.iter().filter_map(|row| Some(parts(row)?.0)).collect();
        files.sort_unstable();
        files.dedup();
        let file = match files[..] {
            [one] => Some(one.to_owned()),
            _ => None,
        };
        let mut margin = Self { width: 0, file };
        let widest = rows.rows.iter().map(|row| width_of(&margin.line(row))).max();
        margin.width = widest.filter(|widest| *widest > 0).map_or(0, |widest| widest + 1);
        margin
    }

    /// What stands there beside a row: `17`, or `lib.rs:40`.
    pub(super) fn line(&self, row: &Row) -> String {
        match parts(row) {
            Some((_, number)) if self.file.is_some() => number.to_owned(),
            Some((file, number)) => {
                let name = file.rsplit('/').next().unwrap_or(file);
                format!("{name}:{number}")
            }
            None => String::new(),
        }
    }

    /// What the numbers are, if they are nothing but numbers.
    pub(super) fn legend(&self) -> Option<String> {
        self.file.as_ref().map(|file| format!("The second number is the line in {file}."))
    }
}

/// The file and the number.
fn parts(row: &Row) -> Option<(&str, &str)> {
    row.line.as_deref()?.rsplit_once(':')
}
