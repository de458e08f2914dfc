//! What is wrong with the book, all of it at once.

use std::{error, fmt};

/// One thing to mend, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, from the workspace's root.
    pub file: String,
    /// The line, counted from 1; 0 when the problem is the whole file's.
    pub line: usize,
    /// What is missing, and what exists instead.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Every problem found; as an error it prints one a line.
#[derive(Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl error::Error for Problems {}

/// The names that exist, for the end of a message: `(it has: split, wait)`.
pub(crate) fn it_has(names: &[String]) -> String {
    match names {
        [] => "(it has none)".to_owned(),
        names => format!("(it has: {})", names.join(", ")),
    }
}
