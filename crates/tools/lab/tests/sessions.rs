//! What the book prints, a test has seen: every ```` ```console ```` block is run and compared.
//!
//! `SESSIONS=overwrite`, which `just renew` says, writes what was seen into the pages.

mod common;

use common::{Done, project};
use lab::chapters::Chapters;
use lab::markdown::{self, Code};
use lab::session::{self, Step};
use lab::{command, workspace::Workspace};
use mdbook_driver::MDBook;
use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid};
use regex::Regex;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A program of the book tells its story in less.
const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn every_session_in_the_book_is_what_happens() -> Done {
    let book = Book::load(project())?;
    let overwrite = std::env::var_os("SESSIONS").is_some_and(|how| how == "overwrite");
    let mut differences = Vec::new();
    for page in book.pages()? {
        let mut text = fs::read_to_string(&page)?;
        let name = page.strip_prefix(project())?.display().to_string();
        // From the last to the first, so that a rewritten block moves none that is still to come.
        for block in markdown::code(&text).into_iter().rev().filter(|code| code.is("console")) {
            let line = markdown::line(&text, block.range.start);
            if let Some(why) = cannot_run(&block)? {
                eprintln!("{name}:{line}: not checked: {why}");
                continue;
            }
            let seen = book.run(&block).map_err(|what| format!("{name}:{line}: {what}"))?;
            if let Some(why) = was_refused(&seen)? {
                eprintln!("{name}:{line}: not checked: {why}");
                continue;
            }
            if let Some(diff) = compare(&block, &seen) {
                differences.insert(0, format!("{name}:{line}:\n{diff}"));
                if overwrite && !block.has("excerpt") {
                    rewrite(&mut text, &block, &seen)?;
                }
            }
        }
        if overwrite {
            fs::write(&page, text)?;
        }
    }
    // Which lines of a run an excerpt should have is for a person to say.
    if overwrite {
        differences.retain(|difference| difference.contains(NOT_FOUND));
    }
    assert!(
        differences.is_empty(),
        "the book prints what no run did (- the book, + the run):\n\n{}\n\
         If the run is right: just renew",
        differences.join("\n")
    );
    Ok(())
}

/// What a difference in an excerpt says.
const NOT_FOUND: &str = "in this order, the run has no line";

/// The crate, and the program, that `just trace` runs.
const RECORDER: &str = "recorder";

/// How the command of a traced program begins and may end.
const STRACE: &str = "strace ";
const QUIET: &str = " > /dev/null";

/// Where a traced program looks for others: the directories that the book names.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/// Why a block can't be run on this machine, if so.
fn cannot_run(block: &Code) -> Result<Option<String>, Box<dyn Error>> {
    if !session::steps(&block.text).iter().any(|step| step.command.starts_with(STRACE)) {
        return Ok(None);
    }
    let probe = ["-f", "-e", "trace=none", "true"].map(str::to_owned);
    Ok(match run(Path::new("strace"), &probe, Path::new("/"), false, DEADLINE) {
        Ok((_, status)) if status.success() => None,
        Ok((output, _)) => Some(format!("strace may not trace: {}", output.trim_end())),
        Err(error) => Some(format!("strace: {error}")),
    })
}

/// Why a program that asked for a pid namespace got none, if no program gets one on this machine; or
/// why none may be recorded here.
fn was_refused(seen: &[String]) -> Result<Option<&'static str>, Box<dyn Error>> {
    if seen.iter().any(|output| output.contains("cannot trace the program: ")) {
        return Ok(Some("this machine refuses ptrace"));
    }
    if !seen.iter().any(|output| output.contains("cannot make a pid namespace here")) {
        return Ok(None);
    }
    for namespaces in ["--user", "--fork"] {
        let arguments = [namespaces, "--pid", "--fork", "true"].map(str::to_owned);
        let (_, status) = run(Path::new("unshare"), &arguments, Path::new("/"), false, DEADLINE)?;
        if status.success() {
            return Ok(None);
        }
    }
    Ok(Some("this machine refuses pid namespaces"))
}

/// What may stand after a prompt.
enum Asked {
    Run {
        krate: String,
        program: String,
        arguments: Vec<String>,
    },
    /// Words of strace's command line, the traced program's path among them.
    Trace {
        arguments: Vec<String>,
        quiet: bool,
    },
    Status,
}

struct Book {
    workspace: Workspace,
    chapters: Chapters,
    /// Each program of the chapters, built.
    programs: HashMap<(String, String), PathBuf>,
}

