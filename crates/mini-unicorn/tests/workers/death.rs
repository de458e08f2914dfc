//! Workers die, and so may the master.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::*;
use story::{children, wait_until};

use crate::server::{
    PROGRAM, Server, descriptors, folder, living_in, number_of, send, successor_of,
};

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
