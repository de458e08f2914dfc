//! SIGNALS.md, "To a worker" and "Workers".

mod server;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{self, *};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use server::{PROGRAM, Pending, Server, descriptors, folder, leads_to, living_in, number_of, stop};
use story::{children, number_after, state, wait_until};

#[track_caller]
fn send(pid: Pid, signal: Signal) {
    kill(pid, signal).expect("it lives");
}

/// Waits until the worker of that number is ready, and is another one than this; returns it.
#[track_caller]
fn successor_of(server: &Server, old: Pid, number: usize) -> Pid {
    wait_until(&format!("another worker has number {number}"), || {
        let mut others = server.workers().into_iter().filter(|&pid| pid != old);
        let new = others.find(|&pid| number_of(pid) == Some(number))?;
        server.log().contains(&format!(" {new}] ready")).then_some(new)
    })
}

/// Makes sure that the master lost patience with nobody.
#[track_caller]
fn nobody_was_killed(server: &Server) {
    assert!(!server.log().contains("killing worker"), "{}", server.log());
}

#[test]
fn quit_lets_a_worker_finish_its_request_and_another_takes_its_number() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    let (busy, at_it) = server.hold();
    send(at_it, SIGQUIT);
    let idle = workers.into_iter().find(|&pid| pid != at_it).expect("there are two");
    let number = number_of(idle).expect("it is a worker");
    send(idle, SIGQUIT);
    let new = successor_of(&server, idle, number);
    assert!(busy.waits_still());
    assert_eq!(busy.answer().text(), "done");
    successor_of(&server, at_it, 1 - number);
    assert!(server.workers().contains(&new));
}

#[test]
fn term_and_int_end_a_worker_in_the_middle_of_its_request() {
    let server = Server::start(&[]);
    server.wait_for_fresh(&[], 1);
    for signal in [SIGTERM, SIGINT] {
        let (busy, at_it) = server.hold();
        send(at_it, signal);
        assert!(busy.was_cut());
        successor_of(&server, at_it, 0);
    }
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn usr1_has_one_worker_open_its_logs_again_and_nobody_else() {
    let folder = folder();
    let server =
        Server::configured_without_waiting(folder, "worker_processes = 2\nstderr_path = 'err'");
    wait_until("both workers are ready", || {
        let log = fs::read_to_string(server.path("err")).ok()?;
        (log.matches("] ready\n").count() == 2).then_some(())
    });
    let workers = server.workers();
    let before = server.inode("err");
    fs::rename(server.path("err"), server.path("err.1")).expect("it is there");
    send(workers[1], SIGUSR1);
    let line = format!("[worker 1 {}] logs reopened", workers[1]);
    wait_until("it says so in the new one", || {
        fs::read_to_string(server.path("err")).ok()?.contains(&line).then_some(())
    });
    assert_eq!(leads_to(workers[1], 2), server.inode("err"));
    assert_eq!(leads_to(workers[0], 2), before);
    assert_eq!(leads_to(server.master(), 2), before);
}

#[test]
fn what_is_meant_for_the_master_does_nothing_to_a_worker() {
    let server = Server::start(&[]);
    let worker = server.wait_for_fresh(&[], 1)[0];
    for signal in [SIGHUP, SIGUSR2, SIGWINCH, SIGTTIN, SIGTTOU, SIGCHLD] {
        send(worker, signal);
    }
    assert_eq!(server.get("/pid").text(), format!("{worker}\n"));
}

#[test]
fn a_dead_worker_is_replaced_at_once_and_takes_only_its_own_request_along() {
    let server = Server::start(&["--workers", "2"]);
    server.wait_for_fresh(&[], 2);
    let (first, dies) = server.hold();
    let (second, _) = server.hold();
    let waits = server.ask("/");
    let number = number_of(dies).expect("it is a worker");
    let killed = Instant::now();
    send(dies, SIGKILL);
    successor_of(&server, dies, number);
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    assert!(first.was_cut());
    assert_eq!(waits.answer().text(), "hello\n"); // the new one serves who waited
    assert_eq!(second.answer().text(), "done");
}

#[test]
fn two_hundred_deaths_leave_no_zombie_and_no_descriptor() {
    let server = Server::start(&["--workers", "2"]);
    server.wait_for_fresh(&[], 2);
    let before = descriptors(server.master()).len();
    for _ in 0..100 {
        assert!(server.ask("/die").was_cut());
    }
    let mut workers = server.settled(2);
    for round in 0..100 {
        let number = round % 2;
        send(workers[number], SIGKILL);
        workers[number] = successor_of(&server, workers[number], number);
    }
    assert_eq!(server.settled(2), workers);
    assert_eq!(children(server.master()).len(), 2);
    assert_eq!(descriptors(server.master()).len(), before);
    assert_eq!(server.log().matches("reaped worker").count(), 200);
    assert_eq!(server.get("/").text(), "hello\n");
}

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

/// Longer than the timeout, but not by much; and longer by far. A test of time has to let it pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(700), Duration::from_millis(1300)];

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

#[test]
fn without_their_master_idle_workers_leave_and_busy_ones_answer_first() {
    let mut server = Server::start(&["--workers", "3"]);
    let workers = server.wait_for_fresh(&[], 3);
    let (busy, at_it) = server.hold();
    let killed = Instant::now();
    server.signal(SIGKILL);
    server.finish();
    wait_until("the idle ones have left", || {
        (living_in(&server.canonical_folder()) == [at_it]).then_some(())
    });
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
    assert!(workers.contains(&at_it) && busy.waits_still());
    let waits = server.ask("/");
    assert_eq!(busy.answer().text(), "done");
    assert_eq!(waits.answer().text(), "hello\n"); // who waits already is served too
    wait_until("it has left too", || {
        living_in(&server.canonical_folder()).is_empty().then_some(())
    });

    let mut command = Command::new(PROGRAM);
    command.args(["-l", server.address()]); // the port is free
    let next = Server::run(folder(), command);
    assert_eq!(next.address(), server.address());
    assert!(!next.log().contains("in use"), "{}", next.log());
    assert_eq!(next.get("/").text(), "hello\n");
}
