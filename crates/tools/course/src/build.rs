//! Builds an exercise and its tests: one call of cargo.

use crate::exercise::Exercise;
use crate::process::{Ended, Job, Stop};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A first build, with all that an exercise needs, on a slow machine and over a slow line.
const DEADLINE: Duration = Duration::from_secs(1800);

/// What came of a build.
#[derive(Debug)]
pub(crate) enum Built {
    /// The graded tests can be run.
    Tests {
        program: PathBuf,
        warnings: Vec<String>,
    },
    /// The compiler has refused something: its own words, first error first.
    Refused {
        errors: Vec<String>,
        by_learner: bool,
    },
    /// Cargo could not do its part: its own words.
    Impossible(String),
    Stopped,
}

/// One line of `--message-format=json`, as far as it matters here (the Cargo book, "External tools").
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    target: Target,
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Default, Deserialize)]
struct Target {
    #[serde(default)]
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    rendered: Option<String>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: PathBuf,
    line_start: u32,
    is_primary: bool,
}

/// Builds the exercise and its tests. `progress` is told what cargo says meanwhile.
pub(crate) fn build(
    exercise: &Exercise,
    colour: bool,
    stop: &Stop,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Built> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let format = if colour { "json-diagnostic-rendered-ansi" } else { "json" };
    let mut command = Command::new(cargo);
    command
        .args(["test", "--no-run", "--package", &exercise.name])
        .arg(format!("--message-format={format}"))
        .current_dir(&exercise.folder)
        .env("CARGO_TERM_PROGRESS_WHEN", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Some(mut job) = Job::start(&mut command, stop).context("cannot run cargo")? else {
        return Ok(Built::Stopped);
    };
    let stdout = job.child.stdout.take().context("cargo has no standard output")?;
    let stderr = job.child.stderr.take().context("cargo has no standard error")?;
    let (messages, said) = thread::scope(|scope| {
        let said = scope.spawn(|| {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.inspect(|line| progress(line)).collect::<Vec<_>>().join("\n")
        });
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let messages: Vec<Message> =
            lines.filter_map(|line| serde_json::from_str(&line).ok()).collect();
        (messages, said.join().unwrap_or_default())
    });
    let status = match job.finish(DEADLINE).context("cannot wait for cargo")? {
        Ended::Itself(status) => status,
        Ended::Stopped => return Ok(Built::Stopped),
        Ended::AtTheDeadline => return Ok(Built::Impossible("it did not come to an end".into())),
    };
    Ok(judge(&messages, status.success(), said, &exercise.folder))
}

fn judge(messages: &[Message], success: bool, said: String, folder: &Path) -> Built {
    // The compiler's last words only count the errors before them; they point to no place.
    let of_level = |level: &'static str| {
        messages.iter().filter_map(move |it| {
            let message = it.message.as_ref()?;
            let counts = message.level == level && !message.spans.is_empty();
            counts.then_some((&it.target, message))
        })
    };
    let learners = |target: &Target| {
        target.src_path.starts_with(folder) && target.kind.iter().any(|kind| kind == "bin")
    };
    let by_learner = of_level("error").any(|(target, _)| learners(target));
    let errors: Vec<String> = of_level("error")
        .filter(|(target, _)| learners(target) == by_learner)
        .map(|(_, error)| error.rendered.clone().unwrap_or_else(|| error.message.clone()))
        .collect();
    if !errors.is_empty() {
        return Built::Refused { errors, by_learner };
    }
    let tests = messages.iter().find_map(|message| {
        let ours = message.target.kind.iter().any(|kind| kind == "test");
        message.executable.clone().filter(|_| ours && message.reason == "compiler-artifact")
    });
    match tests {
        Some(program) if success => {
            let warnings = of_level("warning").filter(|(target, _)| learners(target));
            Built::Tests { program, warnings: warnings.map(|(_, it)| in_a_line(it)).collect() }
        }
        _ => Built::Impossible(said),
    }
}

/// A warning in a line: what, and where.
fn in_a_line(warning: &Diagnostic) -> String {
    let place = warning.spans.iter().find(|span| span.is_primary);
    let place = place.map(|span| {
        let file = span.file_name.file_name().unwrap_or_default().display();
        format!(" ({file}, line {})", span.line_start)
    });
    format!("{}{}", warning.message, place.unwrap_or_default())
}
