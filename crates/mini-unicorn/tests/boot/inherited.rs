//! Listeners that somebody else has opened: a unicorn, or systemd.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::server::{PROGRAM, Server, folder, get, is_close_on_exec, socket_at};

/// A shell that puts its standard input and output, two listeners, to 3 and 4, and becomes the
/// server.
fn with_inherited(variables: &str, args: &str) -> (Command, [TcpListener; 2]) {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let copy = |at: usize| OwnedFd::from(listeners[at].try_clone().expect("a descriptor"));
    let mut command = Command::new("/bin/sh");
    let script = format!("exec 3<&0 4<&1 </dev/null >/dev/null; {variables} exec $0 {args}");
    command.args(["-c", &script, PROGRAM]).stdout(copy(1));
    (command, listeners)
}

#[track_caller]
fn run_with_inherited(folder: TempDir, variables: &str, args: &str) -> (Server, [String; 2]) {
    let (command, listeners) = with_inherited(variables, args);
    let stdin = OwnedFd::from(listeners[0].try_clone().expect("a descriptor"));
    let server = Server::run_reading(folder, command, stdin.into()).when_ready();
    let addresses = [0, 1].map(|at| listeners[at].local_addr().expect("it has one").to_string());
    (server, addresses)
}

#[test]
fn unicorn_fd_names_listeners_to_serve_at() {
    let (server, addresses) = run_with_inherited(folder(), "UNICORN_FD=3,4", "");
    for address in &addresses {
        assert_eq!(get(address, "/").text(), "hello\n");
    }
    assert!(!server.log().contains("listening on"), "{}", server.log()); // no other, and no rebinding
    for fd in [3, 4] {
        assert!(is_close_on_exec(server.master(), fd));
    }
}

#[test]
fn listen_pid_and_listen_fds_are_understood_and_those_stay_open_over_hup() {
    let folder = folder();
    fs::write(folder.path().join("site.toml"), "").expect("a file");
    let systemd = "LISTEN_PID=$$ LISTEN_FDS=2";
    let (server, addresses) = run_with_inherited(folder, systemd, "-c site.toml");
    let sockets = [3, 4].map(|fd| socket_at(server.master(), fd));
    for (text, reloads) in [("listen = './sock'", 1), ("", 2)] {
        let old = server.wait_for_fresh(&[], 1);
        fs::write(server.path("site.toml"), text).expect("a file");
        server.signal(Signal::SIGHUP);
        server.wait_for_times("reloaded; ", reloads);
        let worker = server.wait_for_fresh(&old, 1)[0];
        assert_eq!([3, 4].map(|fd| socket_at(worker, fd)), sockets);
        for address in &addresses {
            assert_eq!(get(address, "/").text(), "hello\n");
        }
    }
}

#[test]
fn listen_fds_that_are_meant_for_another_are_left_alone() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut command = Command::new(PROGRAM);
    command.args(["-l", "127.0.0.1:0"]).envs([("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]);
    let server = Server::run_reading(folder(), command, Stdio::from(OwnedFd::from(holder)));
    let server = server.when_ready();
    assert!(!server.log().contains("inherited"), "{}", server.log());
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn who_waits_at_an_inherited_listener_is_served_before_a_quit() {
    let (mut server, [address, _]) = run_with_inherited(folder(), "LISTEN_PID=$$ LISTEN_FDS=2", "");
    server.wait_for_fresh(&[], 1);
    server.quit_while_nine_wait_at(&address);
}

#[test]
fn a_variable_that_promises_what_is_not_there_is_told() {
    let mut command = Command::new(PROGRAM);
    command.args(["-l", "127.0.0.1:0"]).env("UNICORN_FD", "77");
    let log = Server::run_without_waiting(folder(), command).refused();
    assert!(log.contains("inherited descriptor 77: "), "{log}");
}
