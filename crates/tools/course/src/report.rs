//! What a check has found.

use crate::exercise::Exercise;
use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The fact was seen.
    Pass,
    /// The learner's program does otherwise, or does not compile.
    Fail,
    /// This machine can't show the fact. It was neither passed nor failed.
    Environment,
    /// Course, or the grader, could not do its part. Never the learner's fault.
    Error,
}

/// What was found in one graded test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The test, whose name is the fact; `None` where it never came to one. In JSON it is the `id`.
    #[serde(rename = "id")]
    pub test: Option<String>,
    /// How it ended.
    pub status: Status,
    /// The points that it earned.
    pub points: u32,
    /// The points that it is worth.
    pub max: u32,
    /// What is wrong, in a sentence; empty for what passed.
    pub cause: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// A question that leads on from here. In JSON it is the `hint`.
    #[serde(rename = "hint")]
    pub question: Option<String>,
    /// How to have the same random choices again.
    pub replay: Option<String>,
}

/// How far a check came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The program was not built.
    Build,
    /// The tests have looked at it.
    Tests,
}

/// What a check has found of an exercise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The exercise's name.
    pub exercise: String,
    /// Its chapter.
    pub chapter: String,
    /// The worst that was found. A failure counts before what the machine or the grader could not do: it
    /// is what the learner can mend.
    pub status: Status,
    /// How far the check came.
    pub stage: Stage,
    /// The points earned.
    pub points: u32,
    /// The points that there are.
    pub max: u32,
    /// The one verdict to read now: the first in the order of the tests' file, of those with this status.
    pub verdict: Option<Verdict>,
    /// How many others wait behind it.
    pub waiting: usize,
    /// All verdicts, in the order of the tests' file.
    pub checks: Vec<Verdict>,
    /// What the compiler says of the learner's file though it compiles, a line each.
    pub warnings: Vec<String>,
    /// How long it took to build, and to run the tests.
    pub milliseconds: Milliseconds,
}

/// Where the time of a check went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Milliseconds {
    /// Cargo, the compiler and the linker.
    pub build: u64,
    /// The graded tests.
    pub tests: u64,
}

impl Report {
    /// The report that these verdicts make together.
    pub(crate) fn of(exercise: &Exercise, stage: Stage, checks: Vec<Verdict>) -> Self {
        let order = [Status::Fail, Status::Error, Status::Environment];
        let status = order.into_iter().find(|it| checks.iter().any(|check| check.status == *it));
        let status = status.unwrap_or(Status::Pass);
        let other = || checks.iter().filter(|check| check.status != Status::Pass);
        Self {
            exercise: exercise.name.clone(),
            chapter: exercise.chapter.clone(),
            status,
            stage,
            points: checks.iter().map(|check| check.points).sum(),
            max: checks.iter().map(|check| check.max).sum(),
            verdict: other().find(|check| check.status == status).cloned(),
            waiting: other().count().saturating_sub(1),
            checks,
            warnings: Vec::new(),
            milliseconds: Milliseconds::default(),
        }
    }

    /// The report of a check that came to no test: one verdict for all.
    pub(crate) fn without_tests(exercise: &Exercise, status: Status, verdict: Untested) -> Self {
        let max = exercise.checks().unwrap_or_default().iter().map(|check| check.max).sum();
        let verdict = Verdict {
            test: None,
            status,
            points: 0,
            max,
            cause: verdict.cause,
            evidence: verdict.evidence,
            question: None,
            replay: None,
        };
        Self::of(exercise, Stage::Build, vec![verdict])
    }

    /// Whether the learner has not begun: the program came to the starter's `todo!`. So the grader says.
    #[must_use]
    pub fn unwritten(&self) -> bool {
        let begins = |it: &Verdict| it.cause.starts_with("This is not written yet");
        self.status == Status::Fail && self.verdict.as_ref().is_some_and(begins)
    }

    /// Whether the exercise is done, as far as this machine can tell: nothing failed, and something passed.
    #[must_use]
    pub fn done(&self) -> bool {
        let passed = || self.checks.iter().any(|check| check.status == Status::Pass);
        matches!(self.status, Status::Pass | Status::Environment) && passed()
    }
}

/// Why it came to no test.
pub(crate) struct Untested {
    pub(crate) cause: String,
    pub(crate) evidence: Vec<String>,
}
