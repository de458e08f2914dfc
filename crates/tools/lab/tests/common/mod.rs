//! A small course in a folder of its own, to be broken by tests.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod server;

use assert_cmd::Command;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What a test returns: a failed set-up is a failure too, with its message.
pub(crate) type Done = Result<(), Box<dyn Error>>;

/// No step of these tests takes longer, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

const SUMMARY: &str =
    "# Summary\n\n[Introduction](introduction.md)\n\n- [fork](fork.md)\n- [pipe]()\n";

const TWICE: &str = "//! Splits.\n\nfn main() {\n    // ANCHOR: split\n    let a = 1;\n    \
    // ANCHOR_END: split\n    // ANCHOR: wait\n    let b = \"<2>\";\n    // ANCHOR_END: wait\n    \
    // ANCHOR: nothing\n    // ANCHOR_END: nothing\n}\n";

const WRONG: &str = "//! WRONG ON PURPOSE: never waits.\nfn main() {}\n";

/// The course; it goes with the value.
pub(crate) struct Course {
    folder: TempDir,
}

impl Course {
    /// One chapter, `fork`, with two programs, one exercise, and this text as its page.
    pub(crate) fn new(page: &str) -> Result<Self, Box<dyn Error>> {
        let course = Self { folder: tempfile::tempdir()? };
        let settings = project().join("book/book.toml");
        course.write("book/book.toml", &fs::read_to_string(settings)?)?;
        let files = [
            ("book/theme/course.css", "/* the look */\n"),
            ("book/theme/recording.css", "/* the recordings' look */\n"),
            ("book/theme/recording.js", "// steps through them\n"),
            ("book/src/SUMMARY.md", SUMMARY),
            ("book/src/introduction.md", "# Introduction\n"),
            ("crates/fork/Cargo.toml", "[package]\nname = \"fork\"\ndefault-run = \"twice\"\n"),
            ("crates/fork/src/bin/twice.rs", TWICE),
            ("crates/fork/src/bin/no_wait.rs", WRONG),
            ("exercises/fork/two-branches/Cargo.toml", "[package]\nname = \"two-branches\"\n"),
            ("exercises/fork/two-branches/src/main.rs", "fn main() {}\n"),
            (
                "exercises/fork/two-branches/README.md",
                "# two-branches\n\nExit with `7`.\n\nMore.\n",
            ),
        ];
        for (path, text) in files {
            course.write(path, text)?;
        }
        course.write("book/src/fork.md", page)?;
        Ok(course)
    }

    /// The same, as packages that cargo can build, with these programs on the page.
    pub(crate) fn with_programs(programs: &[(&str, &str)]) -> Result<Self, Box<dyn Error>> {
        let page: String =
            programs.iter().map(|(name, _)| format!("{{{{#program {name}}}}}\n\n")).collect();
        let course = Self::new(&format!("# fork\n\n{page}"))?;
        course
            .write("Cargo.toml", "[workspace]\nmembers = [\"crates/fork\"]\nresolver = \"3\"\n")?;
        let manifest = "[package]\nname = \"fork\"\nedition = \"2024\"\ndefault-run = \"twice\"\n";
        course.write("crates/fork/Cargo.toml", manifest)?;
        for (name, body) in programs {
            course.write(&format!("crates/fork/src/bin/{name}.rs"), body)?;
        }
        Ok(course)
    }

    /// The course's root.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, text)
    }

    /// A file of the built book.
    pub(crate) fn built(&self, path: &str) -> std::io::Result<String> {
        fs::read_to_string(self.root().join("target/book").join(path))
    }

    /// The lab, run in the course's root.
    pub(crate) fn lab(&self, arguments: &[&str]) -> Command {
        let mut lab = Command::new(assert_cmd::cargo::cargo_bin!("lab"));
        lab.current_dir(self.root()).args(arguments).timeout(DEADLINE);
        lab
    }

    /// Builds, which must work and be silent but for one line; returns the chapter's page.
    pub(crate) fn page(&self) -> Result<String, Box<dyn Error>> {
        let done = self.lab(&["build"]).assert().success().stderr("");
        let said = String::from_utf8(done.get_output().stdout.clone())?;
        assert_eq!(said.lines().count(), 1, "one line, and no noise: {said}");
        assert!(said.starts_with("The book is in "), "{said}");
        Ok(self.built("fork.html")?)
    }

    /// Builds, which must fail with messages only; returns them.
    pub(crate) fn errors(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let done = self.lab(&["build"]).assert().code(1).stdout("");
        let said = String::from_utf8(done.get_output().stderr.clone())?;
        let lines: Vec<_> = said.lines().map(str::to_owned).collect();
        assert!(
            said.starts_with("error: ") && !said.contains("panicked"),
            "a plain message: {said}"
        );
        Ok(lines)
    }
}

/// The real workspace, three folders up.
pub(crate) fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}
