//! SIGUSR1.

use std::fs;

use nix::sys::signal::Signal::*;
use nix::unistd::Pid;
use story::wait_until;

use crate::server::{Pending, Server, folder, get, leads_to};

/// A server whose streams lead to the files `err` and `out`, and its workers.
fn rotating() -> (Server, Vec<Pid>) {
    let text = "worker_processes = 2\nstderr_path = 'err'\nstdout_path = 'out'";
    let server = Server::configured_without_waiting(folder(), text);
    let workers = wait_until("two workers are ready", || {
        let log = fs::read_to_string(server.path("err")).ok()?;
        (log.matches("] ready\n").count() == 2).then(|| server.workers())
    });
    (server, workers)
}

/// Where such a server listens.
fn address(server: &Server) -> String {
    let log = server.log();
    let (_, after) = log.split_once("listening on ").expect("bound before the logs were opened");
    after.split(' ').next().unwrap_or_default().to_string()
}

fn rotate(server: &Server) {
    for name in ["err", "out"] {
        fs::rename(server.path(name), server.path(&format!("{name}.1"))).expect("it is there");
    }
}

/// Whether both streams of that process lead to the logs that have these names now.
fn writes_to_the_new(server: &Server, pid: Pid) -> bool {
    server.inode("out").is_some()
        && leads_to(pid, 1) == server.inode("out")
        && leads_to(pid, 2) == server.inode("err")
}

#[test]
fn usr1_reopens_rotated_logs_at_once_in_whoever_is_idle_and_else_after_the_request() {
    let (server, workers) = rotating();
    let address = address(&server);
    let (busy, at_it) = server.given_to_a_worker(|| Pending::hold(&address));
    let idle = workers.into_iter().find(|&worker| worker != at_it).expect("there are two");
    rotate(&server);
    server.signal(SIGUSR1);
    wait_until("the master and the idle one have reopened", || {
        (writes_to_the_new(&server, server.master()) && writes_to_the_new(&server, idle))
            .then_some(())
    });
    assert!(busy.waits_still());
    assert!(!writes_to_the_new(&server, at_it));
    assert_eq!(busy.answer().status, 200);
    wait_until("so has the other", || writes_to_the_new(&server, at_it).then_some(()));
    assert_eq!(server.workers().len(), 2); // the same as before
}

#[test]
fn no_line_is_lost_while_logs_are_rotated() {
    let (server, _) = rotating();
    let address = address(&server);
    let mut asked = 0;
    for round in 1..=5 {
        for _ in 0..20 {
            assert_eq!(get(&address, "/raise").status, 500);
            asked += 1;
        }
        wait_until("the log is there again", || server.inode("err"));
        fs::rename(server.path("err"), server.path(&format!("err.{round}"))).expect("it is there");
        server.signal(SIGUSR1);
    }
    wait_until("every panic is in one of the logs", || {
        let logs = ["err", "err.1", "err.2", "err.3", "err.4", "err.5"];
        let read = |name: &&str| fs::read_to_string(server.path(name)).unwrap_or_default();
        let all: String = logs.iter().map(read).collect();
        let told = all.matches("the app panicked: the client asked for it").count();
        assert!(told <= asked, "{told} of {asked}");
        (told == asked).then_some(())
    });
}

#[test]
fn usr1_leaves_a_log_alone_that_was_not_rotated() {
    let (server, workers) = rotating();
    let before = server.inode("err");
    server.signal(SIGUSR1);
    wait_until("all have looked", || {
        let log = fs::read_to_string(server.path("err")).ok()?;
        (log.matches("] logs reopened").count() == 3).then_some(())
    });
    assert_eq!(server.inode("err"), before);
    assert_eq!(server.workers(), workers);
}
