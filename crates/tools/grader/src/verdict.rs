//! What a learner reads when a check fails.

use crate::plain::plain;
use crate::record::Record;
use std::fmt;
use std::io::Write as _;

/// A failed check in the order in which it helps: what is wrong, what shows it, what to think about.
#[derive(Debug, Clone)]
#[must_use = "call `fail` to end the test with it"]
pub struct Verdict {
    cause: String,
    evidence: Vec<String>,
    question: Option<String>,
    replay: Option<String>,
}

impl Verdict {
    /// A verdict with this cause: one sentence, in plain words.
    pub fn new(cause: impl Into<String>) -> Self {
        let cause = plain(&cause.into());
        Self { cause, evidence: Vec::new(), question: None, replay: None }
    }

    /// Adds a fact that shows the cause.
    pub fn saw(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(plain(&fact.into()));
        self
    }

    /// Adds several facts.
    pub fn saw_all(mut self, facts: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(facts.into_iter().map(|fact| plain(&fact)));
        self
    }

    /// Sets the question that leads on from here.
    pub fn ask(mut self, question: impl Into<String>) -> Self {
        self.question = Some(plain(&question.into()));
        self
    }

    /// Says how to have the same random choices again.
    pub fn replay(mut self, seed: &crate::Seed) -> Self {
        self.replay = Some(seed.replay());
        self
    }

    /// Its parts, each with its name: what [`Verdict::of_parts`] takes.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let evidence = self.evidence.iter().map(|fact| ("evidence", fact.as_str()));
        let question = self.question.iter().map(|text| ("question", text.as_str()));
        std::iter::once(("cause", self.cause.as_str())).chain(evidence).chain(question)
    }

    /// A verdict of such parts; `None` where they have no cause.
    pub(crate) fn of_parts(parts: &[(&str, String)]) -> Option<Self> {
        let of = |name| parts.iter().filter(move |(part, _)| *part == name).map(|(_, text)| text);
        let verdict = Self::new(of("cause").next()?).saw_all(of("evidence").cloned());
        Some(of("question").fold(verdict, |verdict, text| verdict.ask(text)))
    }

    /// Fails the test with this verdict.
    ///
    /// The text is printed, and then the test unwinds without calling the panic hook: a learner needs to know
    /// what their program did, not on which line of the grader that was noticed.
    ///
    /// # Panics
    /// Always: that is its purpose.
    pub fn fail(self) -> ! {
        self.end("fail")
    }

    /// Ends the test with this verdict, under that status.
    fn end(self, status: &str) -> ! {
        let record = Record::new(status).points();
        let record = record.text("cause", &self.cause).texts("evidence", &self.evidence);
        let record = [("hint", &self.question), ("replay", &self.replay)]
            .into_iter()
            .filter_map(|(key, text)| Some((key, text.as_deref()?)))
            .fold(record, |record, (key, text)| record.text(key, text));
        record.append();
        eprintln!("\n{self}");
        std::panic::resume_unwind(Box::new(self.to_string()))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cause)?;
        if !self.evidence.is_empty() {
            writeln!(f, "\n  What was seen:")?;
        }
        for fact in &self.evidence {
            let mut lines = fact.lines();
            writeln!(f, "  - {}", lines.next().unwrap_or_default())?;
            for line in lines {
                writeln!(f, "    {line}")?;
            }
        }
        if let Some(question) = &self.question {
            writeln!(f, "\n  To think about: {question}")?;
        }
        if let Some(replay) = &self.replay {
            writeln!(f, "\n  ({replay})")?;
        }
        Ok(())
    }
}

/// Says that a check is left out because this machine cannot show the fact that it needs. It never fails a test.
///
/// The line goes straight to standard error, past the capture of output by the test harness: a check that was
/// left out must be visible when everything passes.
pub fn skip(check: &str, because: &str) {
    Record::new("environment").text("check", check).text("cause", because).append();
    // Nobody listens on a closed standard error.
    let _ = writeln!(std::io::stderr(), "skipped, not passed: {check} ({because})");
}

/// Ends the test because the grader itself, or the machine, cannot do its part. Never the learner's fault.
pub(crate) fn fault(what: &str) -> ! {
    Verdict::new(format!("The grader could not do its part: {what}."))
        .saw("this says nothing about your program")
        .end("error")
}
