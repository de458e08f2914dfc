//! What a learner meets, command by command.

mod common;

use common::{Done, Small, wait_for_the_end_of};
use predicates::prelude::*;
use predicates::str::{contains, diff, is_empty, starts_with};
use serde_json::json;
use std::fs;
use std::time::Duration;

const PASSES: &str = "fn main() {}\n";

#[test]
fn from_the_first_exercise_to_the_second() -> Done {
    let small = Small::new()?;
    small.course(&[]).assert().code(0).stdout(
        starts_with("two-branches, exercise 1 of 3 (fork)")
            .and(contains("Write  exercises/fork/two-branches/src/main.rs")),
    );
    small.course(&["check"]).assert().code(1).stdout(
        starts_with("two-branches is not written yet: 0 of 3 points.\n")
            .and(contains("Stuck? `cargo course hint two-branches`.")),
    );
    small.course(&["solution", "two-branches"]).assert().code(2).stderr(contains("--anyway"));
    small.course(&["solution", "two-branches", "--anyway"]).assert().code(0);

    small.solve("two-branches");
    small.course(&["check"]).assert().code(0).stdout(
        starts_with("two-branches passes: 3 of 3 points.\n")
            .and(contains("Next: `cargo course next` (exit-or-_exit).")),
    );
    small.course(&["next"]).assert().stdout(starts_with("exit-or-_exit, exercise 2 of 3"));
    small.course(&["list"]).assert().stdout(
        contains("done  two-branches")
            .and(contains("(next)"))
            .and(contains("1 of 3 exercises done.")),
    );
    let answer = fs::read_to_string(small.root.join("solutions/fork/two-branches.rs"))?;
    small.course(&["solution", "two-branches"]).assert().code(0).stdout(diff(answer));

    // What has passed stays passed, whatever is tried afterwards.
    small.write("two-branches", "fn main() {}\n");
    small.course(&["check", "two-branches"]).assert().code(1);
    let (list, _) = small.json(&["progress"])?;
    assert_eq!(list["next"], "exit-or-_exit");
    assert_eq!(
        list["exercises"][0],
        json!({
            "exercise": "two-branches", "chapter": "fork", "passed": true,
            "points": 3, "max": 3, "hints": 0,
        })
    );
    Ok(())
}

