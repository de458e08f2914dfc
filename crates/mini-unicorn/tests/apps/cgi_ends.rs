//! CGI: how a script's life ends.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use story::{children, state, wait_until};
use tempfile::TempDir;

use crate::site::{Site, read, request};

/// A file for scripts to write to.
fn note() -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().expect("there is room");
    let path = scratch.path().join("note");
    (scratch, path)
}

/// The pids that a script has written down, once the line is whole.
fn pids_in(note: &PathBuf) -> Vec<Pid> {
    wait_until("the script has written its pids down", || {
        let text = fs::read_to_string(note).ok().filter(|text| text.ends_with('\n'))?;
        text.split_whitespace().map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
    })
}

/// Dead, be it reaped or not: an orphan is reaped by somebody else, in their own time.
fn wait_for_death(pid: Pid) {
    wait_until("it is dead", || matches!(state(pid), None | Some('Z')).then_some(()));
}

/// Lives on for a minute, and runs somebody who does too.
fn two_that_hang(note: &std::path::Path, first: &str) -> String {
    format!("{first}\nsleep 60 & echo $$ $! > {}\nexec sleep 60\n", note.display())
}

const HEAD: &str = "echo Content-Type: text/plain; echo";

#[test]
fn an_answer_streams_as_it_comes() {
    let site = Site::of_scripts("60");
    let (_scratch, fifo) = note();
    mkfifo(&fifo, Mode::S_IRWXU).expect("there is room");
    let script = format!("{HEAD}\necho first\nread line < {}\necho $line", fifo.display());
    let mut client = site.connect(&request("POST", "/run", "", script.as_bytes()));
    let mut seen = Vec::new();
    while !seen.ends_with(b"first\n") {
        let mut byte = [0];
        std::io::Read::read_exact(&mut client, &mut byte).expect("the first part comes");
        seen.push(byte[0]);
    }
    fs::write(&fifo, "second\n").expect("the script reads it");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut client, &mut rest).expect("the rest comes");
    assert_eq!(rest, "second\n");
}

#[test]
fn a_script_that_never_answers_costs_504_and_its_whole_group_its_life() {
    let site = Site::of_scripts("4");
    let (worker, (_scratch, note)) = (site.worker(), note());
    let start = Instant::now();
    let answer = site.post("/run", two_that_hang(&note, ""));
    assert!(start.elapsed() < Duration::from_secs(4), "before the master's patience ends");
    assert_eq!(answer.status, 504);
    pids_in(&note).into_iter().for_each(wait_for_death);
    site.server.wait_for("/run: killed, since it took too long");
    assert_eq!((site.worker(), children(worker)), (worker, vec![]));
}

#[test]
fn a_script_that_stops_in_the_middle_has_its_answer_cut_visibly() {
    let site = Site::of_scripts("4");
    let (worker, (_scratch, note)) = (site.worker(), note());
    let script = two_that_hang(&note, &format!("{HEAD}\necho a part"));
    let (answer, end) = read(site.connect(&request("POST", "/run", "", script.as_bytes())));
    assert_eq!((answer.status, end.is_err()), (200, true), "{answer:?}");
    pids_in(&note).into_iter().for_each(wait_for_death);
    assert_eq!((site.worker(), children(worker)), (worker, vec![]));
}

#[test]
fn a_script_does_not_outlive_its_worker() {
    let site = Site::of_scripts("60");
    let (worker, (_scratch, note)) = (site.worker(), note());
    let script = two_that_hang(&note, "");
    let _client = site.connect(&request("POST", "/run", "", script.as_bytes()));
    let pids = pids_in(&note);
    kill(worker, Signal::SIGKILL).expect("it lives");
    wait_for_death(pids[0]);
    // The kernel's answer is for the script alone; the other is in our care.
    kill(pids[1], Signal::SIGKILL).expect("it lives, or lies unreaped");
}

#[test]
fn a_client_that_leaves_takes_the_script_with_it() {
    for first in ["", HEAD] {
        let site = Site::of_scripts("600");
        let (worker, (_scratch, note)) = (site.worker(), note());
        let script = two_that_hang(&note, first);
        let client = site.connect(&request("POST", "/run", "", script.as_bytes()));
        let pids = pids_in(&note);
        drop(client);
        pids.into_iter().for_each(wait_for_death);
        site.server.wait_for("/run: killed, since the client left");
        wait_until("it is reaped", || children(worker).is_empty().then_some(()));
    }
}

