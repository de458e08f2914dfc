//! What hangs is told and ended; what only looks like it is left to go on.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::net::{Shutdown, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use story::{DEADLINE, Started};

const PATIENCE: Duration = Duration::from_millis(200);

/// Programs that hang, and what must be said of them.
const HANGS: [(&str, &[&str]); 45] = [
    ("own-write-end", &["P1 is blocked in read(3)", "only P1's own fd 4 keeps pipe 1 open"]),
    (
        "full-pipe",
        &["write(4): waits for room in pipe 1", "read end still open: fd 3 of P1 itself"],
    ),
    (
        "two-full-pipes",
        &["P1 waits for room in pipe 1, which is up to P2", "one of them must read"],
    ),
    ("child-that-waits", &["wait4(P2): waits for P2 to end", "P1's own fd 4 keeps pipe 1 open"]),
    (
        "unlinked-listener",
        &["accept4(3): waits for a connection", "hangs-listener", "Nobody is left"],
    ),
    ("tcp-pair", &["P1 waits for data on socket 3, which is up to P2"]),
    ("not-accepted", &["P2 is blocked in recvfrom(4)", "P1 is blocked in wait4(P2)"]),
    ("backlog", &["connect(5): waits for its connection to /", "hangs-backlog"]),
    ("own-peer", &["recvfrom(3): waits for data on socket 1", "fd 4 of P1 itself"]),
    ("datagram", &["recvfrom(3): waits for data on socket 1"]),
    ("no-port", &["recvfrom(3): waits for data on socket 1; it was not bound to an address"]),
    ("own-port", &["only socket 2 may send to it, held as fd 4 of P1 itself"]),
    ("mutex", &["P1 is blocked in futex(FUTEX_WAIT): waits for a lock", "or P1 holds it itself"]),
    ("two-mutexes", &["P1 and P2 are threads of one process and all wait for a lock"]),
    ("join", &["futex(FUTEX_WAIT): waits for P2 to end", "P2 is blocked in pause()"]),
    ("robust", &["waits for a lock; P1 itself holds it"]),
    ("shared-lock", &["a lock that processes may share", "whoever held it has ended"]),
    ("channel", &["waits for another thread to wake it, as at a condition or a channel"]),
    ("semaphore", &["P2 is blocked in futex(FUTEX_WAIT): waits for somebody to wake it"]),
    ("pause", &["pause(): waits for a signal", "Nobody is left who would send P1 a signal"]),
    ("sigsuspend", &["rt_sigsuspend(): waits for a signal"]),
    ("sigwait", &["rt_sigtimedwait(): waits for SIGUSR1"]),
    ("flock", &["flock(4): waits for a lock on /", "held by fd 3 of P1 itself", "is its own"]),
    (
        "flock-child",
        &["; it is held by fd 3 of P1 itself and fd 3 of P3", "P3 is blocked in pause()"],
    ),
    (
        "flock-cycle",
        &["it is held by fd 6 of P1 itself and fd 6 of P2", "which is up to P2; P2 waits"],
    ),
    ("fcntl", &["P2 is blocked in fcntl(7): waits for a lock on /", "; it is held by P1\n"]),
    (
        "fcntl-cycle",
        &["P1 is blocked in fcntl(3): waits for a lock", "which is up to P2; P2 waits"],
    ),
    ("fifo", &["waits for somebody to open /", "to write to it"]),
    ("fifo-read", &["read(3): waits for"]),
    ("msgrcv", &["msgrcv(): waits for a message in a queue"]),
    ("mq", &["waits for a message in message queue /", "; it is open as fd 3 of P1 itself"]),
    (
        "terminal-inside",
        &[
            "P2 is blocked in read(4): waits for something to read from /dev/pts/1; other ends still open: fd",
            "P1 is blocked in read(3): waits for something to read from /dev/",
        ],
    ),
    ("semop", &["waits for a semaphore"]),
    ("select", &["select([3]): waits for data in pipe 1", "fd 4 of P1 itself"]),
    ("poll", &["poll([3]): waits for data in pipe 1", "fd 4 of P1 itself"]),
    ("epoll", &["epoll_wait(5): waits for data in pipe 1", "fd 4 of P1 itself"]),
    ("eventfd", &["waits for eventfd 1 to be above 0", "fd 3 of P1 itself"]),
    ("signalfd", &["read(3): waits for SIG"]),
    ("timerfd-unset", &["read(3): waits for a timer to expire"]),
    ("pidfd", &["poll([3]): waits for P1 to end"]),
    ("vfork", &["vfork(): waits for P2 to exec or end", "P2 is blocked in pause()"]),
    ("stopped", &["P1 is stopped, and nobody has continued it"]),
    ("stopped-child", &["wait4(P2): waits for P2 to end", "P2 is stopped"]),
    ("interval-over", &["pause(): waits for a signal"]),
    ("not-its-socket", &["P1 is blocked in recvfrom", "fd 4 of P2"]),
];

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    after: Duration,
}

