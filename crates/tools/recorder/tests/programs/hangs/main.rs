//! Programs that hang, and programs that only look like it: each argument names one.

mod datagrams;
mod locks;
mod seems;
mod threads;

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::{Barrier, Mutex};
use std::{env, fs, ptr, thread};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, mkfifo, pause};

fn main() {
    let name = env::args().nth(1).unwrap_or_default();
    match name.as_str() {
        "own-write-end" => _ = ends().0.read(&mut [0]),
        "full-pipe" => fill(&mut ends().1),
        "two-full-pipes" => two_full_pipes(),
        "child-that-waits" => child_that_waits(),
        "unlinked-listener" => _ = unlinked().accept(),
        "tcp-pair" => tcp_pair(),
        "not-accepted" => not_accepted(),
        "backlog" => backlog(),
        "own-peer" => own_peer(),
        "datagram" => _ = UnixDatagram::unbound().expect("a socket").recv(&mut [0]),
        "no-port" => datagrams::without_a_port(),
        "own-port" => datagrams::from_itself(),
        "mutex" => own_mutex(),
        "two-mutexes" => two_mutexes(),
        "join" => threads::joins(),
        "robust" => threads::robust(),
        "shared-lock" => threads::shared_lock(),
        "channel" => threads::channel(),
        "semaphore" => threads::semaphore(),
        "pause" => pause(),
        "sigsuspend" => _ = SigSet::all().suspend(),
        "sigwait" => _ = SigSet::from(Signal::SIGUSR1).wait(),
        "flock" => locks::own(),
        "flock-child" => locks::of_a_child(),
        "flock-cycle" => locks::crosswise(),
        "fcntl" => locks::of_a_process(),
        "fcntl-cycle" => locks::bytes_crosswise(),
        "fifo" => _ = File::open(fifo()),
        "fifo-read" => fifo_read(),
        "msgrcv" => msgrcv(),
        "mq" => datagrams::in_a_queue(),
        "terminal-inside" => seems::terminal_inside(),
        "semop" => semop(),
        "select" => select(&ends()),
        "poll" => poll(&ends().0, -1),
        "epoll" => epoll(),
        "eventfd" => _ = EventFd::new().expect("a counter").read(),
        "signalfd" => signalfd(),
        "timerfd-unset" => timerfd(0),
        "pidfd" => poll(&pidfd(getpid()), -1),
        "vfork" => vfork(),
        "stopped" => raise(Signal::SIGSTOP).expect("it may"),
        "stopped-child" => _ = waitpid(child(|| raise(Signal::SIGSTOP).expect("it may")), None),
        "terminal" => _ = [0; 2].map(|_| std::io::stdin().read(&mut [0])),
        "interval-over" => seems::interval_over(),
        "not-its-socket" => not_its_socket(),
        "two-spin" => {
            child(spin);
            spin();
        }
        "spins" => spin(),
        "asks-for-ever" => while getpid() != Pid::from_raw(0) {},
        other => seems::run(other),
    }
}

fn spin() {
    loop {
        std::hint::spin_loop();
    }
}

/// Forks; the child never comes back.
fn child(does: impl FnOnce()) -> Pid {
    // SAFETY: whoever forks here has one thread.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            does();
            std::process::exit(0)
        }
    }
}

fn ends() -> (PipeReader, PipeWriter) {
    pipe().expect("there is room for a pipe")
}

/// Writes more than a pipe holds.
fn fill(writer: &mut PipeWriter) {
    _ = writer.write_all(&[0; 1 << 17]);
}

/// Each writes until the other reads, and then it would read.
fn two_full_pipes() {
    let ((mut there, mut to_there), (mut here, mut to_here)) = (ends(), ends());
    child(|| {
        fill(&mut to_here);
        _ = there.read(&mut [0]);
    });
    fill(&mut to_there);
    _ = here.read(&mut [0]);
}

/// The child waits until a pipe ends, which its parent keeps open while it waits for the child.
fn child_that_waits() {
    let (mut reader, writer) = ends();
    let child = child(|| {
        // SAFETY: the number only: the parent has its own.
        unsafe { libc::close(writer.as_raw_fd()) };
        _ = reader.read(&mut [0]);
    });
    _ = waitpid(child, None);
}

/// Somewhere in the temporary folder, where nothing is yet.
fn somewhere(name: &str) -> String {
    let path = env::temp_dir().join(format!("{name}-{}", getpid()));
    path.to_str().expect("a path that can be shown").into()
}

fn unlinked() -> UnixListener {
    let path = somewhere("hangs-listener");
    let listener = UnixListener::bind(&path).expect("there is room");
    fs::remove_file(path).expect("it is ours");
    listener
}

/// Server and client both wait for the other to speak.
fn tcp_pair() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it has one");
    child(|| {
        let mut client = std::net::TcpStream::connect(address).expect("it listens");
        _ = client.read(&mut [0]);
    });
    let (mut client, _) = listener.accept().expect("a client");
    _ = client.read(&mut [0]);
}

