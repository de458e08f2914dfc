//! SIGNALS.md, its first table: what the master does with each signal.

mod server;

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::signal::Signal::*;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use server::{
    PROGRAM, Pending, Server, descriptors, get, leads_to, pid_in, socket_at, stop, title,
    wait_until_gone,
};
use story::{children, number_after, wait_until};
use tempfile::TempDir;

/// Generous: a quick stop takes milliseconds, or a second where it has to use force.
const QUICK: Duration = Duration::from_secs(2);

/// Reloads, and waits for the new set.
#[track_caller]
fn reload(server: &Server, old: &[Pid], count: usize) -> Vec<Pid> {
    let before = server.log().matches("reloaded; ").count();
    server.signal(SIGHUP);
    server.wait_for_times("reloaded; ", before + 1);
    server.wait_for_fresh(old, count)
}

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
fn term_and_int_end_it_at_once_and_cut_requests_in_hand() {
    for signal in [SIGTERM, SIGINT] {
        let mut server = Server::start(&["--workers", "2"]);
        let workers = server.wait_for_fresh(&[], 2);
        assert_eq!(server.get("/").text(), "hello\n");
        let (busy, _) = server.hold();
        let started = Instant::now();
        server.signal(signal);
        assert_eq!(server.finish().code(), Some(0));
        assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
        wait_until_gone(&workers);
        assert!(busy.was_cut());
    }
}

#[test]
fn term_ends_even_a_worker_that_is_stopped() {
    let mut server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    stop(workers[0]);
    let started = Instant::now();
    server.signal(SIGTERM);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
    wait_until_gone(&workers);
}

#[test]
fn quit_lets_each_worker_finish_its_request_and_idle_ones_leave_at_once() {
    let mut server = Server::start(&["--workers", "3"]);
    let workers = server.wait_for_fresh(&[], 3);
    let (busy, at_it) = server.hold();
    server.signal(SIGQUIT);
    let idle: Vec<_> = workers.into_iter().filter(|&pid| pid != at_it).collect();
    wait_until_gone(&idle);
    assert!(busy.waits_still());
    assert_eq!(busy.answer().status, 200);
    assert_eq!(server.finish().code(), Some(0));
    assert!(server.log().contains("all workers have left"), "{}", server.log());
}

#[test]
fn quit_serves_those_who_wait_in_the_queue_already() {
    let mut server = Server::start(&[]);
    server.wait_for_fresh(&[], 1);
    let (busy, _) = server.hold();
    let waiting: Vec<_> = (0..9).map(|_| server.ask("/")).collect();
    server.signal(SIGQUIT);
    server.wait_for("leaving, gracefully");
    assert_eq!(busy.answer().status, 200);
    for pending in waiting {
        assert_eq!(pending.answer().text(), "hello\n");
    }
    assert_eq!(server.finish().code(), Some(0));
}

#[test]
fn quit_kills_who_is_not_done_after_the_timeout() {
    let mut server = Server::start(&["--timeout", "1"]);
    server.wait_for_fresh(&[], 1);
    let (busy, worker) = server.given_to_a_worker(|| server.ask("/sleep/20"));
    let started = Instant::now();
    server.signal(SIGQUIT);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(busy.was_cut());
    let log = server.log();
    assert!(log.contains(&format!("pid {worker}: killed by ")), "{log}");
}

