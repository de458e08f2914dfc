//! SIGCHLD, and many signals at once.

use nix::sys::signal::Signal::*;
use nix::sys::signal::kill;
use story::{children, wait_until};

use crate::server::Server;

#[test]
fn chld_is_no_more_than_a_reason_to_look() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    (0..10).for_each(|_| server.signal(SIGCHLD));
    kill(workers[0], SIGKILL).expect("it lives");
    let now = wait_until("it is replaced", || {
        Some(server.workers()).filter(|now| now.len() == 2 && now[0] != workers[0])
    });
    assert_eq!(now[1], workers[1]);
}

#[test]
fn a_burst_of_hups_ends_with_one_fresh_set() {
    let server = Server::configured("worker_processes = 3");
    let old = server.wait_for_fresh(&[], 3);
    (0..20).for_each(|_| server.signal(SIGHUP));
    let now = server.settled(3);
    assert_eq!(children(server.master()).len(), 3); // and nobody else
    assert!(now.iter().all(|pid| !old.contains(pid)), "{old:?} {now:?}");
    assert_eq!(server.get("/").text(), "hello\n");
    let log = server.log();
    let (reloads, ready) = (log.matches("reloaded; ").count(), log.matches("] ready\n").count());
    assert!((1..=20).contains(&reloads), "{log}");
    assert!(ready <= 3 + 3 * reloads, "{log}");
}

#[test]
fn a_thousand_mixed_signals_leave_a_living_master_and_the_right_workers() {
    let server = Server::configured("worker_processes = 2");
    server.wait_for_fresh(&[], 2);
    let kinds = [SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU, SIGWINCH, SIGCHLD];
    let mut number: u64 = 2026;
    for _ in 0..1000 {
        // A linear congruence: the same pattern each time, and no order in it.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        server.signal(kinds[(number >> 33) as usize % kinds.len()]);
    }
    server.obeyed();
    server.signal(SIGHUP);
    server.settled(2);
    assert_eq!(children(server.master()).len(), 2);
    assert_eq!(server.get("/ppid").text(), format!("{}\n", server.master()));
}
