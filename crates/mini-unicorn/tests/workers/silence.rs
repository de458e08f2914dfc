//! Workers that give no sign of life.

use std::time::{Duration, Instant};

use story::number_after;

use crate::server::{Pending, Server, stop, successor_of};

#[test]
fn who_hangs_is_killed_on_time_and_the_log_says_in_what() {
    for (timeout, least) in [("1.5", 1500), ("0.5", 500)] {
        let server = Server::start(&["--timeout", timeout]);
        server.wait_for_fresh(&[], 1);
        let started = Instant::now();
        assert!(server.ask("/sleep/20").was_cut());
        let lasted = started.elapsed();
        assert!(lasted >= Duration::from_millis(least), "{lasted:?}");
        assert!(lasted < Duration::from_millis(least) + Duration::from_secs(5), "{lasted:?}");
        assert_eq!(server.get("/").text(), "hello\n");
        let log = server.log();
        let mut lines = log.lines().filter(|line| line.contains(" in GET /sleep/20"));
        let why = lines.next().unwrap_or_default();
        let pid = number_after(why, "killing worker 0, pid ");
        let silent = why.split_once(" silent for ").and_then(|(_, rest)| rest.split(' ').next());
        let silent: f64 = silent.and_then(|seconds| seconds.parse().ok()).expect(why);
        assert!(1000.0 * silent >= least as f64, "{why}");
        assert!(why.contains(" s in GET /sleep/20, sleeping"), "{why}");
        let end = lines.next().unwrap_or_default(); // only after the diagnosis
        assert!(end.contains(&format!("reaped worker 0, pid {pid}: killed by ")), "{end}");
    }
}

#[test]
fn the_timeout_holds_for_a_request_that_does_not_arrive() {
    let server = Server::start(&["--timeout", "0.5"]);
    server.wait_for_fresh(&[], 1);
    for bytes in
        ["", "GET / HTTP/1.1\r\nHost: u", "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\n"]
    {
        let worker = server.settled(1)[0];
        let started = Instant::now();
        let slow = Pending::send(server.address(), bytes, b"");
        assert!(slow.was_cut());
        assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
        server.wait_for(&format!("killing worker 0, pid {worker}: silent for "));
        assert_eq!(server.get("/").text(), "hello\n");
    }
}

#[test]
fn a_stopped_worker_is_killed_idle_or_not() {
    let server = Server::start(&["--workers", "2", "--timeout", "0.5"]);
    let workers = server.wait_for_fresh(&[], 2);
    stop(workers[0]);
    let told = |pid| format!("pid {pid}: silent for ");
    server.wait_for(&told(workers[0]));
    let log = server.log();
    assert!(log.contains("stopped by a signal or a debugger"), "{log}");
    successor_of(&server, workers[0], 0);

    let (busy, at_it) = server.hold();
    stop(at_it);
    server.wait_for(&told(at_it));
    assert!(busy.was_cut());
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn idle_workers_are_spared() {
    let server = Server::start(&["--workers", "3", "--timeout", "0.5"]);
    let workers = server.wait_for_fresh(&[], 3);
    let mut stopped = workers[2];
    for _ in 0..4 {
        stop(stopped); // a timeout passes until another one comes
        stopped = successor_of(&server, stopped, 2);
    }
    assert_eq!(server.workers()[..2], workers[..2]);
}
