//! What a page is told of its run.

use super::drawing::Drawing;
use super::processes::Shown;
use grader::{Exit, Finished};
use nix::sys::signal::Signal;
use serde::Serialize;
use std::time::Duration;

/// What a page is told, one a line.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Message {
    /// It has a place, and this name.
    Run {
        /// For stopping it, and for signals.
        id: String,
    },
    /// Cargo builds the program, and says this.
    Building {
        /// A line.
        text: String,
    },
    /// The compiler refuses it: the end.
    Compiler {
        /// What it says.
        text: String,
    },
    /// The program runs.
    Begun,
    /// On standard output.
    Out {
        /// As it came.
        text: String,
    },
    /// On standard error.
    Err {
        /// As it came.
        text: String,
    },
    /// What the kernel did, so far.
    Picture {
        /// A part of a page: see `trace::html::fragment`.
        html: String,
    },
    /// Who is there now. Told of programs that can be sent signals.
    Processes {
        /// Parents before their children.
        processes: Vec<Shown>,
    },
    /// The server can be sent requests from now on.
    Listens {
        /// Where on this machine.
        port: u16,
    },
    /// There will be no picture, or not of all.
    Unseen {
        /// Why.
        text: String,
    },
    /// The end.
    Ended {
        /// How, in words.
        text: String,
        /// Its exit code, if it has exited.
        code: Option<i32>,
        /// Whether it came to this end by itself.
        itself: bool,
        /// What there is to know about it, a sentence each.
        why: Vec<String>,
        /// How long it ran.
        milliseconds: u64,
    },
    /// The lab couldn't do its part: the end.
    Error {
        /// Why.
        text: String,
    },
}

/// How a run has ended.
pub(super) fn ended(finished: &Finished, drawing: &Drawing, took: Duration) -> Message {
    let outcome = &finished.outcome;
    let mut itself = false;
    let mut why = Vec::new();
    let text = match outcome.exit {
        _ if finished.stuck => {
            why = drawing.why_stuck();
            "It hung, and was ended: everybody slept, and nothing could wake anybody.".into()
        }
        Exit::Code(code) => {
            itself = true;
            format!("exited with {code}")
        }
        Exit::Signal(number) => {
            itself = true;
            match Signal::try_from(number) {
                Ok(signal) => format!("killed by {signal}"),
                Err(_) => format!("killed by signal {number}"),
            }
        }
        Exit::Deadline => {
            why = outcome.snapshot.explain();
            format!("It was ended after {} s.", outcome.deadline.as_secs())
        }
        Exit::TooMuchOutput => "It was ended: it wrote too much.".into(),
        Exit::TooMuchMemory => "It was ended: it used too much memory.".into(),
        Exit::Stopped => "stopped".into(),
        Exit::SupervisorGone => "It killed the process that watched over it.".into(),
    };
    why.extend(outcome.limits.iter().chain(&outcome.refused).cloned());
    if itself {
        // Who has ended as well only waits for whoever inherits it.
        let living = outcome.who_was_left().into_iter().filter(|it| it.contains("is still alive"));
        why.extend(living);
    }
    let code = if let Exit::Code(code) = outcome.exit { Some(code) } else { None };
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Message::Ended { text, code, itself, why, milliseconds }
}