#[test]
fn term_during_a_quit_is_obeyed() {
    let mut server = Server::start(&["--workers", "2"]);
    server.wait_for_fresh(&[], 2);
    let (busy, _) = server.hold();
    server.signal(SIGQUIT);
    server.wait_for("leaving, gracefully");
    server.wait_for("reaped worker");
    assert!(busy.waits_still());
    let started = Instant::now();
    server.signal(SIGTERM);
    assert_eq!(server.finish().code(), Some(0));
    assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
    assert!(busy.was_cut());
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

#[test]
fn a_configuration_that_can_not_be_changes_nothing() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("it has one");
    let server = Server::configured("pid = 'u.pid'\nworker_processes = 2");
    server.wait_for_fresh(&[], 2);
    fs::write(server.path("busy.pid"), format!("{}\n", std::process::id())).expect("a file");
    let bind = format!("pid = 'other.pid'\nlisten = {{addr = '{taken}', tries = 0}}");
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

/// A server whose streams lead to the files `err` and `out`, and its workers.
fn rotating() -> (Server, Vec<Pid>) {
    let text = "worker_processes = 2\nstderr_path = 'err'\nstdout_path = 'out'";
    let server = Server::configured_without_waiting(TempDir::new().expect("a folder"), text);
    let workers = wait_until("two workers are ready", || {
        let log = fs::read_to_string(server.path("err")).ok()?;
        (log.matches("] ready\n").count() == 2).then(|| server.workers())
    });
    (server, workers)
}

/// Where such a server listens.
fn address(server: &Server) -> String {
    let log = server.log();
    let (_, after) = log.split_once("listening on ").expect("bound before the logs were opened");
    after.split(' ').next().unwrap_or_default().to_string()
}

fn rotate(server: &Server) {
    for name in ["err", "out"] {
        fs::rename(server.path(name), server.path(&format!("{name}.1"))).expect("it is there");
    }
}

/// Whether both streams of that process lead to the logs that have these names now.
fn writes_to_the_new(server: &Server, pid: Pid) -> bool {
    server.inode("out").is_some()
        && leads_to(pid, 1) == server.inode("out")
        && leads_to(pid, 2) == server.inode("err")
}

#[test]
fn usr1_reopens_rotated_logs_at_once_in_whoever_is_idle_and_else_after_the_request() {
    let (server, workers) = rotating();
    let address = address(&server);
    let (busy, at_it) = server.given_to_a_worker(|| Pending::hold(&address));
    let idle = workers.into_iter().find(|&worker| worker != at_it).expect("there are two");
    rotate(&server);
    server.signal(SIGUSR1);
    wait_until("the master and the idle one have reopened", || {
        (writes_to_the_new(&server, server.master()) && writes_to_the_new(&server, idle))
            .then_some(())
    });
    assert!(busy.waits_still());
    assert!(!writes_to_the_new(&server, at_it));
    assert_eq!(busy.answer().status, 200);
    wait_until("so has the other", || writes_to_the_new(&server, at_it).then_some(()));
    assert_eq!(server.workers().len(), 2); // the same as before
}

#[test]
fn no_line_is_lost_while_logs_are_rotated() {
    let (server, _) = rotating();
    let address = address(&server);
    let mut asked = 0;
    for round in 1..=5 {
        for _ in 0..20 {
            assert_eq!(get(&address, "/raise").status, 500);
            asked += 1;
        }
        wait_until("the log is there again", || server.inode("err"));
        fs::rename(server.path("err"), server.path(&format!("err.{round}"))).expect("it is there");
        server.signal(SIGUSR1);
    }
    wait_until("every panic is in one of the logs", || {
        let logs = ["err", "err.1", "err.2", "err.3", "err.4", "err.5"];
        let read = |name: &&str| fs::read_to_string(server.path(name)).unwrap_or_default();
        let all: String = logs.iter().map(read).collect();
        let told = all.matches("the app panicked: the client asked for it").count();
        assert!(told <= asked, "{told} of {asked}");
        (told == asked).then_some(())
    });
}

#[test]
fn usr1_leaves_a_log_alone_that_was_not_rotated() {
    let (server, workers) = rotating();
    let before = server.inode("err");
    server.signal(SIGUSR1);
    wait_until("all have looked", || {
        let log = fs::read_to_string(server.path("err")).ok()?;
        (log.matches("] logs reopened").count() == 3).then_some(())
    });
    assert_eq!(server.inode("err"), before);
    assert_eq!(server.workers(), workers);
}

#[test]
fn winch_lets_the_workers_go_and_connections_wait_for_the_next_ones() {
    let server = Server::start(&["--workers", "2"]);
    let old = server.wait_for_fresh(&[], 2);
    let (busy, _) = server.hold();
    server.signal(SIGWINCH);
    assert_eq!(busy.answer().status, 200);
    server.wait_for_workers(0);
    wait_until_gone(&old);
    let waiting = server.ask("/pid");
    server.signal(SIGUSR1);
    server.wait_for("logs reopened"); // the master is there, and does no more than that
    assert!(waiting.waits_still() && server.workers().is_empty());
    server.signal(SIGTTIN);
    let worker = server.wait_for_workers(1)[0];
    assert!(title(worker).starts_with("mini-unicorn worker[0]"));
    assert_eq!(waiting.answer().text(), format!("{worker}\n"));
}

#[test]
fn winch_is_ignored_where_somebody_sits_at_a_terminal() {
    let terminal = openpty(None, None).expect("a terminal");
    let mut command = Command::new(PROGRAM);
    command.args(["-l", "127.0.0.1:0", "--workers", "2"]);
    let folder = TempDir::new().expect("a folder");
    let server = Server::run_reading(folder, command, terminal.slave.into()).when_ready();
    let workers = server.wait_for_fresh(&[], 2);
    server.signal(SIGWINCH);
    server.wait_for("SIGWINCH ignored");
    server.signal(SIGTTIN); // what comes of this, comes after what comes of that
    assert_eq!(server.wait_for_fresh(&[], 3)[..2], workers);
}

#[test]
fn ttou_goes_down_to_none_and_ttin_up_again() {
    let server = Server::start(&["--workers", "2"]);
    let two = server.wait_for_fresh(&[], 2);
    server.signal(SIGTTOU);
    assert_eq!(server.wait_for_workers(1), two[..1]); // the highest number goes first
    server.signal(SIGTTOU);
    server.wait_for_workers(0);
    server.signal(SIGTTOU); // never below none: one more is one
    server.signal(SIGUSR1);
    server.wait_for("logs reopened");
    server.signal(SIGTTIN);
    let one = server.wait_for_fresh(&[], 1);
    server.signal(SIGTTIN);
    assert_eq!(server.wait_for_fresh(&[], 2)[..1], one);
    assert_eq!(server.get("/").text(), "hello\n");
}

#[test]
fn who_ttou_asks_to_leave_finishes_its_request() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    // Both are busy, so the one with the highest number is.
    let (first, _) = server.hold();
    let (second, _) = server.hold();
    server.signal(SIGTTOU);
    assert_eq!(first.answer().status, 200);
    assert_eq!(second.answer().status, 200);
    wait_until_gone(&workers[1..]);
    assert_eq!(server.workers(), workers[..1]);
}

