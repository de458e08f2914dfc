//! A small course to work in: two of the real exercises, one made up, one's own git history.
#![allow(dead_code, reason = "each test file takes what it needs")]

pub(crate) mod terminal;

use assert_cmd::Command;
use serde_json::Value;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) type Done = Result<(), Box<dyn Error>>;

/// How long anything may take, the first build included, on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);

/// The root of the repository.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("crates/tools/course")
}

/// A course in a folder of its own. There is one at a time: they share what cargo has built.
pub(crate) struct Small {
    pub(crate) root: PathBuf,
    _turn: File,
}

impl Small {
    /// `two-branches`, `exit-or-_exit` and `odd`, whose tests a test writes itself.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course");
        fs::create_dir_all(&folder)?;
        let turn = File::create(folder.join("turn"))?;
        turn.lock()?;
        let root = folder.join("root");
        let exercises = root.join("exercises");
        _ = fs::remove_file(root.join("running"));
        for name in [".course", ".git", "exercises/fork", "exercises/odds", "solutions"] {
            remove(&root.join(name))?;
        }
        fs::create_dir_all(&exercises)?;
        let manifest = fs::read_to_string(project().join("exercises/Cargo.toml"))?;
        let (before, rest) = manifest.split_once("members = [").ok_or("no members")?;
        let (_, after) = rest.split_once(']').ok_or("members without an end")?;
        let grader = project().join("crates/tools/grader");
        let after = after.replace("../crates/tools/grader", &grader.display().to_string());
        let members = r#"members = ["fork/two-branches", "fork/exit-or-_exit", "odds/odd"]"#;
        fs::write(exercises.join("Cargo.toml"), format!("{before}{members}{after}"))?;
        for path in ["exercises/Cargo.lock", ".gitignore"] {
            fs::copy(project().join(path), root.join(path))?;
        }
        for name in ["two-branches", "exit-or-_exit"] {
            let folder = format!("exercises/fork/{name}");
            copy(&project().join(&folder), &root.join(&folder))?;
            let answer = format!("solutions/fork/{name}.rs");
            fs::create_dir_all(root.join("solutions/fork"))?;
            fs::copy(project().join(&answer), root.join(&answer))?;
        }
        let odd = exercises.join("odds/odd");
        copy(&project().join("exercises/fork/two-branches"), &odd)?;
        let manifest = fs::read_to_string(odd.join("Cargo.toml"))?;
        fs::write(odd.join("Cargo.toml"), manifest.replace("two-branches", "odd"))?;
        let small = Self { root, _turn: turn };
        small.grade_odd("run();");
        small.write("odd", "fn main() {\n    todo!(\"exit\")\n}\n");
        // Whoever works on the course may have learned something of it since it was given out.
        fs::write(small.root.join("exercises/odds/odd/README.md"), "# odd\n\nBe odd.\n")?;
        small.git(&["init", "--quiet"])?;
        small.git(&["add", "."])?;
        small.git(&["commit", "--quiet", "--message", "The starters"])?;
        Ok(small)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Done {
        let identity = ["-c", "user.name=learner", "-c", "user.email=learner@localhost"];
        let mut git = std::process::Command::new("git");
        git.current_dir(&self.root).args(identity).args(arguments);
        let status = git.status()?;
        if status.success() { Ok(()) } else { Err(format!("git {arguments:?}: {status}").into()) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let chapter = if name == "odd" { "odds" } else { "fork" };
        self.root.join("exercises").join(chapter).join(name).join("src/main.rs")
    }

    /// The learner saves a file.
    pub(crate) fn write(&self, name: &str, source: &str) {
        fs::write(self.file(name), source).expect("the file can be written");
    }

    /// The learner finds the answer.
    pub(crate) fn solve(&self, name: &str) {
        let answer = self.root.join(format!("solutions/fork/{name}.rs"));
        self.write(name, &fs::read_to_string(answer).expect("there is an answer"));
    }

    /// Gives `odd` one test with this body. In it, `run()` runs the program, for a minute at most.
    pub(crate) fn grade_odd(&self, body: &str) {
        // The number is told by the test: a contained program can write to none of our files.
        let told = self.root.join("running");
        let source = format!(
            "//! What must be odd.\n\n#[test]\nfn it_is_odd() {{\n    {body}\n}}\n\n\
             #[allow(dead_code)]\nfn run() {{\n    let program = grader::program!(\"odd\");\n    \
             let run = grader::Run::new(program).deadline(std::time::Duration::from_secs(60));\n    \
             let running = run.start();\n    \
             std::fs::write({told:?}, running.pid().to_string()).unwrap();\n    \
             running.finish().must_end();\n}}\n"
        );
        fs::write(self.root.join("exercises/odds/odd/tests/grade.rs"), source)
            .expect("the file can be written");
    }

    /// `cargo course`, as the learner calls it.
    pub(crate) fn course(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("course"));
        command.current_dir(&self.root).args(arguments).timeout(DEADLINE);
        command.env_remove("CARGO_TARGET_DIR");
        command
    }

    /// What it prints with `--json`, and its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<(Value, Option<i32>), Box<dyn Error>> {
        let output = self.course(arguments).arg("--json").output()?;
        Ok((serde_json::from_slice(&output.stdout)?, output.status.code()))
    }
}

/// Waits for the end of a process that somebody is to end: long before it would end by itself.
#[track_caller]
pub(crate) fn wait_for_the_end_of(pid: &str) {
    let start = Instant::now();
    wait_for("the end of a process", || {
        assert!(start.elapsed() < Duration::from_secs(40), "{pid} lives on");
        (!lives(pid)).then_some(())
    });
}

/// Waits for a condition, and tells at the deadline what it waited for.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is there, and no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
