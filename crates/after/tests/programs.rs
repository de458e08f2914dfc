//! Each program's story, as the chapter tells it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use assert_cmd::Command;
use nix::sys::signal::Signal;
use predicates::str::contains;
use story::{DEADLINE, Started, killed_by, lines_with, number_after, told_by};

/// What `epoll_wait` asks the kernel for.
#[cfg(target_arch = "x86_64")]
const EPOLL_WAIT: i64 = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const EPOLL_WAIT: i64 = libc::SYS_epoll_pwait;

#[test]
fn pidfd_supervisor_replaces_whoever_ends_and_signals_nobody_late() {
    let story = told_by(env!("CARGO_BIN_EXE_pidfd_supervisor"), &[]);
    for (slot, exit) in [(1, "exit code 3"), (2, "killed by SIGKILL")] {
        let lives = lines_with(&story, &format!("worker {slot} is pid "));
        let [first, second] = lives[..] else { panic!("two lives: {story}") };
        let (first, second) = (number_after(first, "is pid "), number_after(second, "is pid "));
        assert_ne!(first, second);
        let ended = format!("worker {slot}'s pidfd is readable: pid {first}, {exit}");
        assert_eq!(lines_with(&story, &ended).len(), 1, "{story}");
        let late = format!("SIGKILL to what was pid {first}: No such process");
        assert_eq!(lines_with(&story, &late).len(), 1, "{story}");
        let last = format!("worker {slot}, pid {second}, ended: killed by SIGTERM");
        assert_eq!(lines_with(&story, &last).len(), 1, "{story}");
    }
}

#[test]
fn pid_reused_hits_a_stranger_by_pid_and_nobody_by_pidfd() {
    let done = Command::new(env!("CARGO_BIN_EXE_pid_reused")).timeout(DEADLINE).assert();
    let output = done.get_output();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("cannot make a pid namespace") || errors.contains("cannot choose a pid") {
        eprintln!("not shown on this machine: {errors}");
        return;
    }
    let story = String::from_utf8_lossy(&output.stdout);
    let pid = number_after(&story, "my child, pid ");
    assert_eq!(number_after(&story, "somebody else is pid "), pid);
    let told: Vec<_> = story.lines().skip(2).filter_map(|line| line.split_once("] ")).collect();
    let told: Vec<_> = told.into_iter().map(|(_, told)| told).collect();
    assert_eq!(
        told,
        [
            "SIGTERM by the old pidfd: No such process (os error 3)",
            "the stranger lives: true",
            "SIGTERM by the old pid: sent",
            "the stranger: killed by SIGTERM",
        ]
    );
}

#[test]
fn epoll_echo_has_three_clients_at_once() {
    let story = told_by(env!("CARGO_BIN_EXE_epoll_echo"), &[]);
    for client in 0..3 {
        let heard = format!("heard: hello from client {client}");
        assert_eq!(lines_with(&story, &heard).len(), 1, "{story}");
    }
    assert!(story.ends_with("at one moment I had 3 clients; now 0\n"), "{story}");
}

/// Starts the server; returns it and its port.
fn serving() -> (Started, u16) {
    let server = Started::new(env!("CARGO_BIN_EXE_epoll_echo"), &["--serve", "0"]);
    let port = number_after(&server.line_with("for one minute"), "127.0.0.1:");
    (server, port.try_into().expect("a port"))
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    stream.set_write_timeout(Some(DEADLINE)).expect("not zero");
    stream
}

#[test]
fn epoll_echo_serves_others_while_one_sends_and_does_not_listen() {
    let (server, port) = serving();
    let mut deaf = connect(port);
    deaf.set_nonblocking(true).expect("a socket");
    let mut sent = 0;
    let mut rounds_without_room = 0;
    while rounds_without_room < 3 {
        match deaf.write(&[b'x'; 65536]) {
            Ok(count) => (sent, rounds_without_room) = (sent + count, 0),
            Err(_) => rounds_without_room += 1,
        }
        let mut other = connect(port);
        other.write_all(b"hello").expect("taken");
        other.shutdown(Shutdown::Write).expect("connected");
        let mut heard = String::new();
        other.read_to_string(&mut heard).expect("answered");
        assert_eq!(heard, "hello");
        assert!(sent < 256 << 20, "it is never told to wait");
    }
    server.wait_until_blocked_in(EPOLL_WAIT); // it sleeps, with bytes to read and to send
    deaf.set_nonblocking(false).expect("a socket");
    deaf.shutdown(Shutdown::Write).expect("connected");
    let mut heard = Vec::new();
    deaf.read_to_end(&mut heard).expect("answered");
    assert_eq!(heard.len(), sent);
    drop(server);
}

#[test]
fn epoll_echo_loses_no_byte_of_much() {
    let (_server, port) = serving();
    let stream = connect(port);
    let said: Vec<u8> = (0..4_000_000u32).map(|n| (n % 251) as u8).collect();
    let heard = thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&said).expect("taken");
            stream.shutdown(Shutdown::Write).expect("connected");
        });
        let mut heard = Vec::new();
        (&stream).read_to_end(&mut heard).map(|_| heard).expect("answered")
    });
    assert!(heard == said, "{} bytes of {}", heard.len(), said.len());
}