/// A client waits for an answer from who has not accepted it, and waits for it to end.
fn not_accepted() {
    let path = somewhere("hangs-server");
    let _listener = UnixListener::bind(&path).expect("there is room");
    let client = child(|| {
        let mut stream = UnixStream::connect(&path).expect("it listens");
        fs::remove_file(&path).expect("it is ours");
        _ = stream.read(&mut [0]);
    });
    _ = waitpid(client, None);
}

/// It connects to itself until there is no more room for connections.
fn backlog() {
    let path = somewhere("hangs-backlog");
    let listener = UnixListener::bind(&path).expect("there is room");
    // SAFETY: numbers only. A second time, it changes how many may wait.
    unsafe { libc::listen(listener.as_raw_fd(), 0) };
    let _first = UnixStream::connect(&path);
    _ = UnixStream::connect(&path);
}

fn own_peer() {
    let (mut one, _other) = UnixStream::pair().expect("there is room");
    _ = one.read(&mut [0]);
}

/// A child holds the other end, and waits itself.
fn not_its_socket() {
    let (mut one, other) = UnixStream::pair().expect("there is room");
    child(|| {
        drop(other.try_clone());
        pause();
    });
    drop(other);
    _ = one.read(&mut [0]);
}

fn own_mutex() {
    let mutex = Mutex::new(());
    let _held = mutex.lock();
    drop(mutex.lock());
}

/// Two threads take two locks, each in its own order.
fn two_mutexes() {
    let (locks, both) = ([Mutex::new(()), Mutex::new(())], Barrier::new(2));
    let take = |first: usize| {
        let _first = locks[first].lock();
        both.wait();
        drop(locks[1 - first].lock());
    };
    thread::scope(|scope| {
        scope.spawn(|| take(0));
        take(1);
    });
}

fn fifo() -> String {
    let path = somewhere("hangs-fifo");
    mkfifo(path.as_str(), Mode::S_IRWXU).expect("there is room");
    path
}

/// It is opened for both, and so has a writer for ever.
fn fifo_read() {
    let path = fifo();
    let mut both = File::options().read(true).write(true).open(&path).expect("it is there");
    fs::remove_file(path).expect("it is ours");
    _ = both.read(&mut [0]);
}

fn msgrcv() {
    // SAFETY: numbers only.
    let queue = unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) };
    println!("{queue}"); // it outlives us
    let mut message = [0_u64; 2];
    // SAFETY: there is room for the type and 8 bytes.
    unsafe { libc::msgrcv(queue, message.as_mut_ptr().cast(), 8, 0, 0) };
}

fn semop() {
    // SAFETY: numbers only.
    let semaphore = unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o600) };
    println!("{semaphore}"); // it outlives us
    let mut down = libc::sembuf { sem_num: 0, sem_op: -1, sem_flg: 0 };
    // SAFETY: the operation is a variable of ours.
    unsafe { libc::semop(semaphore, &raw mut down, 1) };
}

fn select((reader, _writer): &(PipeReader, PipeWriter)) {
    let mut set = nix::sys::select::FdSet::new();
    set.insert(std::os::fd::AsFd::as_fd(reader));
    _ = nix::sys::select::select(None, &mut set, None, None, None);
}

/// Polls for something to read; -1: as long as it takes.
fn poll(on: &impl AsRawFd, timeout: i32) {
    let mut polled = libc::pollfd { fd: on.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the structure is a variable of ours.
    unsafe { libc::poll(&raw mut polled, 1, timeout) };
}

fn epoll() {
    let (reader, _writer) = ends();
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("there is room");
    epoll.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, 1)).expect("it can be watched");
    _ = epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE);
}

fn signalfd() {
    let signals = SigSet::from(Signal::SIGUSR1);
    signals.thread_block().expect("it can be blocked");
    let file = SignalFd::with_flags(&signals, SfdFlags::empty()).expect("there is room");
    _ = file.read_signal();
}

/// Reads a timer that rings after so many milliseconds, or never.
fn timerfd(milliseconds: i64) {
    // SAFETY: numbers only.
    let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, 0) };
    let value = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    let setting =
        libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    // SAFETY: the setting is a variable of ours, and nobody asks for the old one.
    unsafe { libc::timerfd_settime(timer, 0, &raw const setting, ptr::null_mut()) };
    // SAFETY: the descriptor is new, and nobody else knows it.
    let timer = unsafe { OwnedFd::from_raw_fd(timer) };
    _ = nix::unistd::read(&timer, &mut [0; 8]);
}

fn pidfd(whose: Pid) -> OwnedFd {
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, whose.as_raw(), 0) };
    // SAFETY: the descriptor is new, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(pidfd as i32) }
}

/// The child has its parent's memory, and the parent must wait.
fn vfork() {
    // SAFETY: the child makes one call, and never comes back.
    let flags = (libc::CLONE_VFORK | libc::SIGCHLD) as libc::c_ulong;
    // SAFETY: without CLONE_VM the child has a copy of the memory, and of the stack, as after fork.
    if unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } == 0 {
        pause();
    }
}
