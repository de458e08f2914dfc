//! Signals to a worker.

use std::fs;

use nix::sys::signal::Signal::*;
use story::wait_until;

use crate::server::{Server, folder, leads_to, number_of, send, successor_of};

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
