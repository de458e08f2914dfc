//! What the recorder's tests record: each argument names a short program.

mod channels;
mod execs;
mod injected;
mod kills;
mod queues;
mod terminals;

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, wait, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, close, fork, getpid, getppid, pause};

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().unwrap_or_default().as_str() {
        "exit" => exit(args.next().and_then(|code| code.parse().ok()).unwrap_or_default()),
        "kill-self" => raise(Signal::SIGKILL).expect("it may"),
        "pipe" => pipe_to_child(),
        "handler" => handler(),
        "vfork" => assert!(Command::new("/bin/true").status().expect("it is there").success()),
        "threads" => threads(),
        "exec" => panic!("{}", Command::new("/proc/self/exe").args(["exit", "3"]).exec()),
        "exec-in-thread" => exec_in_thread(),
        "real-time" => real_time(),
        "stop" => stop(),
        "orphan" => orphan(),
        "ignore-children" => ignore_children(),
        "hang" => hang(),
        "listen" => listen(),
        "alarm" => _ = (alarm::set(1), pause()),
        "spin" => spin(),
        "race" => race(),
        "storm" => storm(),
        "threads-exit" => threads_exit(),
        "stops" => stops(),
        "no-zombies" => no_zombies(),
        "group" => kills::terminate_group(),
        "kill-group" => kills::group(),
        "kill-own-group" => kills::own_group(0),
        "kill-own-group-by-id" => kills::own_group(getpid().as_raw()),
        "kill-stopped" => kills::stopped(),
        "crowd" => crowd(),
        "makes-threads" => makes(|| thread::spawn(|| ()).join().expect("it ends")),
        "makes-processes" => makes(|| _ = waitpid(child(|| ()), None)),
        "hears-keys" => hears_keys(),
        "passes" => passes(),
        "terminal" => terminals::echoes(),
        other => queues::run(other),
    }
}

/// Forks; the child never comes back.
pub(crate) fn child(does: impl FnOnce()) -> Pid {
    // SAFETY: this program has one thread whenever it forks.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            does();
            exit(0)
        }
    }
}

pub(crate) fn ends() -> (PipeReader, PipeWriter) {
    pipe().expect("there is room for a pipe")
}

fn pipe_to_child() {
    let (mut reader, mut writer) = ends();
    let child = child(|| writer.write_all(b"hello").expect("somebody reads"));
    drop(writer);
    let mut message = String::new();
    reader.read_to_string(&mut message).expect("it can read");
    assert_eq!(message, "hello");
    waitpid(child, None).expect("our child");
}

static CAUGHT: AtomicBool = AtomicBool::new(false);

pub(crate) extern "C" fn catch(_: libc::c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
}

pub(crate) fn on(signal: Signal, handler: SigHandler, flags: SaFlags) {
    let action = SigAction::new(handler, flags, SigSet::empty());
    // SAFETY: the handler only sets a flag.
    unsafe { sigaction(signal, &action) }.expect("the signal can be caught");
}

/// A child's signal interrupts a read, which EINTR ends, and then one that begins again by itself.
fn handler() {
    for flags in [SaFlags::empty(), SaFlags::SA_RESTART] {
        on(Signal::SIGUSR1, SigHandler::Handler(catch), flags);
        let (mut reader, writer) = ends();
        let child = child(|| {
            kill(getppid(), Signal::SIGUSR1).expect("our parent");
            drop(writer.try_clone());
        });
        drop(writer);
        let read = reader.read(&mut [0]);
        assert!(CAUGHT.swap(false, Ordering::Relaxed), "{read:?}");
        waitpid(child, None).expect("our child");
    }
}

fn threads() {
    let (mut reader, mut writer) = ends();
    let thread = thread::spawn(move || reader.read(&mut [0; 8]));
    writer.write_all(b"hi").expect("the thread reads");
    assert_eq!(thread.join().expect("it doesn't panic").expect("it can read"), 2);
}

fn exec_in_thread() {
    let (mut reader, _writer) = ends();
    thread::spawn(|| panic!("{}", Command::new("/proc/self/exe").args(["exit", "4"]).exec()));
    _ = reader.read(&mut [0]);
}

/// Queued twice while blocked, a real-time signal comes twice.
fn real_time() {
    let signal = libc::SIGRTMIN() + 3;
    // SAFETY: the set is a variable of ours, and the call queues to this process itself.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::signal(signal, catch as *const () as libc::sighandler_t);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        let value = libc::sigval { sival_ptr: std::ptr::null_mut() };
        for _ in 0..2 {
            assert_eq!(libc::sigqueue(libc::getpid(), signal, value), 0);
        }
        libc::sigprocmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
    }
    assert!(CAUGHT.load(Ordering::Relaxed));
}

fn stop() {
    let child = child(|| raise(Signal::SIGSTOP).expect("it may"));
    let stopped = waitpid(child, Some(WaitPidFlag::WUNTRACED));
    assert_eq!(stopped, Ok(WaitStatus::Stopped(child, Signal::SIGSTOP)));
    kill(child, Signal::SIGCONT).expect("our child");
    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
}

/// The grandchild goes on when its parent has ended, until ours closes a pipe.
fn orphan() {
    let (mut reader, writer) = ends();
    let (mut its_end, its_writer) = ends();
    let parent = child(|| {
        child(|| {
            // Those that its parents have are copies, and its own must not hold it up.
            _ = close(writer.as_raw_fd());
            _ = reader.read(&mut [0]);
        });
    });
    drop(its_writer);
    waitpid(parent, None).expect("our child");
    drop(writer);
    _ = its_end.read(&mut [0]);
}