/// How much processor time it has had, in hundredths of a second.
fn ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_client_that_says_more_than_it_should_keeps_nobody_busy() {
    let site = Site::of_scripts("60");
    let worker = site.worker();
    let before = ticks(worker);
    let (_scratch, note) = note();
    let script = format!("echo $$ > {}; sleep 1; {HEAD}", note.display());
    let mut client = site.connect(&request("POST", "/run", "", script.as_bytes()));
    pids_in(&note); // by now the request has been read, and nobody is going to read more
    client.write_all(b"and another thing").expect("there is room");
    let (answer, _) = read(client);
    assert_eq!(answer.status, 200);
    let spent = ticks(worker) - before;
    assert!(spent < 10, "{spent} hundredths of a second, for waiting");
}

#[test]
fn a_script_that_has_said_all_may_still_finish_its_work() {
    let site = Site::of_scripts("60");
    for (method, head) in [
        ("POST", "Content-Length: 3\\n\\nabc"),
        ("HEAD", "\\nabc"),
        ("POST", "Content-Length: 0\\n\\n"),
    ] {
        let (_scratch, note) = note();
        let head = format!("printf 'Status: 200\\n{head}'");
        // 0.1 s: longer than it takes to kill it.
        let script = format!("{head}\nsleep 0.1\necho done > {}", note.display());
        site.ask(&request(method, "/run", "", script.as_bytes()));
        assert_eq!(fs::read_to_string(&note).unwrap_or_default(), "done\n", "{method} {head}");
    }
}

#[test]
fn how_a_script_failed_is_in_the_log_and_what_it_complains_of_too() {
    let site = Site::of_scripts("60");
    assert_eq!(site.post("/run", format!("{HEAD}; echo oh dear >&2; exit 3")).status, 200);
    site.server.wait_for("oh dear\n");
    site.server.wait_for("/run: exit code 3");
    assert_eq!(site.post("/run", "kill -SEGV $$").status, 502);
    site.server.wait_for("/run: killed by SIGSEGV");
}

#[test]
fn what_is_left_in_the_background_ends_with_the_answer_unless_it_leaves_the_group() {
    let site = Site::of_scripts("60");
    let (_scratch, note) = note();
    let away = "> /dev/null 2>&1 < /dev/null";
    let script = format!(
        "{HEAD}\nsleep 60 {away} & echo $! > {0}\nsetsid sleep 60 {away} & echo $! >> {0}\n\
         while [ \"$(cat /proc/$!/comm)\" != sleep ]; do :; done",
        note.display()
    );
    assert_eq!(site.post("/run", script).status, 200);
    let pids = pids_in(&note);
    wait_for_death(pids[0]);
    assert!(matches!(state(pids[1]), Some(state) if state != 'Z'));
    kill(pids[1], Signal::SIGKILL).expect("it lives");
}

#[test]
fn a_script_gets_three_descriptors_no_blocked_signal_and_sigpipe() {
    let site = Site::of_scripts("60");
    // ls opens the directory that it lists: a fourth. And what the test has inherited may be there.
    let bare = Command::new("ls").arg("/proc/self/fd").output().expect("ls runs").stdout;
    let listed = site.post("/run", format!("{HEAD}; exec ls /proc/self/fd")).text();
    assert_eq!(listed, String::from_utf8_lossy(&bare));
    let status = site.post("/run", format!("{HEAD}; exec cat /proc/self/status")).text();
    let set = |name| {
        let hex = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        u64::from_str_radix(hex.trim(), 16).expect("a set of signals")
    };
    let sigpipe = 1 << (Signal::SIGPIPE as u32 - 1);
    assert_eq!((set("SigBlk:"), set("SigCgt:"), set("SigIgn:") & sigpipe), (0, 0, 0), "{status}");
}

#[test]
fn fifty_runs_leave_no_zombie_and_no_descriptor() {
    let site = Site::of_scripts("60");
    let worker = site.worker();
    let open = || fs::read_dir(format!("/proc/{worker}/fd")).expect("it lives").count();
    site.get("/sub/env");
    let before = open();
    for _ in 0..10 {
        for (path, said) in
            [("/sub/env", "x"), ("/say", "no head"), ("/lost", ""), ("/plain", ""), ("/run", HEAD)]
        {
            site.post(path, said);
        }
    }
    // Before may have been before the first connection was closed: one of fifty is no leak.
    wait_until("the last connection is closed", || (open() <= before).then_some(()));
    assert_eq!((children(worker), site.worker()), (vec![], worker));
}
