//! What it is told: by its configuration, and to do in the background.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::getsid;
use story::wait_until;

use crate::server::{PROGRAM, Server, descriptors, folder, get_at, living_in, pid_in};

#[test]
fn a_mistake_in_the_configuration_is_told_with_file_line_and_key() {
    for (text, told) in [
        ("timeout = 1\nworker_processes = 'four'\n", "site.toml:2: worker_processes: expected a"),
        ("workers = 4\n", "site.toml:1: workers: no such key"),
        ("\n\n[\n", "site.toml:3: "),
        ("app = 'nothing'\n", "no app is called `nothing`"),
        ("pid = '/nowhere/u.pid'\n", "pid file /nowhere/u.pid: "),
        ("stderr_path = '/nowhere/log'\n", "cannot open the log /nowhere/log: "),
        ("listen = '/nowhere/sock'\n", "cannot listen on /nowhere/sock: "),
    ] {
        let folder = folder();
        fs::write(folder.path().join("site.toml"), text).expect("a file");
        let mut command = Command::new(PROGRAM);
        command.args(["-c", "site.toml"]);
        if !text.contains("listen") {
            command.args(["-l", "127.0.0.1:0"]);
        }
        let log = Server::run_without_waiting(folder, command).refused();
        assert!(log.contains(told), "{text}: {log}");
    }
}

#[test]
fn check_looks_at_the_configuration_and_does_no_more() {
    for (text, code) in [("pid = 'u.pid'\nlisten = './sock'", 0), ("timeout = 0", 1)] {
        let folder = folder();
        fs::write(folder.path().join("site.toml"), text).expect("a file");
        let mut command = Command::new(PROGRAM);
        command.args(["-c", "site.toml", "--check"]).stdout(Stdio::null());
        let mut server = Server::run_without_waiting(folder, command);
        assert_eq!(server.finish().code(), Some(code), "{}", server.log());
        assert!(!server.path("u.pid").exists() && !server.path("sock").exists());
    }
}

#[test]
fn paths_are_relative_to_where_it_was_started() {
    let folder = folder();
    fs::create_dir(folder.path().join("run")).expect("a folder");
    let text = "pid = 'run/u.pid'\nlisten = 'run/sock'\nstderr_path = 'run/err'\n\
                stdout_path = 'run/out'\n";
    let server = Server::configured_without_waiting(folder, text);
    assert_eq!(pid_in(&server.path("run/u.pid")), server.master());
    wait_until("the log is there, with the time in each line", || {
        let log = fs::read_to_string(server.path("run/err")).ok()?;
        log.lines().any(|line| line.starts_with("20") && line.ends_with("ready")).then_some(())
    });
    assert!(server.path("run/out").exists());
    assert_eq!(get_at(&server.path("run/sock"), "/"), "hello\n");
}

/// A daemon's configuration, its log in the file `err`.
const DAEMON: &str = "pid = 'u.pid'\nstderr_path = 'err'\n";

#[track_caller]
fn daemonize(text: &str) -> Server {
    let folder = folder();
    fs::write(folder.path().join("site.toml"), text).expect("a file");
    let mut command = Command::new(PROGRAM);
    command.args(["-c", "site.toml", "-D"]);
    Server::run_without_waiting(folder, command)
}

#[test]
fn daemonize_returns_when_it_can_be_served() {
    let mut server = daemonize(&format!("{DAEMON}listen = './sock'\nworker_processes = 2"));
    assert_eq!(server.finish().code(), Some(0), "{}", server.log());
    assert_eq!(get_at(&server.path("sock"), "/"), "hello\n"); // without a wait
    let master = pid_in(&server.path("u.pid"));
    let all = wait_until("master and workers", || {
        Some(living_in(&server.canonical_folder())).filter(|all| all.len() == 3)
    });
    assert!(all.contains(&master));
    let session = getsid(Some(master)).expect("it lives");
    assert!(session != getsid(None).expect("ours") && session != master);
    for pid in all {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
        let (_, fields) = stat.rsplit_once(") ").expect("proc(5)");
        assert_eq!(fields.split(' ').nth(4), Some("0"), "{pid} has a terminal: {stat}");
        let fds = descriptors(pid);
        assert_eq!(fds[0], (0, "/dev/null".into()), "{pid}");
        assert_eq!(fds[1], (1, "/dev/null".into()), "{pid}");
        assert!(fds[2].1.ends_with("/err"), "{pid} {:?}", fds[2]);
    }
    kill(master, Signal::SIGQUIT).expect("it lives");
    wait_until("all have gone", || living_in(&server.canonical_folder()).is_empty().then_some(()));
    assert!(!server.path("u.pid").exists());
}

#[test]
fn daemonize_that_comes_to_nothing_says_so() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("it has one");
    let mut server =
        daemonize(&format!("pid = 'u.pid'\nlisten = {{addr = '{address}', tries = 0}}"));
    let pid_file = server.path("u.pid");
    let log = server.refused();
    assert!(log.contains(&format!("cannot listen on {address}: ")), "{log}");
    assert!(!pid_file.exists());
}
