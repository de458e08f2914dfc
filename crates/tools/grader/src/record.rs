//! Verdicts for programs to read: one JSON object a line.
//!
//! When the environment variable `GRADER_VERDICTS` names a file, whatever a test says to its reader is appended to
//! it as well. `cargo course` sets it; plain `cargo test` does without.
//!
//! ```json
//! {"id":"each_child_is_told","status":"begun","max":3}
//! {"id":"each_child_is_told","status":"fail","points":0,"max":3,"cause":"…","evidence":["…"],"hint":"…","replay":"…"}
//! ```
//!
//! The id is the test's name, the hint a question to think about. The status is `begun` (from [`worth`]), `fail`, `error` (the grader could not do its part) or `environment` (from
//! [`skip`](crate::skip)). That a test passed is for the test harness to say. A test that fails and is
//! not told of here has panicked: the grader's fault, never the learner's.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

thread_local! {
    /// What the test that this thread runs is worth.
    static WORTH: Cell<u32> = const { Cell::new(1) };
}

/// Says how many points a graded test is worth; one, where it says nothing. Call it first in the test.
pub fn worth(points: u32) {
    WORTH.set(points);
    Record::new("begun").number("max", points).append();
}

/// A line to be.
pub(crate) struct Record(String);

impl Record {
    /// A record of this status, of the test that this thread runs: the harness names threads for their tests.
    pub(crate) fn new(status: &str) -> Self {
        let thread = std::thread::current();
        Self(String::from("{")).text("id", thread.name().unwrap_or_default()).text("status", status)
    }

    pub(crate) fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.0, value);
        self
    }

    pub(crate) fn texts(mut self, key: &str, values: &[String]) -> Self {
        self.key(key);
        self.0.push('[');
        for (position, value) in values.iter().enumerate() {
            if position > 0 {
                self.0.push(',');
            }
            quote(&mut self.0, value);
        }
        self.0.push(']');
        self
    }

    /// The points of a test that has failed.
    pub(crate) fn points(self) -> Self {
        self.number("points", 0).number("max", WORTH.get())
    }

    fn number(mut self, key: &str, value: u32) -> Self {
        self.key(key);
        // Writing to a String never fails.
        let _ = write!(self.0, "{value}");
        self
    }

    fn key(&mut self, key: &str) {
        if !self.0.ends_with('{') {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }

    /// Appends the line to the file, if there is one to append to.
    ///
    /// A file that cannot be written is told of on standard error, and fails no test: the verdict is printed anyway.
    pub(crate) fn append(mut self) {
        let Some(file) = std::env::var_os("GRADER_VERDICTS") else { return };
        self.0.push_str("}\n");
        // One write at the end of the file: lines of tests that run side by side don't mix.
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&file)
            .and_then(|mut file| file.write_all(self.0.as_bytes()));
        if let Err(error) = written {
            eprintln!("cannot append a verdict to {}: {error}", file.display());
        }
    }
}

/// A JSON string (RFC 8259, section 7).
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            c if c < ' ' => {
                // Writing to a String never fails.
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_json_whatever_a_program_printed() -> Result<(), serde_json::Error> {
        let nasty = "\"quoted\" back\\slash\nline\ttab \u{1b}[31m \u{7f} é 🦄 \u{0}";
        let record =
            Record::new("fail").text("cause", nasty).texts("evidence", &[nasty.into(), "".into()]);
        let value: serde_json::Value =
            serde_json::from_str(&format!("{}}}", record.number("max", 3).0))?;
        assert_eq!(value["cause"], nasty);
        assert_eq!(value["evidence"], serde_json::json!([nasty, ""]));
        assert_eq!(value["max"], 3);
        assert_eq!(value["status"], "fail");
        assert_eq!(value["id"], "record::tests::a_record_is_json_whatever_a_program_printed");
        Ok(())
    }
}