fn ignore_children() {
    on(Signal::SIGCHLD, SigHandler::SigIgn, SaFlags::empty());
    child(|| ());
    assert_eq!(wait(), Err(Errno::ECHILD));
}

/// Each waits for the other: the child for the pipe's end, whose write end it holds itself.
fn hang() {
    let (mut reader, writer) = ends();
    let child = child(|| _ = (reader.read(&mut [0]), &writer));
    drop(writer.try_clone());
    waitpid(child, None).expect("our child");
}

/// Waits for somebody who is not there yet, from outside.
fn listen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    println!("{}", listener.local_addr().expect("it has an address").port());
    listener.accept().expect("somebody comes");
}

/// Asks again and again what only the child can change.
fn spin() {
    let child = child(|| ());
    while waitpid(child, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {}
}

/// Two children and their parent write into one pipe.
fn race() {
    let (mut reader, mut writer) = ends();
    for letter in [b'a', b'b'] {
        child(|| writer.write_all(&[letter]).expect("the parent reads"));
    }
    writer.write_all(b"p").expect("we read");
    drop(writer);
    let mut order = String::new();
    reader.read_to_string(&mut order).expect("it can read");
    while wait().is_ok() {}
    println!("{order}");
}

/// Processes that fork, exec and end in each other's way.
fn storm() {
    for _ in 0..4 {
        child(|| {
            for _ in 0..2 {
                child(|| panic!("{}", Command::new("/bin/true").exec()));
            }
            while wait().is_ok() {}
        });
    }
    while wait().is_ok() {}
}

/// The process ends while its threads sleep.
fn threads_exit() {
    let (reader, _writer) = ends();
    for _ in 0..3 {
        let mut reader = reader.try_clone().expect("there is room");
        thread::spawn(move || reader.read(&mut [0]));
    }
    assert_ne!(getpid(), getppid());
}

/// Processes that sleep, one with threads, one that is stopped, one that runs for ever.
fn crowd() {
    let stopped = child(|| raise(Signal::SIGSTOP).expect("it may"));
    waitpid(stopped, Some(WaitPidFlag::WUNTRACED)).expect("our child");
    let sleeps = child(pause);
    let threads = child(|| {
        (0..3).for_each(|_| drop(thread::spawn(pause)));
        pause();
    });
    let orphan = child(|| {
        let own = getpid();
        child(|| {
            loop {
                std::hint::spin_loop();
            }
        });
        assert_eq!(own, getpid());
    });
    waitpid(orphan, None).expect("our child");
    println!("crowd {} {stopped} {sleeps} {threads}", getpid());
    loop {
        std::hint::spin_loop();
    }
}

/// Three processes that make somebody, again and again.
fn makes(one: impl Fn()) {
    let pids = [(); 3].map(|()| {
        child(|| {
            loop {
                one()
            }
        })
    });
    println!("crowd {}", pids.map(|pid| pid.to_string()).join(" "));
    wait().expect("our child");
}

/// Goes on after each Ctrl-C.
fn hears_keys() {
    on(Signal::SIGINT, SigHandler::Handler(catch), SaFlags::empty());
    SigSet::from(Signal::SIGINT).thread_block().expect("it can be blocked");
    println!("ready");
    // Else it would be ended because it hangs.
    alarm::set(60);
    loop {
        SigSet::empty().suspend().expect("a signal has come");
        println!("heard");
    }
}

/// A child is passed one end of a pipe in a message, and writes to it.
fn passes() {
    use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::{FromRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    let (here, there) = UnixStream::pair().expect("there is room");
    let child = child(|| {
        let (mut byte, mut space) = ([0], nix::cmsg_space!([i32; 1]));
        let mut pieces = [IoSliceMut::new(&mut byte)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(there.as_raw_fd(), &mut pieces, Some(&mut space), flags);
        let message = message.expect("there is a message");
        let passed = message.cmsgs().expect("there was room").find_map(|passed| match passed {
            ControlMessageOwned::ScmRights(passed) => passed.first().copied(),
            _ => None,
        });
        // SAFETY: the descriptor has come with the message, and nobody else knows it.
        let writer = unsafe { OwnedFd::from_raw_fd(passed.expect("one was passed")) };
        nix::unistd::write(&writer, b"hello").expect("somebody reads");
    });
    let (mut reader, writer) = ends();
    let passed = [writer.as_raw_fd()];
    let passed = [ControlMessage::ScmRights(&passed)];
    let (socket, flags) = (here.as_raw_fd(), MsgFlags::empty());
    sendmsg::<()>(socket, &[IoSlice::new(b"x")], &passed, flags, None).expect("it is connected");
    drop(writer);
    let mut message = String::new();
    reader.read_to_string(&mut message).expect("it can read");
    assert_eq!(message, "hello");
    waitpid(child, None).expect("our child");
}

/// Stopped by each signal that can, and continued each time.
fn stops() {
    for signal in [Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU] {
        let child = child(|| raise(signal).expect("it may"));
        let stopped = waitpid(child, Some(WaitPidFlag::WUNTRACED));
        assert_eq!(stopped, Ok(WaitStatus::Stopped(child, signal)));
        kill(child, Signal::SIGCONT).expect("our child");
        let continued = waitpid(child, Some(WaitPidFlag::WCONTINUED));
        assert_eq!(continued, Ok(WaitStatus::Continued(child)));
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
    }
}

/// SIGCHLD comes, and yet nobody is left to be waited for.
fn no_zombies() {
    on(Signal::SIGCHLD, SigHandler::Handler(catch), SaFlags::SA_NOCLDWAIT | SaFlags::SA_RESTART);
    child(|| ());
    assert_eq!(wait(), Err(Errno::ECHILD));
    assert!(CAUGHT.load(Ordering::Relaxed));
}
