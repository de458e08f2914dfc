//! Who is there, what each is called, and what each has open.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use story::{number_after, parent, wait_until};

use crate::server::{
    Server, descriptors, folder, is_close_on_exec, number_of, socket_at, sockets, title,
};

/// `as fd N`, in the line about that address.
#[track_caller]
fn fd_of(server: &Server, address: &str) -> i32 {
    let log = server.log();
    let line = log.lines().find(|line| line.contains(address)).expect("it listens there");
    number_after(line, "as fd ") as i32
}

#[test]
fn the_master_forks_its_workers_and_all_of_them_share_the_listener() {
    let server = Server::start(&["--workers", "3"]);
    let workers = server.wait_for_fresh(&[], 3);
    let fd = fd_of(&server, server.address());
    let socket = socket_at(server.master(), fd);
    for &worker in &workers {
        assert_eq!(parent(worker), Some(server.master()));
        assert_eq!(socket_at(worker, fd), socket);
    }
    let answered_by = server.get("/pid").text();
    assert!(workers.iter().any(|pid| answered_by == format!("{pid}\n")), "{answered_by}");
    assert_eq!(server.get("/ppid").text(), format!("{}\n", server.master()));
}

#[test]
fn the_master_never_accepts() {
    let server = Server::start(&["--workers", "0"]);
    let before = sockets(server.master());
    let pending = server.ask("/pid");
    server.signal(Signal::SIGUSR1); // it is awake after the connection came
    server.wait_for("logs reopened");
    assert!(pending.waits_still());
    assert_eq!(sockets(server.master()), before);
    server.signal(Signal::SIGTTIN);
    let worker = server.wait_for_workers(1)[0];
    assert_eq!(pending.answer().text(), format!("{worker}\n"));
}

#[test]
fn listeners_are_close_on_exec_everywhere_and_a_script_gets_none() {
    let folder = folder();
    let script = folder.path().join("fds");
    fs::write(&script, "#!/bin/sh\necho Content-Type: text/plain; echo; ls -l /proc/$$/fd\n")
        .expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    let server = Server::start_in(folder, &["--app", "cgi:."]);
    let worker = server.wait_for_fresh(&[], 1)[0];
    let fd = fd_of(&server, server.address());
    assert!(is_close_on_exec(server.master(), fd) && is_close_on_exec(worker, fd));
    let inherited = descriptors(Pid::this()); // whoever runs the tests may have left something open
    for pid in [server.master(), worker] {
        for (number, target) in descriptors(pid).into_iter().filter(|&(number, _)| number > 2) {
            let is_ours = !inherited.iter().any(|(_, other)| *other == target);
            assert!(!is_ours || is_close_on_exec(pid, number), "{pid} {number} {target}");
        }
    }
    let listing = server.get("/fds");
    assert_eq!(listing.status, 200);
    assert!(listing.text().contains("pipe:["), "{}", listing.text()); // its standard output
    assert!(!listing.text().contains("socket:["), "{}", listing.text());
}

#[test]
fn titles_tell_who_is_who() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_workers(2);
    assert!(title(server.master()).starts_with("mini-unicorn master "));
    assert!(title(server.master()).ends_with("--listen 127.0.0.1:0 --workers 2"));
    assert!(title(workers[0]).starts_with("mini-unicorn worker[0] "));
    assert!(title(workers[1]).starts_with("mini-unicorn worker[1] "));
}

#[test]
fn the_lowest_free_number_is_given_first() {
    let server = Server::start(&["--workers", "3"]);
    let old = server.wait_for_fresh(&[], 3);
    kill(old[1], Signal::SIGKILL).expect("it lives");
    kill(old[0], Signal::SIGKILL).expect("it lives");
    let new = wait_until("two take their place", || {
        let now = server.workers();
        (now.len() == 3 && now[2] == old[2] && now[0] != old[0] && now[1] != old[1]).then_some(now)
    });
    assert_eq!(new.iter().map(|&pid| number_of(pid)).collect::<Vec<_>>(), [0, 1, 2].map(Some));
    server.signal(Signal::SIGTTIN);
    assert_eq!(number_of(server.wait_for_workers(4)[3]), Some(3));
}