#[test]
fn chld_is_no_more_than_a_reason_to_look() {
    let server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_fresh(&[], 2);
    (0..10).for_each(|_| server.signal(SIGCHLD));
    kill(workers[0], SIGKILL).expect("it lives");
    let now = wait_until("it is replaced", || {
        Some(server.workers()).filter(|now| now.len() == 2 && now[0] != workers[0])
    });
    assert_eq!(now[1], workers[1]);
}

#[test]
fn a_burst_of_hups_ends_with_one_fresh_set() {
    let server = Server::configured("worker_processes = 3");
    let old = server.wait_for_fresh(&[], 3);
    (0..20).for_each(|_| server.signal(SIGHUP));
    let now = server.settled(3);
    assert_eq!(children(server.master()).len(), 3); // and nobody else
    assert!(now.iter().all(|pid| !old.contains(pid)), "{old:?} {now:?}");
    assert_eq!(server.get("/").text(), "hello\n");
    let log = server.log();
    let (reloads, ready) = (log.matches("reloaded; ").count(), log.matches("] ready\n").count());
    assert!((1..=20).contains(&reloads), "{log}");
    assert!(ready <= 3 + 3 * reloads, "{log}");
}

#[test]
fn a_thousand_mixed_signals_leave_a_living_master_and_the_right_workers() {
    let server = Server::configured("worker_processes = 2");
    server.wait_for_fresh(&[], 2);
    let kinds = [SIGHUP, SIGUSR1, SIGTTIN, SIGTTOU, SIGWINCH, SIGCHLD];
    let mut number: u64 = 2026;
    for _ in 0..1000 {
        // A linear congruence: the same pattern each time, and no order in it.
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        server.signal(kinds[(number >> 33) as usize % kinds.len()]);
    }
    server.obeyed();
    server.signal(SIGHUP);
    server.settled(2);
    assert_eq!(children(server.master()).len(), 2);
    assert_eq!(server.get("/ppid").text(), format!("{}\n", server.master()));
}