#[test]
fn a_failure_is_told_with_its_cause_its_evidence_and_a_question() -> Done {
    let small = Small::new()?;
    let wrong = "exercises/fork/two-branches/wrong/reads-first.rs";
    small.write("two-branches", &fs::read_to_string(small.root.join(wrong))?);
    let (report, code) = small.json(&["check", "two-branches"])?;
    assert_eq!(code, Some(1));
    assert_eq!((&report["status"], &report["stage"]), (&json!("fail"), &json!("tests")));
    let verdict = &report["verdict"];
    assert_eq!(verdict["id"], "the_parent_exits_with_the_childs_code", "the file's order");
    let cause = verdict["cause"].as_str().unwrap_or_default();
    assert!(cause.starts_with("The parent reads the number itself"), "{report:#}");
    assert!(!verdict["evidence"].as_array().ok_or("evidence")?.is_empty(), "{report:#}");
    assert!(verdict["hint"].is_string(), "{report:#}");
    assert_eq!(report["checks"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[test]
fn the_compilers_first_error_is_shown_in_its_own_words() -> Done {
    let small = Small::new()?;
    small.write("odd", "fn main() {\n    let a: u8 = first;\n    let b: u8 = second;\n}\n");
    small.course(&["check", "odd"]).assert().code(1).stdout(
        starts_with("odd does not compile yet.\n\nerror[E0425]: cannot find value `first`")
            .and(contains("odds/odd/src/main.rs:2:17"))
            .and(contains("let a: u8 = first;"))
            .and(contains("second").not())
            .and(contains("1 more error waits behind this one.")),
    );
    let (report, _) = small.json(&["check", "odd"])?;
    assert_eq!((&report["status"], &report["stage"]), (&json!("fail"), &json!("build")));
    assert_eq!((&report["points"], &report["max"]), (&json!(0), &json!(1)));
    Ok(())
}

#[test]
fn a_warning_of_the_compiler_is_told_beside_the_verdict() -> Done {
    let small = Small::new()?;
    small.write("odd", "fn main() {\n    let spare = 1;\n}\n");
    let warning = "The compiler warns: unused variable: `spare` (main.rs, line 2).";
    small.course(&["check", "odd"]).assert().code(0).stdout(contains(warning));
    Ok(())
}

#[test]
fn what_is_not_the_learners_fault_is_never_a_failure() -> Done {
    let small = Small::new()?;
    small.write("odd", PASSES);
    let statuses = [
        ("let nobody: [u8; 0] = [];\n    let _ = nobody[std::env::args().count()];", "error", 3),
        ("grader::skip(\"it is odd\", \"no /proc\");", "environment", 3),
        ("let _ = grader::Run::new(\"/nonexistent\").finish();", "error", 3),
        ("std::process::abort();", "error", 3),
        ("this does not compile", "error", 3),
        ("grader::worth(3);\n    run();", "pass", 0),
    ];
    for (body, status, code) in statuses {
        small.grade_odd(body);
        let (report, ended) = small.json(&["check", "odd"])?;
        assert_eq!((&report["status"], ended), (&json!(status), Some(code)), "{body}: {report:#}");
        let points = if status == "pass" { 3 } else { 0 };
        assert_eq!(report["points"], points, "{body}: {report:#}");
    }
    Ok(())
}

#[test]
fn when_cargo_cannot_build_its_own_words_say_why() -> Done {
    let small = Small::new()?;
    let manifest = small.root.join("exercises/odds/odd/Cargo.toml");
    fs::write(&manifest, fs::read_to_string(&manifest)? + "\n[features]\ndefault = [\"none\"]\n")?;
    small.course(&["check", "odd"]).assert().code(3).stdout(
        starts_with("odd can't be checked here.").and(contains("which is neither a dependency")),
    );
    Ok(())
}

#[test]
fn tests_that_do_not_end_are_ended_with_all_that_they_started() -> Done {
    let small = Small::new()?;
    let mark = small.root.join("exercises/odds/odd/started");
    small.write("odd", PASSES);
    small.grade_odd(&format!(
        "let child = std::process::Command::new(\"sleep\").arg(\"1000\").spawn().unwrap();\n    \
         std::fs::write({mark:?}, child.id().to_string()).unwrap();\n    \
         loop {{ std::thread::park() }}"
    ));
    let course = course::Course::find(&small.root)?;
    let how = course::How { deadline: Duration::from_secs(3), ..Default::default() };
    let report = course::check(course.exercise("odd")?, &how)?.ok_or("nobody stopped it")?;
    assert_eq!(report.status, course::Status::Error);
    let cause = &report.verdict.as_ref().ok_or("no verdict")?.cause;
    assert!(cause.contains("did not come to an end"), "{cause}");
    let pid = fs::read_to_string(mark)?;
    wait_for_the_end_of(&pid);
    Ok(())
}

#[test]
fn hints_come_one_at_a_time() -> Done {
    let small = Small::new()?;
    for number in 1..=3 {
        let title = format!("two-branches, hint {number} of 3\n");
        small.course(&["hint"]).assert().code(0).stdout(starts_with(title));
    }
    let last = starts_with("two-branches, hint 3 of 3").and(contains("That is the last one."));
    small.course(&["hint"]).assert().code(0).stdout(last);
    let (all, _) = small.json(&["hint", "exit-or-_exit", "--all"])?;
    assert_eq!(all["text"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[test]
fn a_reset_asks_and_keeps_a_copy_even_of_what_was_committed() -> Done {
    let small = Small::new()?;
    let starter = fs::read_to_string(small.file("odd"))?;
    small.write("odd", PASSES);
    small.course(&["check", "odd"]).assert().code(0);
    small.git(&["commit", "--quiet", "--all", "--message", "odd is done"])?;

    let refused = small.course(&["reset", "odd"]).write_stdin("y\n").assert();
    refused.code(2).stdout(is_empty()).stderr(contains("--yes"));
    assert_eq!(fs::read_to_string(small.file("odd"))?, PASSES);

    let done = small.course(&["reset", "odd", "--yes"]).assert();
    done.code(0).stdout(contains("Your version is kept in .course/kept/odd-1.rs."));
    assert_eq!(fs::read_to_string(small.file("odd"))?, starter);
    assert_eq!(fs::read_to_string(small.root.join(".course/kept/odd-1.rs"))?, PASSES);
    let again = small.course(&["reset", "odd", "--yes"]).assert();
    again.code(0).stdout(contains("was the starter already"));
    assert_eq!(small.json(&["list"])?.0["exercises"][2]["passed"], false);
    Ok(())
}

#[test]
fn progress_survives_what_git_does_to_a_clone() -> Done {
    let small = Small::new()?;
    small.write("odd", PASSES);
    small.course(&["check", "odd"]).assert().code(0);
    small.git(&["stash", "--quiet", "--include-untracked"])?;
    small.git(&["clean", "--quiet", "-d", "--force"])?;
    small.git(&["checkout", "--quiet", "--force", "HEAD"])?;
    assert_eq!(small.json(&["list"])?.0["exercises"][2]["passed"], true);
    Ok(())
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() -> Done {
    let small = Small::new()?;
    let said = "error: no exercise `twobranches`; did you mean two-branches?\n";
    small.course(&["check", "twobranches"]).assert().code(2).stderr(diff(said));
    small.course(&["chekc"]).assert().code(2).stderr(contains("check"));
    let mut outside = small.course(&["next"]);
    outside.current_dir("/").assert().code(2).stderr(contains("/ is not in the course"));
    small.course(&["--help"]).assert().code(0).stdout(contains("Exit codes:"));
    Ok(())
}

#[test]
fn all_are_checked_in_order_and_the_worst_decides() -> Done {
    let small = Small::new()?;
    small.solve("two-branches");
    small.write("odd", PASSES);
    small.course(&["check", "--all"]).assert().code(1).stdout(diff(
        "two-branches passes: 3 of 3 points.\nexit-or-_exit is not written yet: 0 of 3 points.\n\
         odd passes: 1 of 1 point.\n\n2 of 3 exercises done.\n",
    ));
    Ok(())
}

#[test]
fn the_verdict_in_the_book_is_what_a_learner_sees() -> Done {
    let small = Small::new()?;
    let page = fs::read_to_string(common::project().join("book/src/exercises.md"))?;
    let (_, block) = page.split_once("```text\n").ok_or("no verdict on the page")?;
    let (printed, _) = block.split_once("```").ok_or("a block without an end")?;
    let wrong = "exercises/fork/exit-or-_exit/wrong/child-exits.rs";
    small.write("exit-or-_exit", &fs::read_to_string(small.root.join(wrong))?);
    let mut course = small.course(&["check", "exit-or-_exit"]);
    course.env("GRADER_SEED", "7").assert().code(1).stdout(diff(printed.to_owned()));
    Ok(())
}
