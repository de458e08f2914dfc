//! SIGWINCH, SIGTTIN, SIGTTOU: how many workers there are.

use std::process::Command;

use nix::pty::openpty;
use nix::sys::signal::Signal::*;

use crate::server::{PROGRAM, Server, folder, title, wait_until_gone};

#[test]
fn winch_lets_the_workers_go_and_connections_wait_for_the_next_ones() {
    let server = Server::start(&["--workers", "2"]);
    let old = server.wait_for_fresh(&[], 2);
    let (busy, _) = server.hold();
    server.signal(SIGWINCH);
    assert_eq!(busy.answer().status, 200);
    server.wait_for_workers(0);
    wait_until_gone(&old);
    let waiting = server.ask("/pid");
    server.signal(SIGUSR1);
    server.wait_for("logs reopened"); // the master is there, and does no more than that
    assert!(waiting.waits_still() && server.workers().is_empty());
    server.signal(SIGTTIN);
    let worker = server.wait_for_workers(1)[0];
    assert!(title(worker).starts_with("mini-unicorn worker[0]"));
    assert_eq!(waiting.answer().text(), format!("{worker}\n"));
}

#[test]
fn winch_is_ignored_where_somebody_sits_at_a_terminal() {
    let terminal = openpty(None, None).expect("a terminal");
    let mut command = Command::new(PROGRAM);
    command.args(["-l", "127.0.0.1:0", "--workers", "2"]);
    let folder = folder();
    let server = Server::run_reading(folder, command, terminal.slave.into()).when_ready();
    let workers = server.wait_for_fresh(&[], 2);
    server.signal(SIGWINCH);
    server.wait_for("SIGWINCH ignored");
    server.signal(SIGTTIN); // what comes of this, comes after what comes of that
    assert_eq!(server.wait_for_fresh(&[], 3)[..2], workers);
}

#[test]
fn ttou_goes_down_to_none_and_ttin_up_again() {
    let server = Server::start(&["--workers", "2"]);
    let two = server.wait_for_fresh(&[], 2);
    server.signal(SIGTTOU);
    assert_eq!(server.wait_for_workers(1), two[..1]); // the highest number goes first
    server.signal(SIGTTOU);
    server.wait_for_workers(0);
    server.signal(SIGTTOU); // never below none: one more is one
    server.signal(SIGUSR1);
    server.wait_for("logs reopened");
    server.signal(SIGTTIN);
    let one = server.wait_for_fresh(&[], 1);
    server.signal(SIGTTIN);
    assert_eq!(server.wait_for_fresh(&[], 2)[..1], one);
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn who_ttou_asks_to_leave_finishes_its_request() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    // Both are busy, so the one with the highest number is.
    let (first, _) = server.hold();
    let (second, _) = server.hold();
    server.signal(SIGTTOU);
    assert_eq!(first.answer().status, 200);
    assert_eq!(second.answer().status, 200);
    wait_until_gone(&workers[1..]);
    assert_eq!(server.workers(), workers[..1]);
}
