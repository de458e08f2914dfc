//! Each program's story, as the chapter tells it.

use std::io::{Read, Write};
use std::net::TcpStream;

use assert_cmd::Command;
use nix::sys::signal::Signal;
use predicates::prelude::*;
use story::{Started, children, killed_by, lines_with, number_after, told_by, wait_until};

/// What a line says, without who says it.
fn said(line: &str) -> &str {
    line.split_once("] ").map_or(line, |(_, said)| said)
}

#[test]
fn two_sockets_gives_five_held_connections_to_five_workers() {
    let story = told_by(env!("CARGO_BIN_EXE_two_sockets"), &[]);
    assert_eq!(lines_with(&story, "5 workers have one each").len(), 1, "{story}");
    for number in 0..5 {
        let told = lines_with(&story, &format!("to worker {number}, pid "));
        let heard = lines_with(&story, &format!("[worker {number}, pid "));
        assert_eq!((told.len(), heard.len()), (1, 1), "{story}");
        assert_eq!(number_after(told[0], "pid "), number_after(heard[0], "pid "));
        assert_eq!(said(heard[0]), "heard \"hello from your client!\"");
    }
}

#[test]
fn serve_two_answers_on_both_ports_and_ends_with_its_workers() {
    let serving = Started::new(env!("CARGO_BIN_EXE_serve_two"), &["0", "0"]);
    let line = serving.line_with("on 127.0.0.1:");
    let workers = children(serving.pid());
    assert_eq!(workers.len(), 5);
    for before in ["minute, on 127.0.0.1:", "and 127.0.0.1:"] {
        let port = number_after(&line, before) as u16;
        let mut client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers");
        let worker = number_after(&answer, "This is worker ");
        assert!(workers.iter().any(|pid| i64::from(pid.as_raw()) == worker), "{answer}");
        serving.line_with(&format!("[worker {worker}] heard \"GET / HTTP/1.0\""));
    }
    // Before its first wait a worker may not have tied its life to the master's yet.
    for &worker in &workers {
        wait_until("the worker waits", || (story::state(worker) == Some('S')).then_some(()));
    }
    serving.signal(Signal::SIGTERM);
    let (status, ..) = serving.finish(); // which waits until no worker holds its output open
    assert_eq!(killed_by(status), Some(Signal::SIGTERM));
    wait_until("no worker lives on", || {
        workers.iter().all(|&pid| matches!(story::state(pid), None | Some('Z'))).then_some(())
    });
}

#[test]
fn serve_two_says_how_it_is_used() {
    let serve_two = || Command::new(env!("CARGO_BIN_EXE_serve_two"));
    serve_two().arg("--help").assert().success().stdout(predicate::str::contains("PORT PORT"));
    serve_two().assert().failure().stderr(predicate::str::contains("usage: serve_two PORT PORT"));
    serve_two()
        .args(["80a", "0"])
        .assert()
        .failure()
        .stderr(predicate::str::contains("PORT must be 0 to 65535, not `80a`"));
}

#[test]
fn serve_two_names_the_address_that_it_cant_have() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it has one");
    Command::new(env!("CARGO_BIN_EXE_serve_two"))
        .args([address.port().to_string(), "0".to_string()])
        .assert()
        .failure()
        .stderr(
            predicate::str::contains(format!("cannot listen on {address}"))
                .and(predicate::str::contains("Address already in use")),
        );
}

#[test]
fn socket_kinds_glues_a_stream_and_keeps_datagrams_apart() {
    let story = told_by(env!("CARGO_BIN_EXE_socket_kinds"), &[]);
    let read: Vec<_> = lines_with(&story, "one read gives")
        .iter()
        .filter_map(|line| line.split("gives ").nth(1))
        .collect();
    assert_eq!(read, ["\"one, two\"", "\"one, \"", "\"one, \""], "{story}");
    assert!(story.contains("Illegal seek"), "{story}");
}

#[test]
fn echo_once_goes_through_a_sockets_life_in_order() {
    let story = told_by(env!("CARGO_BIN_EXE_echo_once"), &[]);
    let calls: Vec<_> =
        story.lines().filter_map(|line| said(line).split_once(": ")).map(|call| call.0).collect();
    assert_eq!(calls, ["socket", "bind", "listen", "accept", "read", "read"], "{story}");
    assert!(story.contains("read: 5 bytes") && story.contains("read: 0 bytes"), "{story}");
    let [listens, talks] = ["socket: fd ", "accept: fd "].map(|call| number_after(&story, call));
    assert_ne!(listens, talks, "a connection is a socket of its own");
    assert_eq!(said(story.lines().last().unwrap_or_default()), "I said hello, and heard \"hello\"");
}

