//! Programs that wait for something that does come, if only from outside.

use std::io::{Read, Write, stdin};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;
use std::{env, fs, ptr, thread};

use nix::pty::openpty;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::unistd::{Pid, alarm, pause, read};

use super::locks::lock_file;
use super::{File, child, ends, fifo, pidfd, poll, timerfd};

/// Longer than the tests have patience.
const LONG: Duration = Duration::from_millis(500);

pub(super) fn run(name: &str) {
    let told = || env::args().nth(2).expect("the test says which");
    match name {
        "sleep" => thread::sleep(LONG),
        "poll-timeout" => poll(&ends().0, LONG.as_millis() as i32),
        "futex-timeout" => thread::park_timeout(LONG),
        "sigwait-timeout" => sigtimedwait(),
        "socket-timeout" => socket_timeout(),
        "semop-timeout" => semop_timeout(),
        "alarm" => _ = (alarm::set(1), catch(), pause()),
        "interval" => interval(),
        "timer" => posix_timer(),
        "timerfd" => timerfd(500),
        "sleeping-child" => _ = nix::sys::wait::waitpid(child(|| thread::sleep(LONG)), None),
        "stdin" => said(stdin().read(&mut [0])),
        "unix-client" => unix_client(&told()),
        "abstract-client" => abstract_client(&told()),
        "datagram-from-outside" => {
            let socket = UnixDatagram::bind(told()).expect("the test has room");
            println!("ready");
            said(socket.recv(&mut [0]));
        }
        "port-outside" => super::datagrams::from_outside(),
        "process-outside" => {
            let whose = Pid::from_raw(told().parse().expect("an id"));
            let pidfd = pidfd(whose);
            println!("ready");
            poll(&pidfd, -1);
        }
        "lock-outside" => {
            let file = File::open(told()).expect("the test has made it");
            println!("ready");
            lock_file(&file);
        }
        "fifo-outside" => {
            println!("ready");
            _ = File::open(told());
        }
        "fifo-inside" => fifo_inside(),
        other => panic!("no program `{other}`"),
    }
}

fn said(read: std::io::Result<usize>) {
    assert_eq!(read.expect("somebody speaks"), 1);
}

extern "C" fn nothing(_: libc::c_int) {}

fn catch() {
    // SAFETY: the handler does nothing.
    unsafe { signal(Signal::SIGALRM, SigHandler::Handler(nothing)) }.expect("it can be caught");
}

fn sigtimedwait() {
    let set = SigSet::from(Signal::SIGUSR1);
    set.thread_block().expect("it can be blocked");
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: LONG.subsec_nanos().into() };
    // SAFETY: set and timeout are variables of ours.
    unsafe { libc::sigtimedwait(set.as_ref(), ptr::null_mut(), &raw const timeout) };
}

fn socket_timeout() {
    let (mut one, _other) = UnixStream::pair().expect("there is room");
    one.set_read_timeout(Some(LONG)).expect("it is a time");
    assert!(one.read(&mut [0]).is_err());
}

fn semop_timeout() {
    // SAFETY: numbers only.
    let semaphore = unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o600) };
    let mut down = libc::sembuf { sem_num: 0, sem_op: -1, sem_flg: 0 };
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: LONG.subsec_nanos().into() };
    let (down, timeout) = (&raw mut down, &raw const timeout);
    // SAFETY: operation and timeout are variables of ours.
    unsafe { libc::syscall(libc::SYS_semtimedop, semaphore, down, 1, timeout) };
    // SAFETY: numbers only.
    unsafe { libc::semctl(semaphore, 0, libc::IPC_RMID) };
}

/// It rings three times, of which the program waits for the third.
fn interval() {
    catch();
    let time = libc::timeval { tv_sec: 0, tv_usec: 300_000 };
    let setting = libc::itimerval { it_interval: time, it_value: time };
    // SAFETY: the setting is a variable of ours.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const setting, ptr::null_mut()) };
    for _ in 0..3 {
        pause();
    }
}

/// A timer that was stopped doesn't ring.
pub(super) fn interval_over() {
    catch();
    let time = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    for time in [time, never] {
        let setting = libc::itimerval { it_interval: time, it_value: time };
        // SAFETY: the setting is a variable of ours.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const setting, ptr::null_mut()) };
        if time.tv_usec > 0 {
            pause();
        }
    }
    pause();
}

/// Both ends of a terminal are read, and it is nobody else's.
pub(super) fn terminal_inside() {
    let pty = openpty(None, None).expect("there is room for a terminal");
    child(|| _ = read(&pty.slave, &mut [0]));
    _ = read(&pty.master, &mut [0]);
}

fn posix_timer() {
    catch();
    // SAFETY: a sigevent is numbers, all of which may be zero.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    (event.sigev_notify, event.sigev_signo) = (libc::SIGEV_SIGNAL, libc::SIGALRM);
    let mut timer = ptr::null_mut();
    // SAFETY: both are variables of ours.
    unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let value = libc::timespec { tv_nsec: LONG.subsec_nanos().into(), ..zero };
    let setting = libc::itimerspec { it_interval: zero, it_value: value };
    // SAFETY: the timer was just made, and the setting is a variable of ours.
    unsafe { libc::timer_settime(timer, 0, &raw const setting, ptr::null_mut()) };
    pause();
}

fn unix_client(path: &str) {
    let listener = UnixListener::bind(path).expect("the test has room");
    println!("ready");
    said(listener.accept().expect("a client").0.read(&mut [0]));
}

fn abstract_client(name: &str) {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).expect("a short name");
    let listener = UnixListener::bind_addr(&address).expect("nobody has it");
    println!("ready");
    said(listener.accept().expect("a client").0.read(&mut [0]));
}

/// Two that open the same FIFO, one after the other.
fn fifo_inside() {
    let path = fifo();
    child(|| {
        thread::sleep(LONG);
        let mut writer = File::options().write(true).open(&path).expect("it is there");
        writer.write_all(b"x").expect("somebody reads");
    });
    said(File::open(&path).expect("it is there").read(&mut [0]));
    fs::remove_file(path).expect("it is ours");
}
