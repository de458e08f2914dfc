//! A check: build, run the tests, say what was found.

use crate::build::{self, Built};
use crate::exercise::Exercise;
use crate::process::Stop;
use crate::report::{Milliseconds, Report, Status, Untested};
use crate::trial;
use anyhow::Result;
use std::time::{Duration, Instant};

/// How to check.
pub struct How<'a> {
    /// Whether the compiler's words may have colours.
    pub colour: bool,
    /// Ends the check from another thread.
    pub stop: Stop,
    /// Is told what cargo says while it builds.
    pub progress: &'a (dyn Fn(&str) + Sync),
    /// How long the tests may take, all together.
    pub deadline: Duration,
}

impl Default for How<'_> {
    fn default() -> Self {
        let progress = &|_: &str| {};
        Self { colour: false, stop: Stop::default(), progress, deadline: trial::DEADLINE }
    }
}

/// Checks an exercise; `None` if it was stopped.
///
/// # Errors
/// Course itself could not do its part: cargo can't be run, no room for a temporary file.
pub fn check(exercise: &Exercise, how: &How<'_>) -> Result<Option<Report>> {
    let start = Instant::now();
    let built = build::build(exercise, how.colour, &how.stop, how.progress)?;
    let build = start.elapsed();
    let mut report = match built {
        Built::Stopped => return Ok(None),
        Built::Refused { errors, by_learner } => refused(exercise, errors, by_learner),
        Built::Impossible(said) => {
            let cause = "Cargo could not build this exercise.".into();
            let verdict = Untested { cause, evidence: vec![said] };
            Report::without_tests(exercise, Status::Environment, verdict)
        }
        Built::Tests { program, warnings } => {
            match trial::run(exercise, &program, how.deadline, &how.stop)? {
                Some(report) => Report { warnings, ..report },
                None => return Ok(None),
            }
        }
    };
    report.milliseconds =
        Milliseconds { build: in_ms(build), tests: in_ms(start.elapsed().saturating_sub(build)) };
    Ok(Some(report))
}

fn refused(exercise: &Exercise, errors: Vec<String>, by_learner: bool) -> Report {
    let (status, cause) = if by_learner {
        (Status::Fail, "The program does not compile.")
    } else {
        (Status::Error, "The exercise's tests do not compile: the fault is not in your file.")
    };
    let waiting = errors.len().saturating_sub(1);
    let verdict = Untested { cause: cause.into(), evidence: errors };
    Report { waiting, ..Report::without_tests(exercise, status, verdict) }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
