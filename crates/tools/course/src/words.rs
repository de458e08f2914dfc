//! What the learner reads: reports, lists and tasks in words. Pure: text in, text out.

use crate::catalogue::Course;
use crate::exercise::{Exercise, shown};
use crate::look::{Look, count};
use crate::progress::Progress;
use crate::report::{Report, Stage, Status, Verdict};
use std::fmt::Write as _;

/// The exercise's place: `reap-all, exercise 2 of 34 (fork)`.
#[must_use]
pub fn place(course: &Course, exercise: &Exercise) -> String {
    let Exercise { name, number, chapter, .. } = exercise;
    format!("{name}, exercise {number} of {} ({chapter})", course.exercises.len())
}

/// What to do: the task and the file.
///
/// # Errors
/// The task can't be read.
pub fn task(course: &Course, exercise: &Exercise, look: &Look) -> std::io::Result<String> {
    let mut text = look.strong(&place(course, exercise)) + "\n\n";
    text += &look.paragraph(&exercise.task()?, "", "");
    let path = |path: &std::path::Path| shown(path, &course.root).to_string();
    _ = writeln!(text, "\n  Read   {}", path(&exercise.readme()));
    _ = writeln!(text, "  Write  {}", path(&exercise.file()));
    Ok(text)
}

/// A report: one verdict, and how many wait behind it.
#[must_use]
pub fn report(report: &Report, look: &Look) -> String {
    let mut text = headline(report, look) + "\n";
    if let Some(found) = &report.verdict {
        text.push('\n');
        text += &verdict(found, report.stage, look);
    }
    if report.waiting > 0 && !report.unwritten() {
        let noun = if report.stage == Stage::Build { "more error" } else { "more check" };
        let verb = if report.waiting == 1 { "waits" } else { "wait" };
        _ = writeln!(text, "\n{} {verb} behind this one.", count(report.waiting as u64, noun));
    }
    if let [first, others @ ..] = report.warnings.as_slice() {
        let more =
            if others.is_empty() { String::new() } else { format!("; {} more", others.len()) };
        text.push('\n');
        text += &look.paragraph(&format!("The compiler warns: {first}{more}."), "", "");
    }
    text
}

fn headline(report: &Report, look: &Look) -> String {
    let Report { exercise, points, max, .. } = report;
    let points = format!("{points} of {}", count(*max, "point"));
    match (report.status, report.stage) {
        (Status::Pass, _) => look.good(&format!("{exercise} passes: {points}.")),
        (Status::Fail, Stage::Build) => look.bad(&format!("{exercise} does not compile yet.")),
        (Status::Fail, Stage::Tests) if report.unwritten() => {
            look.bad(&format!("{exercise} is not written yet: {points}."))
        }
        (Status::Fail, Stage::Tests) => look.bad(&format!("{exercise}: not yet, {points}.")),
        (Status::Environment, Stage::Tests) if report.done() => {
            look.good(&format!("{exercise} passes as far as this machine can tell: {points}."))
        }
        (Status::Environment, _) => look.bad(&format!("{exercise} can't be checked here.")),
        (Status::Error, _) => look.bad(&format!("{exercise} could not be checked.")),
    }
}

fn verdict(verdict: &Verdict, stage: Stage, look: &Look) -> String {
    // The compiler's words stand as the compiler wrote them; the first error is the one to read.
    if stage == Stage::Build {
        let said = verdict.evidence.first().map(|text| text.trim_end()).unwrap_or_default();
        return match verdict.status {
            Status::Fail => format!("{said}\n"),
            _ => format!("{}\n{said}\n", look.paragraph(&verdict.cause, "", "")),
        };
    }
    let mut text = look.paragraph(&verdict.cause, "", "");
    if !verdict.evidence.is_empty() {
        text += "\n  What was seen:\n";
    }
    text.extend(verdict.evidence.iter().map(|fact| look.fact(fact)));
    if let Some(question) = &verdict.question {
        text.push('\n');
        text += &look.paragraph(&format!("To think about: {question}"), "  ", "  ");
    }
    if let Some(test) = &verdict.test {
        text.push('\n');
        let fact = test.rsplit("::").next().unwrap_or(test).replace('_', " ");
        let points = count(verdict.max, "point");
        text += &look.paragraph(&format!("Checked for {points}: {fact}."), "  ", "  ");
    }
    if let Some(replay) = &verdict.replay {
        text += &look.paragraph(&format!("({replay})"), "  ", "  ");
    }
    text
}

/// A hint: its paragraphs as wide as the terminal, its code as it stands.
#[must_use]
pub fn hint(name: &str, number: usize, of: usize, hint: &str, look: &Look) -> String {
    let mut text = look.strong(&format!("{name}, hint {number} of {of}")) + "\n";
    for (position, part) in hint.split("```").enumerate() {
        // Between the fences stands code, after the name of its language.
        if position % 2 == 1 {
            text.push('\n');
            text.extend(part.lines().skip(1).map(|line| format!("    {line}\n")));
            continue;
        }
        for paragraph in part.split("\n\n").filter(|it| !it.trim().is_empty()) {
            text.push('\n');
            let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            text += &look.paragraph(&words, "", "");
        }
    }
    text
}