impl Book {
    fn load(root: PathBuf) -> Result<Self, Box<dyn Error>> {
        let workspace = Workspace::at(root);
        let chapters = Chapters::of(&MDBook::load(workspace.book())?.book);
        let mut programs = HashMap::new();
        let slugs = chapters.iter().map(|(_, slug)| slug);
        let slugs = slugs.filter(|slug| !workspace.programs(slug).is_empty());
        for slug in slugs.chain([RECORDER]) {
            for (name, path) in build(workspace.root(), slug)? {
                programs.insert((slug.to_owned(), name), path);
            }
        }
        Ok(Self { workspace, chapters, programs })
    }

    /// The Markdown files of the book.
    fn pages(&self) -> Result<BTreeSet<PathBuf>, Box<dyn Error>> {
        let mut pages = BTreeSet::new();
        let mut folders = vec![self.workspace.book().join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "md") {
                    pages.insert(path);
                }
            }
        }
        Ok(pages)
    }

    /// What each command of a block prints.
    fn run(&self, block: &Code) -> Result<Vec<String>, String> {
        let steps = session::steps(&block.text);
        if steps.first().is_none_or(|step| step.line != 0) {
            return Err("a console block begins with a command; else use ```text".to_owned());
        }
        let mut status = None;
        let seen = steps.iter().map(|step| match self.understand(step)? {
            Asked::Status => {
                let status = status.ok_or("`echo $?` before any command")?;
                Ok(format!("{}\n", shell_status(status)))
            }
            Asked::Run { krate, program, arguments } => {
                let path = self.programs.get(&(krate, program.clone()));
                let path = path.ok_or(format!("`{program}` was not built"))?;
                let (output, ended) = run(path, &arguments, self.workspace.root(), false, DEADLINE)
                    .map_err(|error| format!("`{}`: {error}", step.command))?;
                status = Some(ended);
                Ok(output)
            }
            Asked::Trace { arguments, quiet } => {
                let root = self.workspace.root();
                let (output, ended) = run(Path::new("strace"), &arguments, root, quiet, DEADLINE)
                    .map_err(|error| format!("`{}`: {error}", step.command))?;
                status = Some(ended);
                Ok(output)
            }
        });
        seen.collect()
    }

    fn understand(&self, step: &Step) -> Result<Asked, String> {
        if step.command == "echo $?" {
            return Ok(Asked::Status);
        }
        if let Some(command) = step.command.strip_prefix(STRACE) {
            return self.understand_trace(command);
        }
        // What stands in quotes is for the program; the rest must mean nothing to a shell.
        let mut unquoted = step.command.split('\'').step_by(2);
        let plain = unquoted
            .all(|part| !part.contains(['"', '|', '>', '<', ';', '&', '$', '*', '`', '\\']));
        let words = shlex::split(&step.command).unwrap_or_default();
        let mut words = words.iter().map(String::as_str).peekable();
        let just = words.next() == Some("just");
        let recorded = words.next_if_eq(&"trace").is_some();
        let chapter = match words.next() {
            Some(word) if !recorded => word.strip_prefix("chapter-"),
            word => word,
        };
        match chapter {
            Some(chapter) if just && plain => {
                let (krate, program) =
                    command::resolve(&self.workspace, &self.chapters, chapter, words.next())?;
                let (krate, arguments) = (krate.to_owned(), words.map(str::to_owned));
                if !recorded {
                    return Ok(Asked::Run { krate, program, arguments: arguments.collect() });
                }
                let path = self.programs.get(&(krate, program)).ok_or("it was not built")?;
                let path = path.display().to_string();
                let arguments =
                    ["run".to_owned(), "--".to_owned(), path].into_iter().chain(arguments);
                let (krate, program) = (RECORDER.to_owned(), RECORDER.to_owned());
                Ok(Asked::Run { krate, program, arguments: arguments.collect() })
            }
            _ => Err(format!("`{}`: a console block must be checked: use ```text", step.command)),
        }
    }

    /// `[-f] [-q] [-s NUMBER] [-e trace=CALLS] target/debug/PROGRAM [> /dev/null]`
    fn understand_trace(&self, command: &str) -> Result<Asked, String> {
        let traced = command.strip_suffix(QUIET);
        let quiet = traced.is_some();
        let mut arguments = vec!["-E".to_owned(), format!("PATH={SEARCH_PATH}")];
        let mut words = traced.unwrap_or(command).split(' ');
        while let Some(word) = words.next() {
            let plain = |value: &&str| value.chars().all(|c| c.is_alphanumeric() || c == ',');
            let value = match word {
                "-f" | "-q" => None,
                "-s" => words.next().filter(plain),
                "-e" => words
                    .next()
                    .filter(|what| what.strip_prefix("trace=").as_ref().is_some_and(plain)),
                _ => {
                    let name = word.strip_prefix("target/debug/").unwrap_or_default();
                    let mut programs = self.programs.iter();
                    let Some((_, path)) = programs.find(|((_, program), _)| program == name) else {
                        return Err(format!(
                            "`{STRACE}{command}`: `{word}` is no target/debug/PROGRAM"
                        ));
                    };
                    if let Some(more) = words.next() {
                        return Err(format!("`{STRACE}{command}`: what is `{more}`?"));
                    }
                    arguments.push(path.display().to_string());
                    return Ok(Asked::Trace { arguments, quiet });
                }
            };
            if word.starts_with("-s") || word.starts_with("-e") {
                let what =
                    value.ok_or(format!("`{STRACE}{command}`: what does `{word}` mean here?"))?;
                arguments.extend([word, what].map(str::to_owned));
            } else {
                arguments.push(word.to_owned());
            }
        }
        Err(format!("`{STRACE}{command}`: names no target/debug/PROGRAM"))
    }
}

