//! One exercise: its folder, its task, its hints, what is checked of it.

use serde::Serialize;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// An exercise as it lies on disk: `exercises/CHAPTER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exercise {
    /// Its name: the folder's, the package's and the program's.
    pub name: String,
    /// The chapter that it belongs to.
    pub chapter: String,
    /// Its place in the course, counted from 1.
    pub number: usize,
    /// Its folder.
    pub folder: PathBuf,
}

/// What one graded test holds: a fact, and its worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The test's name, which is the fact.
    pub test: String,
    /// What it is worth.
    pub max: u32,
}

impl Exercise {
    /// The file that the learner edits.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("src/main.rs")
    }

    /// The file with the task.
    #[must_use]
    pub fn readme(&self) -> PathBuf {
        self.folder.join("README.md")
    }

    /// The task in a paragraph: the first one of `README.md`.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn task(&self) -> io::Result<String> {
        let text = fs::read_to_string(self.readme())?;
        let paragraphs = text.split("\n\n").map(str::trim);
        let first = paragraphs.into_iter().find(|text| !text.is_empty() && !text.starts_with('#'));
        Ok(first.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The hints, in the order in which they are given.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn hints(&self) -> io::Result<Hints> {
        Ok(Hints::of(&fs::read_to_string(self.folder.join("hints.md"))?))
    }

    /// What is checked, in the order of `tests/grade.rs`: simpler facts stand first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn checks(&self) -> io::Result<Vec<Check>> {
        Ok(checks(&fs::read_to_string(self.folder.join("tests/grade.rs"))?))
    }
}

/// Hints that climb: a question, a place to look, a line of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hints(pub Vec<String>);

impl Hints {
    /// The hints in the text of a `hints.md`: what stands below `## Hint 1`, `## Hint 2`, …
    #[must_use]
    pub fn of(text: &str) -> Self {
        let parts = text.split("\n## Hint ").skip(1);
        let below = |part: &str| part.split_once('\n').map(|(_, text)| text.trim().to_owned());
        Self(parts.filter_map(below).collect())
    }
}

/// The tests in a file, and the points that each one's `worth(…)` gives it.
fn checks(source: &str) -> Vec<Check> {
    let tests = source.split("\n#[test]\n").skip(1);
    let check = |text: &str| {
        let (_, rest) = text.split_once("fn ")?;
        let (name, body) = rest.split_once('(')?;
        // The next item begins at the left margin.
        let body = body.split("\n}").next()?;
        let worth = body.split_once("worth(").and_then(|(_, rest)| rest.split_once(')'));
        let max = worth.and_then(|(points, _)| points.trim().parse().ok()).unwrap_or(1);
        Some(Check { test: name.to_owned(), max })
    };
    tests.filter_map(check).collect()
}

/// A file's path as the learner would type it at the root of the course.
#[must_use]
pub fn shown<'a>(path: &'a Path, root: &Path) -> std::path::Display<'a> {
    path.strip_prefix(root).unwrap_or(path).display()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_what_stands_below_their_headings() {
        let hints = Hints::of("# Hints for x\n\n## Hint 1\n\nWho?\n\n## Hint 2\n\nfork(2)\n");
        assert_eq!(hints, Hints(vec!["Who?".into(), "fork(2)".into()]));
        assert_eq!(Hints::of("# Hints for x\n"), Hints(Vec::new()));
    }

    #[test]
    fn checks_have_the_order_of_the_file_and_their_own_points() {
        let source = "use grader::Run;\n\n#[test]\nfn z_first() {\n    grader::worth(3);\n}\n\n\
            fn helper() {\n    worth(9);\n}\n\n#[test]\nfn a_second() {\n    run();\n}\n\n\
            fn other() {\n    worth(7)\n}\n";
        let check = |test: &str, max| Check { test: test.into(), max };
        assert_eq!(checks(source), [check("z_first", 3), check("a_second", 1)]);
    }
}