#[test]
fn backlog_lets_three_in_before_accept_and_the_fourth_after_it() {
    let story = told_by(env!("CARGO_BIN_EXE_backlog"), &[]);
    let told: Vec<_> = story.lines().map(said).collect();
    assert_eq!(
        told[1..],
        [
            "connection 1 is made",
            "connection 2 is made",
            "connection 3 is made",
            "I wrote \"hello\" into the first, and nobody has accepted it",
            "connection 4 is not made: the queue is full",
            "accept: the first says \"hello\"",
            "connection 4 is made, now that there is room",
        ]
    );
}

#[test]
fn stale_set_goes_deaf_to_what_was_quiet_once() {
    let story = told_by(env!("CARGO_BIN_EXE_stale_set"), &[]);
    let counts: Vec<_> =
        lines_with(&story, "readable").iter().map(|line| number_after(line, ": ")).collect();
    assert_eq!(counts, [1, 0, 0], "{story}");
    assert_eq!(lines_with(&story, "there is one in the second pipe now").len(), 1);
}

#[test]
fn shared_accept_gives_a_connection_to_one_and_eagain_to_the_other() {
    let story = told_by(env!("CARGO_BIN_EXE_shared_accept"), &[]);
    assert_eq!(lines_with(&story, "has my very socket: true").len(), 2, "{story}");
    assert_eq!(lines_with(&story, "select says: readable").len(), 4, "{story}");
    let accepts: Vec<_> = lines_with(&story, "accept: ")
        .into_iter()
        .map(|line| (number_after(line, "worker "), line.contains("a connection")))
        .collect();
    assert_eq!(accepts, [(0, true), (1, false), (1, true), (0, false)], "{story}");
}

#[test]
fn blocking_accept_sleeps_until_another_client_comes() {
    let story = told_by(env!("CARGO_BIN_EXE_blocking_accept"), &[]);
    let told: Vec<_> = story.lines().map(|line| (number_after(line, " "), said(line))).collect();
    let order: Vec<_> = told[1..].iter().map(|(_, said)| *said).collect();
    assert_eq!(
        order,
        [
            "select says: readable",
            "select says: readable",
            "accept: a connection",
            "worker 1 sleeps in accept, and nothing else can reach it",
            "accept: a connection",
        ],
        "{story}"
    );
    assert_eq!((told[3].0, told[5].0), (0, 1), "worker 0 has the first, worker 1 the second");
}

#[test]
fn address_in_use_is_an_error_unless_so_reuseaddr_is_set() {
    let story = told_by(env!("CARGO_BIN_EXE_address_in_use"), &[]);
    let told: Vec<_> = story.lines().map(said).collect();
    assert_eq!(
        told,
        [
            "SO_REUSEADDR is false",
            "… restarted: bind says EADDRINUSE: Address already in use",
            "SO_REUSEADDR is true",
            "… restarted: I listen there again",
        ]
    );
}

#[test]
fn fd_1500_is_too_high_for_select_and_not_for_poll() {
    let story = told_by(env!("CARGO_BIN_EXE_fd_1500"), &[]);
    assert!(story.contains("descriptor 1500 has a byte to read"), "{story}");
    assert!(story.contains("select: select can't watch descriptor 1500"), "{story}");
    assert!(story.contains("poll: 1 readable"), "{story}");
    assert!(story.contains("nix's FdSet::insert panics: true"), "{story}");
}

#[test]
fn select_pipe_socket_serves_both_listeners_and_leaves_by_command_or_by_eof() {
    let story = told_by(env!("CARGO_BIN_EXE_select_pipe_socket"), &[]);
    for worker in 0..2 {
        let told: Vec<_> =
            lines_with(&story, &format!("[worker {worker}, ")).into_iter().map(said).collect();
        assert_eq!(told[..2], ["a connection to listener 1", "a connection to listener 2"]);
        let why = ["the master says Q", "the pipe is at its end"][worker];
        assert!(told[2].starts_with(why), "{story}");
    }
    assert_eq!(lines_with(&story, "has left").len(), 2);
}

#[test]
fn herd_meter_finds_two_herds_and_two_single_wake_ups() {
    let story = told_by(env!("CARGO_BIN_EXE_herd_meter"), &[]);
    let woken: Vec<_> = story
        .lines()
        .map(|line| (said(line).split(':').next().unwrap_or(""), number_after(line, "woke ")))
        .collect();
    assert_eq!(woken, [("accept", 1), ("select", 5), ("epoll", 5), ("EPOLLEXCLUSIVE", 1)]);
}
