//! SIGNALS.md, "Files and descriptors", and how a master begins.

mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use server::{
    PROGRAM, Server, descriptors, get, is_close_on_exec, living_in, number_of, pid_in, socket_at,
    sockets, title,
};
use story::{DEADLINE, number_after, parent, state, wait_until};
use tempfile::TempDir;

/// `as fd N`, in the line about that address.
#[track_caller]
fn fd_of(server: &Server, address: &str) -> i32 {
    let log = server.log();
    let line = log.lines().find(|line| line.contains(address)).expect("it listens there");
    number_after(line, "as fd ") as i32
}

/// What the server has to say when it does not start: its log, after an exit with 1.
#[track_caller]
fn refused(mut server: Server) -> String {
    let status = server.finish();
    assert_eq!(status.code(), Some(1), "{}", server.log());
    server.log()
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

/// Asks for `/` over a Unix socket.
fn get_at(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    answer
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

#[test]
fn a_unix_socket_has_mode_0777_less_its_umask() {
    for (umask, mode) in [("0", 0o777), ("0o027", 0o750)] {
        let listen = format!("listen = {{addr = './sock', umask = {umask}}}");
        let server = Server::configured(&listen);
        let meta = fs::metadata(server.path("sock")).expect("it is there");
        assert_eq!(meta.mode() & 0o777, mode);
        assert!(get_at(&server.path("sock")).ends_with("hello\n"));
    }
}

#[test]
fn a_unix_socket_that_nobody_serves_is_replaced() {
    let folder = folder();
    let path = folder.path().join("sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let server = Server::configured_in(folder, "listen = './sock'");
    assert!(get_at(&server.path("sock")).ends_with("hello\n"));
}

#[test]
fn a_living_servers_unix_socket_is_never_taken() {
    let first = Server::configured("listen = './sock'");
    let inode = fs::metadata(first.path("sock")).expect("it is there").ino();
    let at = first.path("sock").display().to_string();
    let second = Server::configured_without_waiting(
        folder(),
        &format!("listen = {{addr = '{at}', tries = 1, delay = 0.01}}"),
    );
    let log = refused(second);
    assert!(log.contains(&format!("cannot listen on {at}: ")), "{log}");
    assert_eq!(fs::metadata(first.path("sock")).expect("it is there").ino(), inode);
    assert!(get_at(&first.path("sock")).ends_with("hello\n"));
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("sock"), "precious").expect("a file");
    let mut server = Server::configured_without_waiting(folder, "listen = './sock'");
    assert_eq!(server.finish().code(), Some(1));
    assert!(server.log().contains("./sock: a file that is no socket"), "{}", server.log());
    assert_eq!(fs::read_to_string(server.path("sock")).expect("it is there"), "precious");
}

#[test]
fn it_listens_at_several_places_at_once_and_over_ipv6() {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(); // not every machine has it
    let places = if v6 { ", '[::1]:0'" } else { "" };
    let server =
        Server::configured(&format!("listen = ['127.0.0.1:0', '127.0.0.1:0', './sock'{places}]"));
    let log = server.log();
    let addresses: Vec<_> =
        log.split("listening on ").skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(addresses.len(), if v6 { 4 } else { 3 }, "{log}");
    for address in addresses.iter().filter(|address| address.contains(':')) {
        assert_eq!(get(address, "/").text(), "hello\n", "{address}");
    }
    assert!(get_at(&server.path("sock")).ends_with("hello\n"));
    assert_eq!(addresses.iter().filter(|address| address.starts_with("[::1]:")).count(), v6.into());
}

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
        let log = refused(Server::run_without_waiting(folder, command));
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
    assert!(get_at(&server.path("run/sock")).ends_with("hello\n"));
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
    assert!(get_at(&server.path("sock")).ends_with("hello\n")); // without a wait
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
    let server = daemonize(&format!("pid = 'u.pid'\nlisten = {{addr = '{address}', tries = 0}}"));
    let pid_file = server.path("u.pid");
    let log = refused(server);
    assert!(log.contains(&format!("cannot listen on {address}: ")), "{log}");
    assert!(!pid_file.exists());
}

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
    let (busy, _) = server.hold();
    let waiting: Vec<_> = (0..9).map(|_| server::Pending::ask(&address, "/")).collect();
    server.signal(Signal::SIGQUIT);
    server.wait_for("leaving, gracefully");
    assert_eq!(busy.answer().status, 200);
    for pending in waiting {
        assert_eq!(pending.answer().text(), "hello\n");
    }
    assert_eq!(server.finish().code(), Some(0));
}

#[test]
fn a_variable_that_promises_what_is_not_there_is_told() {
    let mut command = Command::new(PROGRAM);
    command.args(["-l", "127.0.0.1:0"]).env("UNICORN_FD", "77");
    let log = refused(Server::run_without_waiting(folder(), command));
    assert!(log.contains("inherited descriptor 77: "), "{log}");
}
