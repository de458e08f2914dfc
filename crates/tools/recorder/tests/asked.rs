//! A program that somebody watches: each `kill` is made when that one says so, and its caller sleeps meanwhile.

mod common;

use std::process::Command;

use common::{Recorded, finished};
use story::Started;
use trace::event::What;

const KILLS: [&str; 3] = ["sh", "-c", "sleep 60 & kill $!; wait $!; test $? = 143"];
const RECORDER: &str = env!("CARGO_BIN_EXE_recorder");
const ASKED: &str = env!("CARGO_BIN_EXE_recorder-asked");

fn record(first: &[&str], options: &[&str], then: &[&str]) -> Recorded {
    let folder = tempfile::tempdir().expect("there is room");
    let mut command = Command::new(first[0]);
    command.args(&first[1..]).args(options).arg("--events").arg(folder.path().join("events"));
    command.arg("--").args(then).args(KILLS);
    finished(&folder, Started::command(command))
}

#[test]
fn who_waits_for_a_word_from_outside_is_waited_for() {
    let recorder = [ASKED, "500", RECORDER, "run"];
    let recorded = record(&recorder, &["--patience", "0.1"], &[]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    assert_eq!(recorded.all(|what| matches!(what, What::Stuck)), [0; 0]);
    let kills = |what: &What| matches!(what, What::Enter { name, .. } if name == "kill");
    let [at] = recorded.all(kills)[..] else { panic!("it kills once") };
    let asks = &recorded.events[at];
    let next = recorded.events[at + 1..].iter().find(|event| event.task == asks.task);
    assert!(!next.is_some_and(|event| event.what == What::Sleeps), "it has slept in kill");
}

#[test]
fn who_waits_for_a_word_from_one_who_is_recorded_sleeps() {
    let recorded = record(&[RECORDER, "run"], &[], &[ASKED, "0"]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
}
