//! SIGHUP.

use std::fs;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal::*;
use nix::unistd::Pid;
use story::{number_after, wait_until};

use crate::server::{Server, leads_to, pid_in, socket_at, wait_until_gone};

/// Reloads, and waits for the new set.
#[track_caller]
fn reload(server: &Server, old: &[Pid], count: usize) -> Vec<Pid> {
    let before = server.log().matches("reloaded; ").count();
    server.signal(SIGHUP);
    server.wait_for_times("reloaded; ", before + 1);
    server.wait_for_fresh(old, count)
}

#[test]
fn hup_brings_fresh_workers_and_cuts_nobody() {
    let server = Server::configured("worker_processes = 2");
    let old = server.wait_for_fresh(&[], 2);
    let (busy, at_it) = server.hold();
    server.signal(SIGHUP);
    // Its number is taken until it leaves; the other one's goes to a fresh worker at once.
    wait_until("the idle one is replaced", || {
        let now = server.workers();
        (now.len() == 2 && now.iter().filter(|pid| !old.contains(pid)).count() == 1).then_some(())
    });
    assert!(server.workers().contains(&at_it) && busy.waits_still());
    assert_eq!(server.get("/ppid").text(), format!("{}\n", server.master()));
    assert_eq!(busy.answer().status, 200);
    server.wait_for_fresh(&old, 2);
    wait_until_gone(&old);
}

#[test]
fn hup_changes_the_number_of_workers_and_the_timeout() {
    let server = Server::configured("worker_processes = 2");
    let two = server.wait_for_fresh(&[], 2);
    server.configure("worker_processes = 4\ntimeout = 0.7");
    let four = reload(&server, &two, 4);
    let (hangs, worker) = server.given_to_a_worker(|| server.ask("/sleep/20"));
    server.wait_for(&format!("pid {worker}: silent for "));
    assert!(hangs.was_cut());
    server.configure("worker_processes = 1");
    reload(&server, &four, 1);
    wait_until_gone(&four);
}

#[test]
fn hup_makes_the_app_anew() {
    let server = Server::configured("app = 'hello'");
    let old = server.wait_for_fresh(&[], 1);
    fs::create_dir(server.path("public")).expect("a folder");
    fs::write(server.path("public/page"), "a page").expect("a file");
    server.configure("app = 'files:public'");
    reload(&server, &old, 1);
    assert_eq!(server.get("/page").text(), "a page");
}

#[test]
fn hup_moves_and_removes_the_pid_file() {
    let server = Server::configured("pid = 'a.pid'");
    let mut old = server.wait_for_fresh(&[], 1);
    for (text, there, gone) in [
        ("pid = 'a.pid'", "a.pid", "b.pid"),
        ("pid = 'b.pid'", "b.pid", "a.pid"),
        ("", "", "b.pid"),
        ("pid = 'a.pid'", "a.pid", "b.pid"),
    ] {
        server.configure(text);
        old = reload(&server, &old, 1);
        assert!(!server.path(gone).exists(), "{text}");
        if !there.is_empty() {
            assert_eq!(pid_in(&server.path(there)), server.master(), "{text}");
        }
    }
}

#[test]
fn hup_moves_the_logs() {
    let server = Server::configured("");
    let old = server.wait_for_fresh(&[], 1);
    server.configure("stderr_path = 'err'\nstdout_path = 'out'");
    server.signal(SIGHUP);
    let new = wait_until("a fresh worker", || {
        server.workers().into_iter().find(|pid| !old.contains(pid))
    });
    for pid in [server.master(), new] {
        assert_eq!(leads_to(pid, 1), server.inode("out"));
        assert_eq!(leads_to(pid, 2), server.inode("err"));
    }
}

#[test]
fn hup_adds_listeners_keeps_and_removes_them() {
    let server = Server::configured("listen = ['127.0.0.1:0', './a']");
    let old = server.wait_for_fresh(&[], 1);
    let fd = |address: &str| {
        let log = server.log();
        let line = log.lines().rfind(|line| line.contains(&format!("listening on {address}")));
        number_after(line.expect("it listens there"), "as fd ") as i32
    };
    let kept = socket_at(server.master(), fd("127.0.0.1"));
    server.configure("listen = ['127.0.0.1:0', './b']");
    let new = reload(&server, &old, 1);
    for pid in [server.master(), new[0]] {
        assert_eq!(socket_at(pid, fd("127.0.0.1")), kept);
        socket_at(pid, fd("./b"));
    }
    assert_eq!(server.get("/").text(), "hello\n");
    assert!(UnixStream::connect(server.path("b")).is_ok());
    wait_until_gone(&old);
    assert!(UnixStream::connect(server.path("a")).is_err(), "nobody listens there any more");
}

#[test]
fn a_listener_that_hup_keeps_keeps_its_queue() {
    let server = Server::configured("");
    let old = server.wait_for_fresh(&[], 1);
    let (busy, _) = server.hold();
    let waiting: Vec<_> = (0..5).map(|_| server.ask("/pid")).collect();
    server.signal(SIGHUP);
    server.wait_for("reloaded; ");
    assert_eq!(busy.answer().status, 200);
    for pending in waiting {
        let by = pending.answer().text();
        assert!(by.trim_end().parse::<i32>().is_ok(), "{by}");
    }
    server.wait_for_fresh(&old, 1);
}

#[test]
fn hup_makes_a_unix_socket_anew_that_was_unlinked() {
    let server = Server::configured("listen = ['127.0.0.1:0', './sock']");
    let old = server.wait_for_fresh(&[], 1);
    fs::remove_file(server.path("sock")).expect("it is there");
    reload(&server, &old, 1);
    assert!(UnixStream::connect(server.path("sock")).is_ok());
}

#[test]
fn hup_undoes_ttin_ttou_and_winch() {
    let server = Server::configured("worker_processes = 2");
    let mut old = server.wait_for_fresh(&[], 2);
    for (signal, then) in [(SIGTTIN, 3), (SIGTTOU, 1), (SIGWINCH, 0)] {
        server.signal(signal);
        server.wait_for_workers(then);
        old = reload(&server, &old, 2);
    }
}
