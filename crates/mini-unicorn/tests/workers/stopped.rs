//! A master that was stopped for a while: silence that is nobody's fault.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal::*;
use story::{state, wait_until};

use crate::server::{Server, send, stop};

/// Longer than the timeout, but not by much; and longer by far. A test of time has to let it pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(700), Duration::from_millis(1300)];

/// Makes sure that the master lost patience with nobody.
#[track_caller]
fn nobody_was_killed(server: &Server) {
    assert!(!server.log().contains("killing worker"), "{}", server.log());
}

#[test]
fn a_master_that_was_stopped_kills_nobody() {
    let server = Server::start(&["--workers", "2", "--timeout", "0.6"]);
    let workers = server.wait_for_fresh(&[], 2);
    for pause in PAUSES {
        stop(server.master());
        thread::sleep(pause);
        assert_eq!(server.get("/").text(), "hello\n");
        server.signal(SIGCONT);
        server.obeyed();
        nobody_was_killed(&server);
    }
    assert_eq!(server.workers(), workers);
}

#[test]
fn a_server_that_was_stopped_as_a_whole_kills_nobody() {
    let server = Server::start(&["--workers", "2", "--timeout", "0.6"]);
    let workers = server.wait_for_fresh(&[], 2);
    for pause in PAUSES {
        let (busy, _) = server.hold();
        let all = [server.master(), workers[0], workers[1]];
        all.into_iter().for_each(stop);
        thread::sleep(pause);
        // The master first: it must not count what the workers had no time for.
        for pid in all {
            send(pid, SIGCONT);
            if pid == server.master() {
                wait_until("it runs", || (state(pid) != Some('T')).then_some(()));
            }
        }
        server.obeyed();
        assert_eq!(busy.answer().text(), "done");
        nobody_was_killed(&server);
    }
    assert_eq!(server.settled(2), workers);
}

#[test]
fn who_hangs_is_killed_though_the_master_was_stopped_for_a_while() {
    let server = Server::start(&["--timeout", "0.5"]);
    server.wait_for_fresh(&[], 1);
    let (hangs, worker) = server.hold();
    stop(server.master());
    thread::sleep(PAUSES[1]);
    server.signal(SIGCONT);
    server.wait_for(&format!("killing worker 0, pid {worker}: silent for "));
    assert!(hangs.was_cut());
}
