//! The chapters' programs, each recorded again and again: it tells the same each time, on a page that is not
//! too long, and does what it does when nobody watches.
//!
//! `cargo test -p recorder --test chapters -- --ignored` records each of them 50 times.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use story::Started;
use trace::call::Argument;
use trace::event::{Event, What, read};
use trace::same;

const CHAPTERS: [&str; 8] =
    ["syscalls", "fork", "pipe", "select", "signals", "self-pipe", "execve", "after"];

/// It reads, 32 bytes at a time, a text with a pid in it: where the pieces part depends on how many digits
/// the pid has, which three runs that come one after the other may differ in.
const IN_PIECES: &str = "println_in_handler";

/// The kernel deals out its clients by a hash with a random key: how many come until a queue has four is chance.
const DEALT_OUT: &str = "reuseport_drop";

/// Their output is another one in each run, recorded or not: several processes write it, in any order.
const RACES: [&str; 3] = ["epoll_echo", "master_command", "spawn_workers"];

/// It is a tracer, and a process has one at most: recorded, it is refused.
const TRACER: &str = "tiny_trace";

/// They print how long something took, which nothing makes the same twice.
const MEASURE: [&str; 2] = ["idle_crowd", "spawn_bench"];

/// So many bytes a program's page may have at most.
const PAGE: usize = 200_000;

/// The programs of the chapters, built.
fn programs() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bins"]);
    build.args(CHAPTERS.iter().flat_map(|chapter| ["--package", chapter]));
    assert!(build.status().expect("cargo is there").success());
    let mut programs = Vec::new();
    for chapter in CHAPTERS {
        let sources = fs::read_dir(crates.join(chapter).join("src/bin")).expect("its programs");
        for source in sources {
            let source = source.expect("a program").path();
            if source.extension().is_some_and(|extension| extension == "rs") {
                let target = crates.with_file_name("target").join("debug");
                programs.push(target.join(source.file_stem().expect("a name")));
            }
        }
    }
    programs.sort();
    programs
}

fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}

fn recorder(program: &Path, file: &Path) -> Command {
    let mut command = clean(Path::new(env!("CARGO_BIN_EXE_recorder")));
    command.args(["run", "--events"]).arg(file).arg("--").arg(program);
    command
}

fn is_one_of(program: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| program.ends_with(name))
}

fn recording(program: &Path, file: &Path) -> Vec<Event> {
    let (_, _, stderr) = Started::command(recorder(program, file)).finish();
    let text = fs::read(file).unwrap_or_else(|_| panic!("{}: {stderr}", program.display()));
    let mut events = read(&text[..]).expect("each line is an event");
    if is_one_of(program, &MEASURE) {
        events.iter_mut().for_each(forget_the_numbers);
    }
    events
}

/// Of a text that is written, what stands before its first number.
fn forget_the_numbers(event: &mut Event) {
    let (What::Enter { name, arguments, .. } | What::Leave { name, arguments, .. }) =
        &mut event.what
    else {
        return;
    };
    let is_number = |after: &str| after.starts_with(|c: char| c.is_ascii_digit());
    for argument in arguments {
        if let ("write", Argument::Bytes(text, _)) = (name.as_str(), argument) {
            let mut spaces = text.match_indices(' ').map(|(at, _)| at + 1);
            if let Some(first) = spaces.find(|&after| is_number(&text[after..])) {
                text.truncate(first);
            }
        }
    }
}

/// Does something with each program, several at a time: most of them wait most of the time.
fn each(programs: &[PathBuf], does: impl Fn(&Path, &Path) -> Result<(), String> + Sync) {
    let folder = tempfile::tempdir().expect("there is room");
    let next = AtomicUsize::new(0);
    let work = |worker: usize| {
        let file = folder.path().join(worker.to_string());
        let mut wrong = Vec::new();
        while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = does(program, &file) {
                wrong.push(format!("{}: {why}", program.display()));
            }
        }
        wrong
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..4).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it doesn't panic")).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn same_each_time(times: usize) {
    let mut programs = programs();
    programs.retain(|program| !is_one_of(program, &[IN_PIECES, DEALT_OUT]));
    each(&programs, |program, file| {
        let first = recording(program, file);
        let page = trace::html::page(&first, "").len();
        if page > PAGE {
            return Err(format!("its page has {page} bytes"));
        }
        let differs = (1..times)
            .find_map(|time| Some((time, same::difference(&first, &recording(program, file))?)));
        differs.map_or(Ok(()), |(time, difference)| Err(format!("time {time}:\n{difference}")))
    });
}

#[test]
fn three_recordings_of_each_program_tell_the_same() {
    same_each_time(3);
}

#[test]
#[ignore = "minutes"]
fn fifty_recordings_of_each_program_tell_the_same() {
    same_each_time(50);
}

/// A text with its longer numbers, which may be pids, ports and addresses, by first appearance.
fn numbered(text: &str) -> String {
    let mut numbers = HashMap::new();
    let is_word = |c: char| c.is_ascii_alphanumeric();
    text.split_inclusive(|c| !is_word(c))
        .map(|piece| {
            let word = piece.trim_end_matches(|c| !is_word(c));
            let digits = word.strip_prefix("0x").unwrap_or(word);
            if digits.len() < 3 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return piece.to_string();
            }
            let number = numbers.len();
            let number = *numbers.entry(word.to_string()).or_insert(number);
            format!("({number}){}", &piece[word.len()..])
        })
        .collect()
}

#[test]
fn recording_changes_neither_output_nor_exit_status() {
    let mut programs = programs();
    let another = |program: &PathBuf| {
        [&RACES[..], &MEASURE, &[TRACER]].iter().any(|names| is_one_of(program, names))
    };
    programs.retain(|program| !another(program));
    each(&programs, |program, file| {
        let (status, stdout, stderr) = Started::command(clean(program)).finish();
        let (recorded, its_stdout, its_stderr) = Started::command(recorder(program, file)).finish();
        let plain = (numbered(&stdout), numbered(&stderr), status.code());
        let recorded = (numbered(&its_stdout), numbered(&its_stderr), recorded.code());
        if plain == recorded { Ok(()) } else { Err(format!("{plain:#?}\n{recorded:#?}")) }
    });
}