/// Builds a crate's programs and says where they are.
fn build(root: &Path, krate: &str) -> Result<HashMap<String, PathBuf>, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--bins", "--message-format", "json", "--package", krate])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err(format!("cargo build --bins --package {krate}: {}", built.status).into());
    }
    let mut programs = HashMap::new();
    for message in cargo_metadata::Message::parse_stream(&built.stdout[..]) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message?
            && let Some(path) = artifact.executable
        {
            programs.insert(artifact.target.name, path.into());
        }
    }
    Ok(programs)
}

/// A process group that ends with the value. Its leader is reaped here and nowhere else, and only
/// after the group is killed: until then nobody else can have its number.
struct Group {
    leader: Child,
    ended: bool,
}

impl Group {
    fn id(&self) -> Pid {
        Pid::from_raw(self.leader.id().cast_signed())
    }

    fn end(&mut self) -> std::io::Result<ExitStatus> {
        self.ended = true;
        _ = killpg(self.id(), Signal::SIGKILL);
        self.leader.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            _ = self.end();
        }
    }
}

/// Runs a program as a terminal would, with both outputs in one stream, until the last process that
/// could still print is gone. `quiet` puts standard output away, as ` > /dev/null` does.
fn run(
    program: &Path,
    arguments: &[String],
    root: &Path,
    quiet: bool,
    deadline: Duration,
) -> Result<(String, ExitStatus), Box<dyn Error>> {
    // An orphan goes to the nearest subreaper, here as on some desktops, or to init. This test is both:
    // it adopts whom the program abandons, and is called pid 1 in what they say.
    prctl::set_child_subreaper(true)?;
    let init = Regex::new(&format!(r"\bpid {}\b", getpid()))?;

    let (mut reader, writer) = std::io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).stdin(Stdio::null()).process_group(0);
    let stdout = if quiet { Stdio::null() } else { writer.try_clone()?.into() };
    command.stdout(stdout).stderr(writer);
    let mut group = Group { leader: command.spawn()?, ended: false };
    // The command holds the write end too; with it open the stream would never end.
    drop(command);

    let (sender, ended) = mpsc::channel();
    let leader = group.id();
    thread::spawn(move || {
        let mut output = Vec::new();
        let read = reader.read_to_end(&mut output);
        // Leaves it to be reaped: see `Group`.
        let waited = waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        _ = sender.send((read, waited, output));
    });
    match ended.recv_timeout(deadline) {
        Ok((read, waited, output)) => {
            read?;
            waited?;
            let output = String::from_utf8_lossy(&output);
            Ok((init.replace_all(&output, "pid 1").into_owned(), group.end()?))
        }
        Err(_) => Err(format!("still running after {deadline:?}").into()),
    }
}