/// A recording under way, in a temporary folder of its own.
struct Run {
    folder: tempfile::TempDir,
    began: Instant,
    started: Started,
}

impl Run {
    fn new(options: &[&str], program: &[&str]) -> Run {
        let folder = tempfile::tempdir().expect("there is room");
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        let patience = PATIENCE.as_secs_f64().to_string();
        command.args(["run", "--patience", &patience]).args(options);
        command.arg("--events").arg(folder.path().join("events"));
        command.arg("--").arg(env!("CARGO_BIN_EXE_recorder-hangs")).args(program);
        command.env("TMPDIR", folder.path());
        Run::of(command, folder)
    }

    fn of(command: Command, folder: tempfile::TempDir) -> Run {
        Run { folder, began: Instant::now(), started: Started::command(command) }
    }

    /// Lets pass more time than the recorder has patience: nothing else shows that it has none.
    fn pass(&self) {
        std::thread::sleep(2 * PATIENCE);
    }

    /// After that time, and after what the test does then.
    fn after_a_while(self, does: impl FnOnce()) -> Ended {
        self.pass();
        does();
        self.finish()
    }

    fn finish(self) -> Ended {
        let (status, stdout, stderr) = self.started.finish();
        drop(self.folder);
        Ended { code: status.code(), stdout, stderr, after: self.began.elapsed() }
    }
}

fn ended(options: &[&str], program: &[&str]) -> Ended {
    Run::new(options, program).finish()
}

/// Each, several at a time, since they wait most of the time.
#[track_caller]
fn each<T: Sync>(of: &[T], is_wrong: impl Fn(&T) -> Option<String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(one) = of.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(is_wrong(one));
        }
        wrong
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let workers = [0; 4].map(|_| scope.spawn(work));
        workers.into_iter().flat_map(|worker| worker.join().expect("it doesn't panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), of.len(), wrong.join("\n"));
}

/// Queues and semaphores stay when a process is killed: the program has told which one it was.
fn remove(name: &str, id: &str) {
    let Ok(id) = id.trim().parse::<i32>() else { return };
    match name {
        // SAFETY: removes what this test's program has made, and writes nothing.
        "msgrcv" => _ = unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) },
        // SAFETY: the same.
        _ => _ = unsafe { libc::semctl(id, 0, libc::IPC_RMID) },
    }
}

fn hang_in(options: &[&str]) {
    each(&HANGS, |&(name, expected)| {
        let ended = ended(options, &[name]);
        remove(name, &ended.stdout);
        let said = expected.iter().all(|words| ended.stderr.contains(words));
        let right = said && ended.code == Some(128 + libc::SIGKILL) && ended.after < DEADLINE / 3;
        (!right).then(|| format!("{name}: {:?}, {}", ended.code, ended.stderr))
    });
}

#[test]
fn what_hangs_is_told_and_ended() {
    hang_in(&[]);
}

#[test]
fn what_hangs_is_told_and_ended_in_free_order() {
    hang_in(&["--policy", "free"]);
}

#[test]
fn who_waits_for_time_does_not_hang() {
    const PROGRAMS: [&str; 12] = [
        "sleep",
        "poll-timeout",
        "futex-timeout",
        "sigwait-timeout",
        "socket-timeout",
        "semop-timeout",
        "alarm",
        "interval",
        "timer",
        "timerfd",
        "sleeping-child",
        "fifo-inside",
    ];
    each(&PROGRAMS, |name| {
        let ended = ended(&[], &[name]);
        let right = ended.code == Some(0) && ended.after > 2 * PATIENCE;
        (!right).then(|| format!("{name}: {:?}, {}", ended.code, ended.stderr))
    });
}

