//! Who runs when, and what happens when nobody can.

mod common;

use std::net::TcpStream;
use std::time::Instant;

use common::{P1, finished, recorded, recorded_with, recorder};
use story::{DEADLINE, Started};
use trace::event::What;

#[test]
fn a_hang_is_told_and_ended_in_bounded_time() {
    let start = Instant::now();
    let recorded = recorded_with(&["--patience", "0.2"], &["hang"]);
    assert!(start.elapsed() < DEADLINE / 3);
    assert_eq!(recorded.code, Some(128 + libc::SIGKILL));
    let stuck = recorded.exactly(P1, What::Stuck);
    assert!(recorded.all(|what| matches!(what, What::Ended { .. })).iter().all(|&at| at > stuck));
    assert!(recorded.stderr.contains("P2's own fd 4 keeps pipe 1 open"), "{}", recorded.stderr);
}

#[test]
fn who_waits_for_time_or_for_somebody_outside_does_not_hang() {
    let alarm = recorded_with(&["--patience", "0.1"], &["alarm"]);
    assert_eq!(alarm.code, Some(128 + libc::SIGALRM), "{}", alarm.text);

    let folder = tempfile::tempdir().expect("there is room");
    let listening = Started::command(recorder(&folder, &["--patience", "0.05"], &["listen"]));
    let port = listening.line_with("").parse().expect("a port");
    // Nothing shows that the recorder has had no patience, but that it lasts longer than that.
    std::thread::sleep(std::time::Duration::from_millis(300));
    TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let listening = finished(&folder, listening);
    assert_eq!(listening.code, Some(0), "{}", listening.text);
}

#[test]
fn twenty_recordings_are_one() {
    let programs = ["pipe", "handler", "threads", "stop", "storm", "spin", "threads-exit", "race"];
    for program in programs.into_iter().chain(["execs-among-sleepers", "terminal"]) {
        let first = recorded(program).text;
        for _ in 1..20 {
            assert_eq!(recorded(program).text, first, "{program}");
        }
    }
}

#[test]
fn the_policy_decides_the_order() {
    let order = |options: &[&str]| recorded_with(options, &["race"]).stdout.trim().to_string();
    assert_eq!(order(&["--policy", "run-to-block"]), "pab");
    assert_eq!(order(&["--policy", "parent-first"]), "pab");
    assert_eq!(order(&["--policy", "child-first"]), "abp");
    let random = |seed: u32| order(&["--policy", "random", "--seed", &seed.to_string()]);
    let mut all: Vec<_> = (0..40).map(random).collect();
    assert_eq!(all[7], random(7));
    all.sort();
    all.dedup();
    assert!(all.len() > 2, "{all:?}");
}

#[test]
fn free_is_whole_too() {
    for program in ["pipe", "threads", "storm", "orphan", "stop", "threads-exit"] {
        assert_eq!(recorded_with(&["--policy", "free"], &[program]).code, Some(0), "{program}");
    }
}

#[test]
fn in_a_clean_room_the_world_around_makes_no_difference() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut around = recorder(&folder, &["--clean"], &["pipe"]);
    around.env("LANG", "eo").env("ANYTHING", "else").current_dir("/");
    let around = finished(&folder, Started::command(around));
    let plain = recorded_with(&["--clean"], &["pipe"]);
    assert_eq!(around.text, plain.text);
    assert_eq!(around.code, Some(0));
    assert_ne!(recorded("pipe").text, plain.text);
}

#[test]
fn in_a_clean_room_the_output_is_passed_on() {
    let exit = recorded_with(&["--clean"], &["race"]);
    assert_eq!((exit.stdout.trim(), exit.stderr.as_str()), ("pab", ""));
}

#[test]
fn a_killed_recorder_leaves_nobody_behind() {
    let folder = tempfile::tempdir().expect("there is room");
    let listening = Started::command(recorder(&folder, &[], &["listen"]));
    let _ = listening.line_with("");
    let [program] = story::children(listening.pid())[..] else { panic!("one child") };
    listening.signal(nix::sys::signal::Signal::SIGKILL);
    story::wait_until("the program is gone", || {
        matches!(story::state(program), None | Some('Z')).then_some(())
    });
}