/// What happens after a report: the next step, in a sentence.
#[must_use]
pub fn next_step(report: &Report, next: Option<&Exercise>) -> String {
    let name = &report.exercise;
    match (report.done(), next) {
        (true, Some(next)) => {
            let next = &next.name;
            format!(
                "`cargo course solution {name}` shows another answer. Next: `cargo course next` ({next}).\n"
            )
        }
        (true, None) => "That was the last one: every exercise of the course passes.\n".into(),
        (false, _) if report.status == Status::Fail => {
            format!("Stuck? `cargo course hint {name}`.\n")
        }
        (false, _) => String::new(),
    }
}

/// One exercise's line in the list.
#[must_use]
pub fn line(exercise: &Exercise, progress: &Progress) -> String {
    let standing = progress.of(&exercise.name);
    let max: u32 = exercise.checks().unwrap_or_default().iter().map(|check| check.max).sum();
    let mark = if standing.passed { "done" } else { "    " };
    let mut line =
        format!("{mark}  {:<24} {:>2} of {}", exercise.name, standing.points, count(max, "point"));
    if standing.hints > 0 {
        _ = write!(line, ", {}", count(standing.hints as u64, "hint"));
    }
    line
}

/// The whole course, a chapter after the other.
#[must_use]
pub fn list(course: &Course, progress: &Progress, next: Option<&Exercise>, look: &Look) -> String {
    let mut text = String::new();
    for (chapter, exercises) in course.chapters() {
        let done = exercises.iter().filter(|it| progress.of(&it.name).passed).count();
        let heading = format!("{chapter}: {done} of {} done", exercises.len());
        _ = writeln!(text, "{}", look.strong(&heading));
        for exercise in exercises {
            let here = if next.is_some_and(|it| it == exercise) { "  (next)" } else { "" };
            _ = writeln!(text, "  {}{here}", line(exercise, progress));
        }
        text.push('\n');
    }
    text + &standing(course, progress)
}

/// How far the learner has come: `1 of 34 exercises done.`
#[must_use]
pub fn standing(course: &Course, progress: &Progress) -> String {
    let done = course.exercises.iter().filter(|it| progress.of(&it.name).passed).count();
    format!("{done} of {} done.\n", count(course.exercises.len() as u64, "exercise"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const LOOK: Look = Look { width: 60, height: 24, colour: false };

    fn found(status: Status, cause: &str) -> Verdict {
        Verdict {
            test: Some("each_child_is_told_as_it_ends".into()),
            status,
            points: 0,
            max: 3,
            cause: cause.into(),
            evidence: vec!["expected \"child 2\"\ngot      \"child 3\"".into()],
            question: Some("What did wait return, and which child has that pid?".into()),
            replay: None,
        }
    }

    fn said(stage: Stage, checks: Vec<Verdict>) -> String {
        let exercise = Exercise {
            name: "reap-all".into(),
            chapter: "fork".into(),
            number: 2,
            folder: PathBuf::new(),
        };
        report(&Report::of(&exercise, stage, checks), &LOOK)
    }

    #[test]
    fn one_verdict_is_told_and_the_others_are_counted() {
        let passed = Verdict { points: 3, ..found(Status::Pass, "") };
        let first = found(Status::Fail, "Child 2 has ended, and the program tells of it wrongly.");
        let text = said(Stage::Tests, vec![passed, first, found(Status::Fail, "Another one.")]);
        assert_eq!(
            text,
            "reap-all: not yet, 3 of 9 points.\n\n\
             Child 2 has ended, and the program tells of it wrongly.\n\n  \
             What was seen:\n  - expected \"child 2\"\n    got      \"child 3\"\n\n  \
             To think about: What did wait return, and which child has\n  that pid?\n\n  \
             Checked for 3 points: each child is told as it ends.\n\n\
             1 more check waits behind this one.\n"
        );
    }

    #[test]
    fn a_hints_prose_is_wrapped_and_its_code_is_not() {
        let look = Look { width: 30, ..LOOK };
        let text = hint(
            "a",
            1,
            3,
            "In the parent, wait\nfor the child:\n\n```rust\nwaitpid(child, None)?; // or another\n```",
            &look,
        );
        assert_eq!(
            text,
            "a, hint 1 of 3\n\nIn the parent, wait for the\nchild:\n\n    waitpid(child, None)?; // or another\n"
        );
    }

    #[test]
    fn the_compilers_words_stand_as_they_are() {
        let rendered = "error[E0425]: cannot find value `a`\n --> src/main.rs:1:1\n".to_owned();
        let error = Verdict { evidence: vec![rendered.clone()], ..found(Status::Fail, "No.") };
        let text = said(Stage::Build, vec![error]);
        assert_eq!(text, format!("reap-all does not compile yet.\n\n{rendered}"));
    }

    #[test]
    fn a_failure_is_told_before_what_the_grader_could_not_do() {
        let error = found(Status::Error, "The grader stumbled.");
        let text = said(Stage::Tests, vec![error.clone(), found(Status::Fail, "Yours.")]);
        assert!(text.contains("Yours.") && !text.contains("stumbled"), "{text}");
        let text = said(Stage::Tests, vec![error]);
        assert!(text.starts_with("reap-all could not be checked."), "{text}");
    }
}