#[track_caller]
fn goes_on(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn who_reads_from_a_pipe_that_comes_from_outside_does_not_hang() {
    let mut run = Run::new(&[], &["stdin"]);
    run.pass();
    run.started.tell("x");
    goes_on(&run.finish());
}

#[test]
fn who_reads_from_a_terminal_does_not_hang() {
    // Not openpty(3), whose descriptors other tests' programs would inherit.
    let how = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let mut keyboard = posix_openpt(how).expect("there is room");
    grantpt(&keyboard).and_then(|()| unlockpt(&keyboard)).expect("it is ours");
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" run --patience 0.2 -- "$1" stdin < "$2""#]);
    command.args([env!("CARGO_BIN_EXE_recorder"), env!("CARGO_BIN_EXE_recorder-hangs")]);
    command.arg(ptsname_r(&keyboard).expect("it has a name"));
    let run = Run::of(command, tempfile::tempdir().expect("there is room"));
    run.pass();
    keyboard.write_all(b"\n").expect("it reads");
    goes_on(&run.finish());
}

#[test]
fn in_a_clean_room_nobody_is_at_the_terminal() {
    let ended = ended(&["--clean"], &["terminal"]);
    assert_eq!(ended.code, Some(128 + libc::SIGKILL));
    assert!(ended.stderr.contains("read(0): waits for something to read"), "{}", ended.stderr);
}

#[test]
fn who_waits_for_a_client_from_outside_does_not_hang() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("listener").display().to_string();
    let run = Run::new(&[], &["unix-client", &path]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| {
        let mut client = UnixStream::connect(&path).expect("it listens");
        client.write_all(b"x").expect("it reads");
    }));
    let name = format!("recorder-hangs-{}", std::process::id());
    let run = Run::new(&[], &["abstract-client", &name]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| {
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let mut client = UnixStream::connect_addr(&address).expect("it listens");
        client.write_all(b"x").expect("it reads");
        client.shutdown(Shutdown::Both).expect("it was connected");
    }));
    let path = folder.path().join("datagrams").display().to_string();
    let run = Run::new(&[], &["datagram-from-outside", &path]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| {
        let socket = UnixDatagram::unbound().expect("there is room");
        socket.send_to(b"x", &path).expect("it reads");
    }));
    let run = Run::new(&[], &["port-outside"]);
    let address = run.started.line_with("127.0.0.1:");
    goes_on(&run.after_a_while(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.send_to(b"x", address).expect("it reads");
    }));
}

#[test]
fn who_waits_for_a_process_or_a_lock_or_a_fifo_of_others_does_not_hang() {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().expect("it is there");
    let run = Run::new(&[], &["process-outside", &cat.id().to_string()]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| {
        drop(cat.stdin.take());
        cat.wait().expect("our child");
    }));
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("locked").display().to_string();
    let file = File::create(&path).expect("there is room");
    // SAFETY: numbers only.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
    let run = Run::new(&[], &["lock-outside", &path]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| drop(file)));
    let path = folder.path().join("fifo").display().to_string();
    mkfifo(path.as_str(), Mode::S_IRWXU).expect("there is room");
    let run = Run::new(&[], &["fifo-outside", &path]);
    run.started.line_with("ready");
    goes_on(&run.after_a_while(|| drop(File::options().write(true).open(&path))));
    fs::remove_file(path).expect("it is ours");
}

#[test]
fn who_runs_for_ever_is_ended_at_the_deadline_and_said_to_be_where() {
    let programs = ["spins", "asks-for-ever", "two-spin"];
    let all = programs.map(|name| ["run-to-block", "free"].map(|policy| (name, policy)));
    // By then it has begun, however busy the machine.
    each(all.as_flattened(), |(name, policy)| {
        let ended = ended(&["--deadline", "2", "--policy", policy], &[name]);
        let said = ended.stderr.contains("P1 still ran, at tests/programs/hangs/main.rs:");
        let right = said && ended.code == Some(128 + libc::SIGKILL) && ended.after < DEADLINE / 3;
        (!right).then(|| format!("{name}, {policy}: {:?}, {}", ended.code, ended.stderr))
    });
}

#[test]
fn at_the_deadline_it_is_said_who_waits_for_what() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("listener").display().to_string();
    let ended = ended(&["--deadline", "0.5"], &["unix-client", &path]);
    assert_eq!(ended.code, Some(128 + libc::SIGKILL));
    let waits = "P1 is blocked in accept4(3): waits for a connection on socket 1; it listens at /";
    assert!(ended.stderr.contains(waits), "{}", ended.stderr);
}
