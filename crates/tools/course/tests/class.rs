//! A class is graded by the script that the page for teachers shows.

mod common;

use common::{Done, Small, project};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

#[test]
fn a_class_is_graded_by_its_sources_alone() -> Done {
    let small = Small::new()?;
    let class = tempfile::tempdir()?;
    let submit = |learner: &str, exercise: &str, source: &str| -> Done {
        let folder = class.path().join("submissions").join(learner).join(exercise);
        fs::create_dir_all(folder.join("src"))?;
        fs::create_dir_all(folder.join("tests"))?;
        fs::copy(project().join(source), folder.join("src/main.rs"))?;
        // Whatever else somebody hands in, nobody looks at it.
        fs::write(folder.join("tests/grade.rs"), "#[test]\nfn it_is_perfect() {}\n")?;
        fs::write(folder.join("build.rs"), "fn main() { panic!(\"run\") }\n")?;
        Ok(())
    };
    let wrong = "exercises/fork/two-branches/wrong/raw-status.rs";
    submit("ada", "fork/two-branches", "solutions/fork/two-branches.rs")?;
    submit("bob", "fork/two-branches", wrong)?;
    submit("bob", "fork/no-such-exercise", wrong)?;
    submit("eve", "fork/two-branches", "crates/tools/course/grade-class")?;
    submit("mallory", "fork/two-branches", wrong)?;
    let link = class.path().join("submissions/mallory/fork/two-branches/src/main.rs");
    fs::remove_file(&link)?;
    symlink("../../../../ada/fork/two-branches/src/main.rs", &link)?;

    let before = fs::read(small.file("two-branches"))?;
    let done = Command::new(project().join("crates/tools/course/grade-class"))
        .args(["submissions", "results"].map(|folder| class.path().join(folder)))
        .current_dir(&small.root)
        .env("COURSE", env!("CARGO_BIN_EXE_course"))
        .status()?;
    assert!(done.success(), "{done}");
    assert_eq!(fs::read(small.file("two-branches"))?, before, "the starter is there again");

    let result = |learner: &str| -> Result<Value, Box<dyn std::error::Error>> {
        let file = Path::new("results").join(learner).join("two-branches.json");
        Ok(serde_json::from_slice(&fs::read(class.path().join(file))?)?)
    };
    let [ada, bob, eve] = [result("ada")?, result("bob")?, result("eve")?];
    assert_eq!(
        (&ada["status"], &ada["points"], &ada["max"]),
        (&"pass".into(), &3.into(), &3.into())
    );
    assert_eq!(
        (&bob["status"], &bob["points"], &bob["max"]),
        (&"fail".into(), &1.into(), &3.into())
    );
    assert!(bob["verdict"]["hint"].is_string(), "{bob:#}");
    assert_eq!((&eve["status"], &eve["stage"]), (&"fail".into(), &"build".into()));
    let graded = fs::read_dir(class.path().join("results"))?.count();
    assert_eq!(graded, 3, "a link to another's answer is none");
    Ok(())
}
