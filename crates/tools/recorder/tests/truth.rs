//! What the recorder tells is true: at every stop, the model's descriptor tables are those of /proc, and
//! nothing stands before its cause.
//!
//! Each recording is made with `--check`. `cargo test -p recorder --test truth -- --ignored` does so with
//! more orders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use story::Started;

const CHAPTERS: [&str; 8] =
    ["syscalls", "fork", "pipe", "select", "signals", "self-pipe", "execve", "after"];

/// Programs that are not recorded here, and why.
const LEFT_OUT: [(&str, &str); 2] = [
    ("serve_two", "serves for a minute, whoever comes"),
    ("idle_crowd", "has 500 descriptors, to be compared at each of thousands of stops"),
];

/// What a program is told, where it would do nothing of itself.
const ARGUMENTS: [(&str, &[&str]); 1] =
    [("tiny_shell", &["-c", "true | cat < /dev/null | wc -c > /dev/null; exit 3"])];

/// How many seeds the random program is given.
const SEEDS: usize = 200;

/// One recording: the recorder's options, the program and its arguments.
struct Case {
    options: Vec<String>,
    program: PathBuf,
    arguments: Vec<String>,
}

impl Case {
    fn new(options: &[&str], program: &Path, arguments: &[&str]) -> Case {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_string()).collect();
        Case { options: owned(options), program: program.into(), arguments: owned(arguments) }
    }

    /// What the recorder has found to be wrong.
    fn wrong(&self, events: &Path) -> Option<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        command.args(["run", "--check", "--patience", "0.3"]).args(&self.options);
        command.arg("--events").arg(events).arg("--").arg(&self.program).args(&self.arguments);
        let (status, _, stderr) = Started::command(command).finish();
        // 125 is the recorder's own; others are the program's, which may well fail.
        (status.code() == Some(125) || status.code().is_none()).then(|| {
            let Case { options, program, arguments } = self;
            format!("{} {arguments:?} {options:?}: {stderr}", program.display())
        })
    }
}

/// Records each case, several at a time, since they wait most of the time.
#[track_caller]
fn all_are_true(cases: &[Case]) {
    let folder = tempfile::tempdir().expect("there is room");
    let next = AtomicUsize::new(0);
    let work = |worker: usize| {
        let events = folder.path().join(worker.to_string());
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(case.wrong(&events));
        }
        wrong
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..3).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it doesn't panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The chapters' programs, built, each with its arguments.
fn programs() -> Vec<(PathBuf, &'static [&'static str])> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bins"]);
    build.args(CHAPTERS.iter().flat_map(|chapter| ["--package", chapter]));
    assert!(build.status().expect("cargo is there").success());
    let mut programs = Vec::new();
    for chapter in CHAPTERS {
        let sources = fs::read_dir(crates.join(chapter).join("src/bin")).expect("its programs");
        for source in sources.map(|source| source.expect("a program").path()) {
            let name = source.file_stem().and_then(|name| name.to_str()).expect("a name");
            let is_one = source.extension().is_some_and(|extension| extension == "rs");
            if is_one && !LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
                let arguments = ARGUMENTS.iter().find(|(program, _)| *program == name);
                let path = Path::new(env!("CARGO_BIN_EXE_recorder")).with_file_name(name);
                programs.push((path, arguments.map_or(&[][..], |(_, arguments)| arguments)));
            }
        }
    }
    programs
}

fn chapters_in(orders: &[&[&str]]) {
    let programs = programs();
    let cases: Vec<_> = orders
        .iter()
        .flat_map(|order| programs.iter().map(move |program| (order, program)))
        .map(|(order, (path, args))| Case::new(order, path, args))
        .collect();
    all_are_true(&cases);
}

#[test]
fn what_is_told_of_the_chapters_programs_is_true() {
    chapters_in(&[&[], &["--policy", "free"]]);
}

#[test]
#[ignore = "a minute and more"]
fn what_is_told_of_the_chapters_programs_is_true_in_every_order() {
    chapters_in(&[
        &["--all"],
        &["--policy", "child-first"],
        &["--policy", "parent-first"],
        &["--policy", "random", "--seed", "1"],
        &["--policy", "random", "--seed", "2"],
    ]);
}

