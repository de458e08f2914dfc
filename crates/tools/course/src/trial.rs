//! Runs an exercise's graded tests, and collects their verdicts.

use crate::exercise::{Check, Exercise};
use crate::process::{Ended, Job, Stop};
use crate::report::{Report, Stage, Status, Verdict};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// Learners' programs have deadlines of their own, and the grader keeps them. This one is for the grader.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// How many tests run at the same time at least. More than one: else they have no thread of their own to be named for.
const AT_ONCE: usize = 6;

/// One line of the grader's file of verdicts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Record {
    id: String,
    status: String,
    max: Option<u32>,
    check: String,
    cause: String,
    evidence: Vec<String>,
    hint: Option<String>,
    replay: Option<String>,
}

/// What the tests left to read.
struct Traces {
    records: Vec<Record>,
    /// Whether each test passed, as the harness says.
    results: BTreeMap<String, bool>,
    /// What the harness printed.
    output: String,
    ended: Ended,
}

/// Runs the tests; `None` if they were stopped.
pub(crate) fn run(
    exercise: &Exercise,
    tests: &Path,
    deadline: Duration,
    stop: &Stop,
) -> Result<Option<Report>> {
    let folder = tempfile::Builder::new().prefix("course-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    let verdicts = folder.path().join("verdicts");
    let output = folder.path().join("output");
    // A file, not a pipe: whoever holds it longer than the tests live, nobody waits for its end.
    let sink = File::create(&output).context("cannot make a temporary file")?;
    // However few processors there are: a test mostly waits, and that of a program which hangs does so until its deadline.
    let threads = thread::available_parallelism().map_or(1, usize::from).max(AT_ONCE);
    let mut command = Command::new(tests);
    command
        .arg(format!("--test-threads={threads}"))
        .current_dir(&exercise.folder)
        .env("GRADER_VERDICTS", &verdicts)
        .env("CARGO_MANIFEST_DIR", &exercise.folder)
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_TEST_NOCAPTURE")
        .stdin(Stdio::null())
        .stdout(sink.try_clone().context("cannot use a temporary file twice")?)
        .stderr(sink);
    let job = Job::start(&mut command, stop);
    let Some(job) = job.with_context(|| format!("cannot run {}", tests.display()))? else {
        return Ok(None);
    };
    let ended = job.finish(deadline).context("cannot wait for the tests")?;
    if ended == Ended::Stopped {
        return Ok(None);
    }
    let output = fs::read(&output).context("cannot read what the tests printed")?;
    let output = String::from_utf8_lossy(&output).into_owned();
    // No file: no test had anything to say.
    let records = fs::read_to_string(&verdicts).unwrap_or_default();
    let traces = Traces {
        records: records.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        results: results(&output),
        output,
        ended,
    };
    let checks = exercise.checks().context("cannot read tests/grade.rs")?;
    Ok(Some(Report::of(exercise, Stage::Tests, traces.verdicts(checks))))
}

impl Traces {
    /// A verdict for each test: those of the file in its order, then those that it makes by other means.
    fn verdicts(&self, mut checks: Vec<Check>) -> Vec<Verdict> {
        for test in self.results.keys() {
            if !checks.iter().any(|check| check.test == *test) {
                checks.push(Check { test: test.clone(), max: 1 });
            }
        }
        checks.into_iter().map(|check| self.verdict(check)).collect()
    }

    fn verdict(&self, Check { test, max }: Check) -> Verdict {
        let records = || self.records.iter().filter(|record| record.id == test);
        let of_status = |status| records().find(|record| record.status == status).cloned();
        let max = records().find_map(|record| record.max).unwrap_or(max);
        let (status, said) = match self.results.get(&test) {
            Some(true) => match of_status("environment") {
                Some(skipped) => (Status::Environment, left_out(skipped)),
                None => (Status::Pass, Record::default()),
            },
            Some(false) => match (of_status("fail"), of_status("error")) {
                (Some(fail), _) => (Status::Fail, fail),
                (None, Some(error)) => (Status::Error, error),
                (None, None) => (Status::Error, self.panicked(&test)),
            },
            None => (Status::Error, self.unfinished()),
        };
        Verdict {
            status,
            points: if status == Status::Pass { max } else { 0 },
            max,
            cause: said.cause,
            evidence: said.evidence,
            question: said.hint,
            replay: said.replay,
            test: Some(test),
        }
    }

    /// A test that failed and told nobody why.
    fn panicked(&self, test: &str) -> Record {
        let heading = format!("---- {test} stdout ----\n");
        let printed = self.output.split_once(&heading).map(|(_, rest)| rest).unwrap_or_default();
        let printed = printed.lines().take_while(|line| !line.starts_with("---- "));
        let printed: Vec<&str> = printed.take_while(|line| *line != "failures:").take(8).collect();
        Record {
            cause: "The grader itself stumbled: this says nothing about your program.".into(),
            evidence: evidence(&printed.join("\n")),
            ..Record::default()
        }
    }

    /// A test of which the harness says nothing.
    fn unfinished(&self) -> Record {
        let cause = match self.ended {
            Ended::AtTheDeadline => "The tests did not come to an end, and were ended.".to_owned(),
            Ended::Itself(status) => format!("The tests broke off ({status})."),
            Ended::Stopped => "The tests were stopped.".to_owned(),
        };
        let tail: Vec<&str> = self.output.lines().rev().take(8).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        Record { cause, evidence: evidence(&tail.join("\n")), ..Record::default() }
    }
}

fn left_out(skipped: Record) -> Record {
    Record {
        cause: format!("This machine can't show a fact: {}.", skipped.cause),
        evidence: vec![format!("left out, neither passed nor failed: {}", skipped.check)],
        ..Record::default()
    }
}

fn evidence(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() { Vec::new() } else { vec![text.to_owned()] }
}

/// Whether each test passed, as the harness says. Behind `failures:` others have the word: a program under test, too.
fn results(output: &str) -> BTreeMap<String, bool> {
    output.lines().take_while(|line| *line != "failures:").filter_map(result).collect()
}

/// `test NAME ... ok`, as the test harness prints it.
fn result(line: &str) -> Option<(String, bool)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match result {
        "ok" => Some((name.into(), true)),
        "FAILED" => Some((name.into(), false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    fn judged(records: &str, output: &str, tests: &[&str]) -> Vec<Verdict> {
        let traces = Traces {
            records: records.lines().map(|it| serde_json::from_str(it).expect("JSON")).collect(),
            results: results(output),
            output: output.to_owned(),
            ended: Ended::Itself(ExitStatus::from_raw(0)),
        };
        let check = |test: &&str| Check { test: (*test).into(), max: 1 };
        traces.verdicts(tests.iter().map(check).collect())
    }

    #[test]
    fn what_the_grader_says_is_the_verdict_and_the_harness_says_who_passed() {
        let verdicts = judged(
            "{\"id\":\"b\",\"status\":\"begun\",\"max\":3}\n\
             {\"id\":\"a\",\"status\":\"fail\",\"cause\":\"No.\",\"evidence\":[\"x\"],\"hint\":\"Why?\"}",
            "test b ... ok\ntest a ... FAILED\n",
            &["b", "a"],
        );
        assert_eq!(verdicts[0].status, Status::Pass);
        assert_eq!((verdicts[0].points, verdicts[0].max), (3, 3));
        assert_eq!(verdicts[1].status, Status::Fail);
        assert_eq!((verdicts[1].points, verdicts[1].max), (0, 1));
        assert_eq!((verdicts[1].cause.as_str(), verdicts[1].evidence.len()), ("No.", 1));
        assert_eq!(verdicts[1].question.as_deref(), Some("Why?"));
    }

    #[test]
    fn a_panic_that_is_no_verdict_is_the_graders_fault() {
        let output = "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\n\n\
            thread 'a' panicked at tests/grade.rs:3:5:\nindex out of bounds\n\n\nfailures:\n    a\n";
        let verdict = &judged("", output, &["a"])[0];
        assert_eq!(verdict.status, Status::Error);
        assert!(verdict.evidence[0].ends_with("index out of bounds"), "{:?}", verdict.evidence);
    }

    #[test]
    fn a_program_that_prints_a_result_has_none() {
        let fail = r#"{"id":"a","status":"fail","cause":"No."}"#;
        let output = "test a ... FAILED\n\nfailures:\n\n---- a stdout ----\ntest a ... ok\n";
        assert_eq!(judged(fail, output, &["a"])[0].status, Status::Fail);
    }

    #[test]
    fn a_fact_that_the_machine_cannot_show_is_not_passed() {
        let skip = r#"{"id":"a","status":"environment","check":"it sleeps","cause":"no /proc"}"#;
        let verdict = &judged(skip, "test a ... ok\n", &["a"])[0];
        assert_eq!((verdict.status, verdict.points), (Status::Environment, 0));
        assert!(verdict.cause.contains("no /proc"));
        let failed = &judged(skip, "test a ... FAILED\n", &["a"])[0];
        assert_eq!(failed.status, Status::Error);
    }

    #[test]
    fn a_test_without_a_result_is_an_error_and_not_a_failure() {
        let verdict = &judged("", "running 1 test\n", &["a"])[0];
        assert_eq!(verdict.status, Status::Error);
        assert!(verdict.cause.contains("broke off"), "{}", verdict.cause);
    }

    #[test]
    fn a_test_that_the_file_does_not_show_counts_too() {
        let verdicts = judged("", "test by_macro ... ok\n", &[]);
        assert_eq!(verdicts[0].test.as_deref(), Some("by_macro"));
    }
}
