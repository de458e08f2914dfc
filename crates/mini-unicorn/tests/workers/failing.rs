//! Workers that fail before they are ready, and the hooks that they fail in.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::*;
use story::children;

use crate::server::{Server, folder, send, successor_of};

/// Starts the app whose workers fail at boot, or don't.
#[track_caller]
fn fragile(broken: Option<&str>, workers: &str) -> Server {
    let folder = folder();
    if let Some(how) = broken {
        fs::write(folder.path().join("broken"), how).expect("a file");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mini-unicorn-contract"));
    command.args(["-l", "127.0.0.1:0", "--workers", workers]);
    Server::run(folder, command)
}

#[test]
fn workers_that_fail_at_boot_are_tried_again_ever_more_slowly_until_they_do_not() {
    for (how, told) in [
        ("error", "leaving: the database is away"),
        ("panic", "the database is away"),
        ("exit", "exit code 3"),
    ] {
        let started = Instant::now();
        let server = fragile(Some(how), "2");
        server.wait_for_times("before it was ready; the next try is in", 6);
        let paused = Duration::from_millis(100 + 200);
        assert!(started.elapsed() >= paused, "{:?}: {}", started.elapsed(), server.log());
        assert!(server.log().contains(told), "{}", server.log());
        assert_eq!(children(server.master()), []);

        fs::remove_file(server.path("broken")).expect("it is there");
        let workers = server.wait_for_fresh(&[], 2);
        assert_eq!(server.get("/").text(), "hello\n");
        send(workers[0], SIGKILL); // and all is as if nothing had been
        successor_of(&server, workers[0], 0);
        assert_eq!(server.log().matches("before it was ready").count(), 6);
    }
}

#[test]
fn hup_tries_at_once_who_had_to_wait() {
    let server = fragile(Some("error"), "1");
    server.wait_for("the next try is in 0.8 s");
    fs::remove_file(server.path("broken")).expect("it is there");
    server.signal(SIGHUP);
    server.wait_for_fresh(&[], 1);
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn hooks_are_called_before_the_fork_in_the_master_and_after_it_in_the_worker() {
    let server = fragile(None, "2");
    let workers = server.wait_for_fresh(&[], 2);
    let log = server.log();
    for (number, worker) in workers.into_iter().enumerate() {
        let before = log.find(&format!("before_fork of {number} in {}\n", server.master()));
        let after = log.find(&format!("after_fork of {number} in {worker}\n"));
        assert!(before.is_some() && before < after, "{log}");
    }
}