fn random(policy: &str, seeds: impl Iterator<Item = usize>) -> Vec<Case> {
    let program = Path::new(env!("CARGO_BIN_EXE_recorder-random"));
    let case = |seed: usize| {
        let seed = seed.to_string();
        Case::new(&["--policy", policy, "--seed", &seed], program, &[&seed, "30", "3", "first"])
    };
    seeds.map(case).collect()
}

#[test]
fn what_is_told_of_random_programs_is_true() {
    let mut cases = random("random", (0..SEEDS).filter(|seed| seed % 4 == 0));
    cases.extend(random("run-to-block", (0..SEEDS).filter(|seed| seed % 4 == 1)));
    cases.extend(random("child-first", (0..SEEDS).filter(|seed| seed % 4 == 2)));
    cases.extend(random("parent-first", (0..SEEDS).filter(|seed| seed % 4 == 3)));
    all_are_true(&cases);
}

#[test]
fn what_is_told_of_programs_in_free_order_is_true() {
    all_are_true(&random("free", 0..40));
}

/// Programs in which somebody is ended while it makes somebody.
const STORMS: [&str; 13] = [
    "exec-among-threads",
    "exec-among-forks",
    "exec-among-spawns",
    "exit-among-threads",
    "exit-among-forks",
    "exit-among-spawns",
    "kill-who-makes-threads",
    "kill-who-forks",
    "kill-who-spawns",
    "kill-orphans",
    "kill-threads-that-fork",
    "kill-vfork",
    "kill-stopped",
];

/// Where the youngest goes first, the others would wait very long here for those who make one after another.
#[test]
fn whoever_is_ended_while_it_makes_somebody_is_told_of_truly() {
    let program = Path::new(env!("CARGO_BIN_EXE_recorder-storms"));
    let mut cases = Vec::new();
    for policy in ["run-to-block", "parent-first", "random", "free", "free", "free", "free"] {
        cases.extend(STORMS.map(|name| Case::new(&["--policy", policy], program, &[name])));
    }
    cases.push(Case::new(&["--policy", "child-first"], program, &["kill-who-forks"]));
    all_are_true(&cases);
}

#[test]
fn at_any_moment_a_deadline_ends_those_who_make_somebody() {
    let program = Path::new(env!("CARGO_BIN_EXE_recorder-storms"));
    let mut cases = Vec::new();
    for (policy, moment) in ["free", "random"].iter().flat_map(|it| (1..8).map(move |at| (it, at)))
    {
        let deadline = format!("{:.3}", 0.025 * f64::from(moment));
        let options = ["--policy", policy, "--deadline", &deadline];
        cases.extend(STORMS.map(|name| Case::new(&options, program, &[name])));
    }
    all_are_true(&cases);
}

/// Programs that make it hard.
const ADVERSE: [&str; 13] = [
    "clients",
    "exec-for-another",
    "exec-storm",
    "daemon",
    "signal-storm",
    "exec-fails",
    "ptrace",
    "subreaper",
    "private-table",
    "exit-among-sleepers",
    "many-forks",
    "deep-forks",
    "job-control",
];

#[test]
fn what_is_told_of_adverse_programs_is_true_in_every_order() {
    let program = Path::new(env!("CARGO_BIN_EXE_recorder-adverse"));
    let mut cases = Vec::new();
    for policy in ["run-to-block", "child-first", "parent-first", "random", "free"] {
        cases.extend(ADVERSE.map(|name| Case::new(&["--policy", policy], program, &[name])));
    }
    all_are_true(&cases);
}

/// Between the beginning of a `connect` and its effect, another client may have a turn, and be the first in the queue.
#[test]
fn whose_connection_is_accepted_is_true_in_random_orders() {
    let program = Path::new(env!("CARGO_BIN_EXE_recorder-adverse"));
    let seeds: Vec<_> = (0..13).map(|seed| seed.to_string()).collect();
    let case = |seed| Case::new(&["--policy", "random", "--seed", seed], program, &["clients"]);
    all_are_true(&seeds.iter().map(|seed| case(seed)).collect::<Vec<_>>());
}
