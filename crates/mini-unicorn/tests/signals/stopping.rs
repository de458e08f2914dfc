//! SIGQUIT, SIGTERM, SIGINT.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal::*;

use crate::server::{Server, stop, wait_until_gone};

/// Generous: a quick stop takes milliseconds, or a second where it has to use force.
const QUICK: Duration = Duration::from_secs(2);

#[test]
fn term_and_int_end_it_at_once_and_cut_requests_in_hand() {
    for signal in [SIGTERM, SIGINT] {
        let mut server = Server::start(&["--workers", "2"]);
        let workers = server.wait_for_fresh(&[], 2);
        assert_eq!(server.get("/").text(), "hello\n");
        let (busy, _) = server.hold();
        let started = Instant::now();
        server.signal(signal);
        assert_eq!(server.finish().code(), Some(0));
        assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
        wait_until_gone(&workers);
        assert!(busy.was_cut());
    }
}

#[test]
fn term_ends_even_a_worker_that_is_stopped() {
    let mut server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    stop(workers[0]);
    let started = Instant::now();
    server.signal(SIGTERM);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
    wait_until_gone(&workers);
}

#[test]
fn quit_lets_each_worker_finish_its_request_and_idle_ones_leave_at_once() {
    let mut server = Server::start(&["--workers", "3"]);
    let workers = server.wait_for_fresh(&[], 3);
    let (busy, at_it) = server.hold();
    server.signal(SIGQUIT);
    let idle: Vec<_> = workers.into_iter().filter(|&pid| pid != at_it).collect();
    wait_until_gone(&idle);
    assert!(busy.waits_still());
    assert_eq!(busy.answer().status, 200);
    assert_eq!(server.finish().code(), Some(0));
    assert!(server.log().contains("all workers have left"), "{}", server.log());
}

#[test]
fn quit_serves_those_who_wait_in_the_queue_already() {
    let mut server = Server::start(&[]);
    server.wait_for_fresh(&[], 1);
    let address = server.address().to_string();
    server.quit_while_nine_wait_at(&address);
}

#[test]
fn quit_kills_who_is_not_done_after_the_timeout() {
    let mut server = Server::start(&["--timeout", "1"]);
    server.wait_for_fresh(&[], 1);
    let (busy, worker) = server.given_to_a_worker(|| server.ask("/sleep/20"));
    let started = Instant::now();
    server.signal(SIGQUIT);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(busy.was_cut());
    let log = server.log();
    assert!(log.contains(&format!("pid {worker}: killed by ")), "{log}");
}

#[test]
fn term_during_a_quit_is_obeyed() {
    let mut server = Server::start(&["--workers", "2"]);
    server.wait_for_fresh(&[], 2);
    let (busy, _) = server.hold();
    server.signal(SIGQUIT);
    server.wait_for("leaving, gracefully");
    server.wait_for("reaped worker");
    assert!(busy.waits_still());
    let started = Instant::now();
    server.signal(SIGTERM);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
    assert!(busy.was_cut());
}
