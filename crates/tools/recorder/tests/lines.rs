//! On which lines of its source a program makes its calls.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{P1, Recorded, finished};
use story::Started;
use trace::event::{Task, What};

/// Records any program.
#[track_caller]
fn recorded(program: &Path) -> Recorded {
    let folder = tempfile::tempdir().expect("there is room");
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--events"]).arg(folder.path().join("events")).arg("--").arg(program);
    finished(&folder, Started::command(command))
}

/// The lines of a task's calls of this name.
fn lines(recorded: &Recorded, task: Task, call: &str) -> Vec<Option<String>> {
    let own = recorded.events.iter().filter(|event| event.task == task);
    let lines = own.filter_map(|event| match &event.what {
        What::Enter { name, line, .. } if name == call => Some(line.clone()),
        _ => None,
    });
    lines.collect()
}

fn in_file(file: &str, numbers: &[u32]) -> Vec<Option<String>> {
    numbers.iter().map(|number| Some(format!("{file}:{number}"))).collect()
}

/// Where this stands in a text, from 1.
fn line_of(text: &str, what: &str) -> u32 {
    let before = text.lines().take_while(|line| !line.contains(what)).count();
    u32::try_from(before + 1).expect("it is short")
}

#[test]
fn a_call_is_on_the_programs_own_line() {
    let recorded = recorded(Path::new(env!("CARGO_BIN_EXE_recorder-lines")));
    assert_eq!(recorded.code, Some(0), "{}", recorded.text);
    let told: Vec<Vec<u32>> = recorded.stdout.lines().map(numbers).collect();
    // Before its exec and after it: two in the first thread each, then the thread's, then the handler's.
    let [before, after] = &told[..] else { panic!("{}", recorded.stdout) };
    assert_eq!(before, after);
    let source = include_str!("programs/lines.rs");
    let [handler, child] =
        ["    let _ = getppid", "ForkResult::Child"].map(|it| line_of(source, it));
    let file = "tests/programs/lines.rs";
    let own = in_file(file, &[before[0], before[1], after[0], after[1], handler]);
    assert_eq!(lines(&recorded, P1, "getppid"), own);
    assert_eq!(lines(&recorded, Task(2), "getppid"), in_file(file, &before[2..]));
    assert_eq!(lines(&recorded, Task(3), "getppid"), in_file(file, &[child]));
    assert_eq!(lines(&recorded, Task(4), "getppid"), in_file(file, &after[2..]));
    assert_eq!(lines(&recorded, P1, "fork"), in_file(file, &[line_of(source, "match unsafe")]));
}

fn numbers(list: &str) -> Vec<u32> {
    let list = list.trim_matches(['[', ']']);
    list.split(", ").map(|number| number.parse().expect("a number")).collect()
}

const PROGRAM: &str = "\
#include <signal.h>
#include <unistd.h>

static int asks(void) {
    return getppid() > 0;
}

int main(void) {
    int asked = asks();
    return write(1, \"asked\\n\", 6) == 6 && asked ? 0 : 1;
}
";

/// A program in C, in a folder of its own; `None` where there is no compiler, or no library for that.
fn compiled(folder: &tempfile::TempDir, options: &[&str]) -> Option<PathBuf> {
    let (source, program) = (folder.path().join("asks.c"), folder.path().join("asks"));
    std::fs::write(&source, PROGRAM).expect("there is room");
    let mut cc = Command::new("cc");
    let cc = cc.args(options).arg("-o").arg(&program).arg(&source).output().ok()?;
    if !cc.status.success() {
        eprintln!("not tested with {options:?}: {}", String::from_utf8_lossy(&cc.stderr));
    }
    cc.status.success().then_some(program)
}

#[test]
fn a_program_in_c_has_lines_too_wherever_it_lies() {
    for options in [&["-g"][..], &["-g", "-O2"], &["-g", "-static"], &["-g", "-no-pie"]] {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("there is room"));
        let programs = folders.iter().filter_map(|folder| compiled(folder, options));
        let texts: Vec<_> = programs
            .map(|program| {
                let recorded = recorded(&program);
                assert_eq!(recorded.code, Some(0), "{}", recorded.text);
                assert_eq!(lines(&recorded, P1, "getppid"), in_file("asks.c", &[5]), "{options:?}");
                assert_eq!(lines(&recorded, P1, "write"), in_file("asks.c", &[10]), "{options:?}");
                recorded.text
            })
            .collect();
        assert!(texts.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[test]
fn without_debug_information_there_are_no_lines() {
    let folder = tempfile::tempdir().expect("there is room");
    let own = compiled(&folder, &["-O1"]);
    for program in own.into_iter().chain([PathBuf::from("/bin/sh")]) {
        let recorded = recorded(&program);
        assert_eq!(recorded.code, Some(0), "{}", recorded.text);
        let with = |what: &What| matches!(what, What::Enter { line: Some(_), .. });
        assert!(recorded.all(with).is_empty(), "{}", recorded.text);
    }
}