#[test]
fn epoll_echo_survives_clients_that_leave_and_ends_by_a_signal() {
    let (server, port) = serving();
    for _ in 0..20 {
        let mut rude = connect(port);
        rude.write_all(&[b'x'; 10_000]).expect("taken");
        drop(rude); // with bytes unread, which resets
    }
    let mut polite = connect(port);
    polite.write_all(b"still there?").expect("taken");
    let mut heard = [0; 12];
    polite.read_exact(&mut heard).expect("answered");
    server.wait_until_blocked_in(EPOLL_WAIT);
    server.signal(Signal::SIGTERM);
    assert_eq!(killed_by(server.finish().0), Some(Signal::SIGTERM));
}

#[test]
fn edge_stall_is_not_told_of_what_it_left_unread() {
    let story = told_by(env!("CARGO_BIN_EXE_edge_stall"), &[]);
    for (mode, rest) in [("[level ", "yes"), ("[edge ", "no")] {
        let lines = lines_with(&story, mode);
        let told: Vec<_> = lines.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(told, ["yes", rest, "yes", "bytes", "no"], "{story}");
        assert!(lines[3].ends_with("4 bytes"), "{story}");
    }
}

#[test]
fn ghost_event_tells_of_a_closed_descriptor_until_its_last_copy_is_closed() {
    let story = told_by(env!("CARGO_BIN_EXE_ghost_event"), &[]);
    let fd = number_after(&story, "epoll watches fd ");
    let told = lines_with(&story, "epoll tells: ");
    assert_eq!(told.len(), 2, "{story}");
    assert!(told[0].ends_with(&format!("fd {fd} is readable")), "{story}");
    assert!(told[1].ends_with("nothing"), "{story}");
    assert_eq!(lines_with(&story, &format!("delete fd {fd}: EBADF")).len(), 1, "{story}");
}

#[test]
fn idle_crowd_makes_poll_slower_and_epoll_not() {
    let story = told_by(env!("CARGO_BIN_EXE_idle_crowd"), &[]);
    let (poll, epoll) = (number_after(&story, "poll × "), number_after(&story, "epoll_wait × "));
    assert!(poll >= 10 && epoll < 10, "100 times the crowd: {story}");
}

#[test]
fn exclusive_skew_gives_all_to_one_idle_worker_and_one_to_each_busy_one() {
    let story = told_by(env!("CARGO_BIN_EXE_exclusive_skew"), &[]);
    let got: Vec<_> = story.lines().filter_map(|line| line.rsplit_once(": ")).collect();
    assert_eq!(got[0].1, "[2, 2, 2, 2]", "{story}");
    assert_eq!(got[1].1, "[8, 0, 0, 0]", "{story}");
    assert_eq!(got[2].1, "[1, 1, 1, 1]", "{story}");
}

#[test]
fn reuseport_drop_loses_the_queue_of_the_socket_that_closes_and_no_shared_one() {
    let story = told_by(env!("CARGO_BIN_EXE_reuseport_drop"), &[]);
    // Where the administrator has had queues moved over, none is lost.
    let moved = fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req");
    let lost = if moved.is_ok_and(|moved| moved.trim() == "1") { 0 } else { 4 };
    assert_eq!(lines_with(&story, &format!("closed: {lost} reset, the rest")).len(), 1, "{story}");
    assert_eq!(lines_with(&story, "closed: 0 reset, 8 answered").len(), 1, "{story}");
}

#[test]
fn borrowed_memory_is_changed_by_the_child_of_a_vfork_while_the_parent_stands_still() {
    let story = told_by(env!("CARGO_BIN_EXE_borrowed_memory"), &[]);
    assert_eq!(lines_with(&story, "by fork, set it to 2; mine is 1").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "by vfork, set it to 2; mine is 2").len(), 1, "{story}");
    assert!(story.ends_with("it saw me in state D\n"), "{story}");
}

#[test]
fn spawn_bench_finds_fork_alone_slowed_by_a_large_parent() {
    let story = told_by(env!("CARGO_BIN_EXE_spawn_bench"), &[]);
    let big = |way: &str| number_after(lines_with(&story, way)[0], "128 MiB ");
    let fork = big("] fork: ");
    assert!(fork > 3 * big("] vfork: ") && fork > 3 * big("] posix_spawn: "), "{story}");
}

#[test]
fn tiny_trace_sees_each_call_and_takes_none_of_the_programs_signals() {
    let story = told_by(env!("CARGO_BIN_EXE_tiny_trace"), &[]);
    let line = "this line is one write\n";
    assert!(story.contains(&format!("{line}write = {}\n", line.len())), "{story}");
    assert!(story.contains("exit_group … Exited(Pid("), "{story}");

    let tell = "trap 'echo caught' USR1; kill -USR1 $$; kill -KILL $$";
    let story = told_by(env!("CARGO_BIN_EXE_tiny_trace"), &["sh", "-c", tell]);
    assert!(story.contains("caught\nwrite = 7\n") && story.contains(", SIGKILL, "), "{story}");

    let refused = Command::new(env!("CARGO_BIN_EXE_tiny_trace")).arg("nosuch").assert();
    refused.success().stderr(contains("cannot run \"nosuch\": ENOENT"));
}

#[test]
fn epoll_echo_has_a_help_and_refuses_what_it_does_not_know() {
    assert!(told_by(env!("CARGO_BIN_EXE_epoll_echo"), &["--help"]).starts_with("usage: "));
    for (args, why) in [
        (&["--serve", "high"][..], "PORT must be a port, not `high`"),
        (&["serve"], "usage: epoll_echo"),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_epoll_echo")).args(args).assert();
        refused.failure().code(1).stderr(contains(why));
    }
}
