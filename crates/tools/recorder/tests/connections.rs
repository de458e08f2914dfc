//! What a recording costs does not depend on who else is connected on this machine.

use std::fs;
use std::process::Command;

use story::Started;

/// The kernel's list has the connections of the whole machine, and those that were closed within the last minute: to
/// read it at each `connect` and `accept` made a recording nine times as long where there were ten thousand.
#[test]
fn whose_connection_is_accepted_is_known_without_the_list_of_all() {
    let folder = tempfile::tempdir().expect("there is room");
    let (calls, events) = (folder.path().join("calls"), folder.path().join("events"));
    let mut strace = Command::new("strace"); // of the recorder alone, for it is told of no forks
    strace.args(["-qq", "-e", "trace=openat", "-o"]).arg(&calls);
    if Command::new("strace").arg("--version").output().is_err() {
        eprintln!("strace is not installed: nothing was looked at");
        return;
    }
    strace.arg(env!("CARGO_BIN_EXE_recorder")).args(["run", "--events"]).arg(&events).arg("--");
    strace.args([env!("CARGO_BIN_EXE_recorder-adverse"), "clients"]);
    let (status, _, stderr) = Started::command(strace).finish();
    assert!(status.success(), "{stderr}");
    let events = fs::read_to_string(events).expect("the recorder has written");
    assert!(events.contains("\"accept4\""), "nobody has accepted");
    let opened = fs::read_to_string(calls).expect("strace has written");
    assert!(opened.contains("/proc/"), "strace has seen nothing");
    let lists: Vec<_> = opened.lines().filter(|line| line.contains("/net/tcp")).collect();
    assert!(lists.is_empty(), "{lists:#?}");
}
