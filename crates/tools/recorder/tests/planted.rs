//! `--check` finds what is wrong: in true recordings of random programs, faults are planted, each of them what a bug in
//! the model or in the recorder would do to all events of a kind, and each is caught.

use std::process::Command;

use story::Started;
use trace::Event;
use trace::call::Argument;
use trace::event::{Outcome, What, read};

/// Recordings in which each of the faults has its place.
const SEEDS: usize = 12;

/// A random program's recording: its descriptors go everywhere, but hardly anything goes through them.
fn random(seed: usize) -> Vec<Event> {
    let seed = seed.to_string();
    recording(env!("CARGO_BIN_EXE_recorder-random"), &[&seed, "30", "3", "first"])
}

fn recording(program: &str, arguments: &[&str]) -> Vec<Event> {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("events");
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--check", "--patience", "0.3", "--events"]).arg(&file);
    command.arg("--").arg(program).args(arguments);
    let (_, _, stderr) = Started::command(command).finish();
    let text = std::fs::read(file).unwrap_or_else(|_| panic!("{program}: {stderr}"));
    read(&text[..]).expect("each line is an event")
}

/// Changes one event, if the fault has a place there: `false`, if it doesn't.
type Fault = fn(&mut What) -> bool;

fn succeeds(what: &What, call: &str) -> bool {
    matches!(what, What::Leave { name, result: Outcome::Value(0..), .. } if name == call)
}

/// The call is taken for one that has failed.
fn ignored(what: &mut What, call: &str) -> bool {
    let found = succeeds(what, call);
    if let (true, What::Leave { result, .. }) = (found, what) {
        *result = Outcome::Error("EBADF".into());
    }
    found
}

const CLOEXEC: u64 = 0o2_000_000;

const FAULTS: [(&str, Fault); 9] = [
    ("a close is overlooked", |what| ignored(what, "close")),
    ("a dup2 is overlooked", |what| ignored(what, "dup2")),
    ("a dup is overlooked", |what| ignored(what, "dup")),
    ("a pipe is close-on-exec, or not, the other way around", |what| {
        let found = succeeds(what, "pipe2");
        if let (true, What::Leave { arguments, .. }) = (found, what) {
            for argument in arguments {
                if let Argument::Flags(flags) = argument {
                    *flags ^= CLOEXEC;
                }
            }
        }
        found
    }),
    ("a child shares its parent's table", |what| match what {
        What::Born { shares_files, .. } => !std::mem::replace(shares_files, true),
        _ => false,
    }),
    ("a descriptor gets another number", |what| match what {
        What::Leave { name, result: Outcome::Value(number), .. } if name == "socket" => {
            *number += 1;
            *number > 0
        }
        _ => false,
    }),
    ("more bytes are read than were written", |what| match what {
        What::Leave { name, result: Outcome::Value(count @ 1..), .. } if name == "read" => {
            *count += 1;
            true
        }
        _ => false,
    }),
    ("fewer bytes are written than are read", |what| match what {
        What::Leave { name, result: Outcome::Value(count @ 1..), .. } if name == "write" => {
            *count = 0;
            true
        }
        _ => false,
    }),
    ("an end is not told", |what| match what {
        What::Ended { .. } => {
            *what = What::Runs;
            true
        }
        _ => false,
    }),
];

#[test]
fn each_planted_fault_is_caught() {
    let mut recordings: Vec<_> = (0..SEEDS).map(random).collect();
    recordings.push(recording(env!("CARGO_BIN_EXE_recorder-subject"), &["pipe"]));
    for (number, events) in recordings.iter().enumerate() {
        assert_eq!(trace::check(events), [], "recording {number}: nothing is planted yet");
    }
    let mut missed = Vec::new();
    for (name, fault) in FAULTS {
        let caught = recordings.iter().any(|events| {
            let mut events = events.clone();
            let planted =
                events.iter_mut().filter_map(|event| fault(&mut event.what).then_some(()));
            planted.count() > 0 && !trace::check(&events).is_empty()
        });
        if !caught {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
