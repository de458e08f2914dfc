//! The pid file: whose pid is in it, and when.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use story::{state, wait_until};

use crate::server::{Server, folder, pid_in};

#[test]
fn the_pid_file_holds_the_pid_and_a_newline_and_anybody_may_read_it() {
    let server = Server::configured("pid = 'u.pid'");
    let text = fs::read_to_string(server.path("u.pid")).expect("it is there");
    assert_eq!(text, format!("{}\n", server.master()));
    assert_eq!(fs::metadata(server.path("u.pid")).expect("it is there").mode() & 0o777, 0o644);
}

#[test]
fn the_pid_file_is_there_before_the_socket_and_a_port_that_becomes_free_is_taken() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("it has one");
    let server = Server::configured_without_waiting(
        folder(),
        &format!("pid = 'u.pid'\nlisten = {{addr = '{address}', tries = 3000, delay = 0.01}}"),
    );
    server.wait_for_times("is in use; tries left: 29", 2);
    assert_eq!(pid_in(&server.path("u.pid")), server.master());
    server.signal(Signal::SIGTTIN); // who finds the pid file may send a signal at once
    drop(holder);
    let server = server.when_ready();
    assert_eq!(server.get("/").text(), "hello\n");
    server.wait_for_workers(2);
}

#[test]
fn who_waits_for_a_port_stops_when_it_is_told_to() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("it has one");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut server = Server::configured_without_waiting(
            folder(),
            &format!("pid = 'u.pid'\nlisten = {{addr = '{address}', delay = 1000}}"),
        );
        server.wait_for("is in use; tries left: 5");
        server.signal(signal);
        assert_eq!(server.finish().code(), Some(1));
        assert!(!server.path("u.pid").exists());
    }
}

#[test]
fn a_pid_file_that_names_a_living_process_is_respected() {
    let folder = folder();
    let mine = format!("{}\n", std::process::id());
    fs::write(folder.path().join("u.pid"), &mine).expect("a file");
    let mut server = Server::configured_without_waiting(folder, "pid = 'u.pid'");
    assert_eq!(server.finish().code(), Some(1));
    let log = server.log();
    assert!(log.contains(&format!("u.pid: pid {} lives", std::process::id())), "{log}");
    assert_eq!(fs::read_to_string(server.path("u.pid")).expect("it is there"), mine);
}

#[test]
fn a_pid_file_that_names_nobody_is_overwritten() {
    let mut dead = Command::new("/bin/true").spawn().expect("it runs");
    dead.wait().expect("our child");
    let stale = format!("{}\n", dead.id());
    for content in [stale.as_str(), "", "garbage\n", "0\n", "-1\n", "99999999999\n"] {
        let folder = folder();
        fs::write(folder.path().join("u.pid"), content).expect("a file");
        let server = Server::configured_in(folder, "pid = 'u.pid'");
        assert_eq!(pid_in(&server.path("u.pid")), server.master(), "{content:?}");
    }
}

#[test]
fn a_zombie_in_the_pid_file_is_nobody() {
    let mut dead = Command::new("/bin/true").spawn().expect("it runs");
    let pid = Pid::from_raw(dead.id() as i32);
    wait_until("it is a zombie", || (state(pid) == Some('Z')).then_some(()));
    let folder = folder();
    fs::write(folder.path().join("u.pid"), format!("{pid}\n")).expect("a file");
    let server = Server::configured_in(folder, "pid = 'u.pid'");
    assert_eq!(pid_in(&server.path("u.pid")), server.master());
    dead.wait().expect("our child");
}

#[test]
fn the_pid_file_is_removed_by_whose_pid_is_in_it() {
    for signal in [Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGINT] {
        let mut server = Server::configured("pid = 'u.pid'");
        server.signal(signal);
        assert_eq!(server.finish().code(), Some(0));
        assert!(!server.path("u.pid").exists(), "{signal}");

        let mut server = Server::configured("pid = 'u.pid'");
        fs::write(server.path("u.pid"), "1\n").expect("a file");
        server.signal(signal);
        assert_eq!(server.finish().code(), Some(0));
        assert_eq!(fs::read_to_string(server.path("u.pid")).expect("not its own"), "1\n");
    }
}

#[test]
fn sigkill_leaves_the_pid_file_and_the_next_master_takes_it() {
    let mut server = Server::configured("pid = 'u.pid'");
    let old = server.master();
    server.signal(Signal::SIGKILL);
    server.finish();
    assert_eq!(pid_in(&server.path("u.pid")), old);
    let next = server.again();
    assert_eq!(pid_in(&next.path("u.pid")), next.master());
}

#[test]
fn a_failed_bind_leaves_no_pid_file_and_is_tried_so_often_and_so_slowly_as_was_said() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("it has one");
    for (tries, least) in [(2, Duration::from_millis(100)), (0, Duration::ZERO)] {
        let started = Instant::now();
        let mut server = Server::configured_without_waiting(
            folder(),
            &format!(
                "pid = 'u.pid'\nlisten = {{addr = '{address}', tries = {tries}, delay = 0.05}}"
            ),
        );
        assert_eq!(server.finish().code(), Some(1));
        assert!(started.elapsed() >= least);
        let log = server.log();
        assert_eq!(log.matches("is in use").count(), tries, "{log}");
        assert!(log.contains(&format!("cannot listen on {address}: ")), "{log}");
        assert!(!server.path("u.pid").exists());
    }
}