fn shell_status(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// The lines in which the book and the run differ, when they do.
fn compare(block: &Code, seen: &[String]) -> Option<String> {
    let unordered = block.has("unordered");
    let mut diff = String::new();
    for (step, seen) in session::steps(&block.text).iter().zip(seen) {
        let [told, seen] = [&step.output, seen].map(|output| {
            if block.has("measured") { session::measured(output) } else { output.clone() }
        });
        if block.has("excerpt") {
            if let Err(line) = session::find_excerpt(&told, &seen) {
                let all = lines("", &seen);
                diff += &format!("  $ {}\n{NOT_FOUND}:\n- {line}\n{all}", step.command);
            }
            continue;
        }
        let [told, seen] = [told, seen].map(|output| session::normalise(&output, unordered));
        if told != seen {
            diff += &format!("  $ {}\n{}", step.command, lines(&told, &seen));
        }
    }
    (!diff.is_empty()).then_some(diff)
}

/// A line-by-line difference: what is common at both ends, and what is not in between.
fn lines(told: &str, seen: &str) -> String {
    let (told, seen): (Vec<_>, Vec<_>) = (told.lines().collect(), seen.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = told.iter().zip(&seen).take_while(same).count();
    let (told_rest, seen_rest) = (&told[head..], &seen[head..]);
    let tail = told_rest.iter().rev().zip(seen_rest.iter().rev()).take_while(same).count();
    let show = |mark, lines: &[&str]| -> String {
        lines.iter().map(|line| format!("{mark} {line}\n")).collect()
    };
    show(' ', &told[..head])
        + &show('-', &told_rest[..told_rest.len() - tail])
        + &show('+', &seen_rest[..seen_rest.len() - tail])
        + &show(' ', &told_rest[told_rest.len() - tail..])
}

/// Puts what was seen into the page, with the book's own process ids.
fn rewrite(text: &mut String, block: &Code, seen: &[String]) -> Result<(), String> {
    let whole = &text[block.range.clone()];
    let start = text[..block.range.start].rfind('\n').map_or(0, |newline| newline + 1);
    if start != block.range.start {
        return Err("an indented console block cannot be rewritten".to_owned());
    }
    let (Some(opening), Some(closing)) = (whole.lines().next(), whole.lines().last()) else {
        return Err("a console block without its fences".to_owned());
    };
    let mut first = session::FIRST_PID;
    let mut body = String::new();
    for (step, seen) in session::steps(&block.text).iter().zip(seen) {
        let (output, next) = session::renumber(seen, block.has("unordered"), first);
        first = next;
        body += &format!("$ {}\n{output}", step.command);
        if !body.ends_with('\n') {
            body.push('\n');
        }
    }
    text.replace_range(block.range.clone(), &format!("{opening}\n{body}{closing}"));
    Ok(())
}

/// The tests of the test: it must see every way in which a page can be wrong.
mod checks {
    use super::*;
    use common::Course;

    fn step(command: &str) -> Step {
        Step { command: command.to_owned(), line: 0, output: String::new() }
    }

    fn block(text: &str) -> Code {
        markdown::code(text).remove(0)
    }

    fn sh(script: &str) -> Result<(String, ExitStatus), Box<dyn Error>> {
        run(
            Path::new("/bin/sh"),
            &["-c".to_owned(), script.to_owned()],
            Path::new("/"),
            false,
            DEADLINE,
        )
    }

    fn course() -> Result<(Course, Book), Box<dyn Error>> {
        let course = Course::new("# fork\n")?;
        let workspace = Workspace::at(course.root());
        let chapters = Chapters::of(&MDBook::load(workspace.book())?.book);
        let shell = (("fork".to_owned(), "twice".to_owned()), PathBuf::from("/bin/echo"));
        Ok((course, Book { workspace, chapters, programs: HashMap::from([shell]) }))
    }

    #[test]
    fn a_command_that_no_test_can_run_is_refused() -> Done {
        let (_course, book) = course()?;
        for command in ["ls", "just fmt", "just chapter-1 twice | wc", "just chapter-9", ""] {
            assert!(book.understand(&step(command)).is_err(), "{command}");
        }
        assert!(book.run(&block("```console\nno prompt\n```")).is_err());
        assert!(book.run(&block("```console\n$ echo $?\n0\n```")).is_err());
        Ok(())
    }

    #[test]
    fn a_trace_is_of_a_program_of_the_book_and_writes_nothing() -> Done {
        let (_course, book) = course()?;
        let good = ["-f -e trace=a,b target/debug/twice", "-s 80 target/debug/twice > /dev/null"];
        for options in good {
            assert!(matches!(
                book.understand(&step(&format!("strace {options}"))),
                Ok(Asked::Trace { quiet, .. }) if quiet == options.ends_with("null")
            ));
        }
        for options in [
            "ls",
            "/bin/ls",
            "target/debug/no",
            "-o out target/debug/twice",
            "-e inject=a target/debug/twice",
            "-s",
            "-f",
            "target/debug/twice > out",
            "target/debug/twice a",
        ] {
            assert!(book.understand(&step(&format!("strace {options}"))).is_err(), "{options}");
        }
        Ok(())
    }

    #[test]
    fn a_measured_block_holds_all_but_what_was_measured() {
        let book = block("```console,measured\n$ just chapter-1\n[a 1234] 8 took 5 ns\n```");
        assert_eq!(compare(&book, &["[a 77] 8 took 61 ns\n".to_owned()]), None);
        assert!(compare(&book, &["[a 77] 9 took 61 ns\n".to_owned()]).is_some());
        let strict = block("```console\n$ just chapter-1\n[a 1234] 8 took 5 ns\n```");
        assert!(compare(&strict, &["[a 77] 8 took 61 ns\n".to_owned()]).is_some());
    }

    #[test]
    fn an_excerpt_names_the_line_that_no_run_has() {
        let book = block("```console,excerpt\n$ just chapter-1\nb … d\n```");
        assert_eq!(compare(&book, &["a\nb c d\n".to_owned()]), None);
        let diff = compare(&book, &["a\nb c\n".to_owned()]).unwrap_or_default();
        assert!(diff.contains(NOT_FOUND) && diff.contains("- b … d\n"), "{diff}");
    }

    #[test]
    fn a_chapter_without_a_name_runs_its_headline_program() -> Done {
        let (_course, book) = course()?;
        let seen = book.run(&block(
            "```console\n$ just chapter-1\n$ just chapter-1 twice a b\n$ echo $?\n```",
        ))?;
        assert_eq!(seen, ["\n", "a b\n", "0\n"]);
        Ok(())
    }

    #[test]
    fn both_outputs_are_one_stream_and_death_by_signal_has_a_status() -> Done {
        let (output, status) = sh("echo one; echo two >&2; echo three; kill -TERM $$")?;
        assert_eq!((output.as_str(), shell_status(status)), ("one\ntwo\nthree\n", 143));
        Ok(())
    }

    #[test]
    fn what_an_orphan_prints_later_is_seen() -> Done {
        let (output, _) = sh("(read -r line < /dev/null; echo late) & exit 3")?;
        assert_eq!(output, "late\n");
        Ok(())
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() -> Done {
        let (reader, writer) = std::io::pipe()?;
        let file = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
        // Both hold the pipe's write end, so its end shows that both are gone.
        let script = format!("exec 3> {file}; sleep 1000 & sleep 1000");
        let ended = run(
            Path::new("/bin/sh"),
            &["-c".to_owned(), script],
            Path::new("/"),
            false,
            Duration::from_millis(300),
        );
        let error = ended.err().ok_or("it ended by itself")?.to_string();
        assert_eq!(error, "still running after 300ms");
        drop(writer);
        let (sender, closed) = mpsc::channel();
        thread::spawn(move || sender.send(std::io::read_to_string(reader)));
        assert_eq!(closed.recv_timeout(DEADLINE)??, "");
        Ok(())
    }

    #[test]
    fn a_difference_is_shown_line_by_line() {
        let book = block("```console\n$ just chapter-1\n[a 1234] x\n[a 1234] y\n```");
        assert_eq!(compare(&book, &["[a 77] x\n[a 77] y\n".to_owned()]), None);
        let diff = compare(&book, &["[a 77] x\n[a 77] z\n".to_owned()]);
        let told = "  $ just chapter-1\n  [a 4211] x\n- [a 4211] y\n+ [a 4211] z\n";
        assert_eq!(diff.as_deref(), Some(told));
    }

    #[test]
    fn rewriting_puts_the_run_into_the_page() -> Done {
        let mut page = "a\n```console\n$ just chapter-1\nold\n$ echo $?\n0\n```\nb\n".to_owned();
        let found = block(&page);
        rewrite(&mut page, &found, &["[a 77] pid 78\n".to_owned(), "1\n".to_owned()])?;
        let told = "a\n```console\n$ just chapter-1\n[a 4211] pid 4212\n$ echo $?\n1\n```\nb\n";
        assert_eq!(page, told);
        Ok(())
    }
}
