//! SIGHUP, and a configuration that can't be.

use std::fs;
use std::net::TcpListener;

use nix::sys::signal::Signal::*;

use crate::server::{Server, descriptors, pid_in};

/// Tries to reload what can't be, and makes sure that nothing has changed.
#[track_caller]
fn reload_in_vain(server: &Server, told: &str) {
    let (workers, fds) = (server.workers(), descriptors(server.master()));
    let before = server.log().matches("not reloaded").count();
    server.signal(SIGHUP);
    server.wait_for_times("not reloaded, and nothing has changed: ", before + 1);
    let log = server.log();
    let line = log.lines().rfind(|line| line.contains("not reloaded")).expect("it waits for one");
    assert!(line.contains(told), "{line}");
    server.signal(SIGUSR1); // whatever comes of the reload, comes before what comes of this
    server.wait_for_times("] logs reopened", (before + 1) * (1 + workers.len()));
    assert_eq!(server.workers(), workers);
    assert_eq!(descriptors(server.master()), fds);
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn a_configuration_that_can_not_be_changes_nothing() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("it has one");
    let server = Server::configured("pid = 'u.pid'\nworker_processes = 2");
    server.wait_for_fresh(&[], 2);
    fs::write(server.path("busy.pid"), format!("{}\n", std::process::id())).expect("a file");
    // It is tried once only: meanwhile nobody looks after the workers.
    let bind = format!("pid = 'other.pid'\nlisten = {{addr = '{taken}', delay = 1000}}");
    for (text, told) in [
        ("worker_processes = 'four'", "site.toml:2: worker_processes: expected a whole number"),
        ("[", "site.toml:2: "),
        ("app = 'nothing'", "no app is called `nothing`"),
        ("app = 'files:nowhere'", "nowhere"),
        ("stderr_path = 'nowhere/log'", "nowhere/log"),
        ("stdout_path = 'nowhere/log'", "nowhere/log"),
        ("pid = 'busy.pid'", "busy.pid: pid "),
        ("pid = 'nowhere/pid'", "nowhere/pid"),
        (&bind, "cannot listen on "),
    ] {
        server.configure(text);
        reload_in_vain(&server, told);
        assert_eq!(pid_in(&server.path("u.pid")), server.master());
        assert!(!server.path("other.pid").exists(), "{text}");
    }
    fs::remove_file(server.path("site.toml")).expect("it is there");
    reload_in_vain(&server, "cannot read site.toml: No such file or directory");
}

#[test]
fn a_reload_that_comes_to_nothing_leaves_no_socket_behind() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("it has one");
    let server = Server::configured("");
    server.wait_for_fresh(&[], 1);
    server.configure(&format!("listen = ['./sock', {{addr = '{taken}', tries = 0}}]"));
    reload_in_vain(&server, "cannot listen on ");
    assert!(!server.path("sock").exists());
}
