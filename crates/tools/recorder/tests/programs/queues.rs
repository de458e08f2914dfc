//! Programs in which several processes sleep at one descriptor, where the kernel wakes them all, or one at several; or for a time.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::select::{FdSet, select};
use nix::sys::signal::{SaFlags, SigHandler, SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, wait, waitpid};
use nix::unistd::{Pid, close, getppid, read};

use crate::{catch, child, ends, injected, on};

pub(crate) fn run(name: &str) {
    match name {
        "queue-at-counter" => at_counter(),
        "queue-at-stream" => at_stream(),
        "signals-in-queue" => signals(),
        "polls-an-end" => polls_an_end(),
        "sleepers" => sleepers(),
        "asks-for-a-sleeper" => asks_for_a_sleeper(),
        "asks-once" => asks_once(),
        other => injected::run(other),
    }
}

/// Makes four children that do this, each when it has said that it is there.
fn four(does: impl Fn()) -> [Pid; 4] {
    let (mut there, mut says) = ends();
    let children = [(); 4].map(|()| {
        child(|| {
            says.write_all(b"x").expect("the parent reads");
            does();
        })
    });
    there.read_exact(&mut [0; 4]).expect("all come");
    children
}

/// Each takes the one that the counter has, and gives it back.
fn at_counter() {
    let counter = EventFd::from_value_and_flags(0, EfdFlags::EFD_SEMAPHORE).expect("there is room");
    four(|| {
        for _ in 0..2 {
            assert_eq!(counter.read(), Ok(1));
            println!("in");
            counter.write(1).expect("it fits");
        }
    });
    counter.write(1).expect("it fits");
    while wait().is_ok() {}
}

/// Each gets a byte of three, or the end.
fn at_stream() {
    let (mut here, there) = UnixStream::pair().expect("there is room");
    four(|| {
        // The parent's end is the only one then.
        close(here.as_raw_fd()).expect("it is open");
        let mut byte = [0];
        while read(&there, &mut byte).expect("it can be read") == 1 {
            println!("{}", char::from(byte[0]));
        }
    });
    here.write_all(b"abc").expect("somebody reads");
    drop(here);
    while wait().is_ok() {}
}

/// Who waits behind others is interrupted, stopped and killed as if it slept.
fn signals() {
    on(Signal::SIGUSR1, SigHandler::Handler(catch), SaFlags::empty());
    on(Signal::SIGUSR2, SigHandler::Handler(catch), SaFlags::SA_RESTART);
    let (here, there) = UnixStream::pair().expect("there is room");
    let [first, interrupted, goes_on, killed] = four(|| {
        close(here.as_raw_fd()).expect("it is open");
        match read(&there, &mut [0]) {
            Ok(0) => (),
            Err(Errno::EINTR) => std::process::exit(4),
            other => panic!("{other:?}"),
        }
    });
    kill(killed, Signal::SIGKILL).expect("our child");
    assert_eq!(waitpid(killed, None), Ok(WaitStatus::Signaled(killed, Signal::SIGKILL, false)));
    kill(goes_on, Signal::SIGUSR2).expect("our child");
    kill(interrupted, Signal::SIGUSR1).expect("our child");
    assert_eq!(waitpid(interrupted, None), Ok(WaitStatus::Exited(interrupted, 4)));
    drop(here);
    for child in [first, goes_on] {
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
    }
}

/// A child's end closes both pipes that its parent asks about, and tells the parent of it: by then, both are at their end.
fn polls_an_end() {
    for handler in [SigHandler::SigDfl, SigHandler::Handler(catch)] {
        on(Signal::SIGCHLD, handler, SaFlags::empty());
        for ask in [by_poll, by_ppoll, by_select, by_epoll] {
            let ((one, its), (other, others), (mut waits, go)) = (ends(), ends(), ends());
            child(|| {
                close(go.as_raw_fd()).expect("it is open");
                assert_eq!(waits.read(&mut [0]).expect("it can read"), 0);
            });
            drop((its, others, waits));
            child(|| ()); // Its end lets the other one go.
            drop(go);
            let mut ready = Err(Errno::EINTR);
            while ready == Err(Errno::EINTR) {
                ready = ask([one.as_fd(), other.as_fd()]);
            }
            println!("{}", ready.expect("it can ask"));
            while wait() != Err(Errno::ECHILD) {}
        }
    }
}

fn by_poll(fds: [BorrowedFd; 2]) -> nix::Result<i32> {
    poll(&mut fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)), PollTimeout::NONE)
}

fn by_ppoll(fds: [BorrowedFd; 2]) -> nix::Result<i32> {
    let mut fds = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    ppoll(&mut fds, None, Some(SigSet::empty()))
}

fn by_select(fds: [BorrowedFd; 2]) -> nix::Result<i32> {
    let mut set = FdSet::new();
    fds.into_iter().for_each(|fd| set.insert(fd));
    select(None, &mut set, None, None, None)
}

fn by_epoll(fds: [BorrowedFd; 2]) -> nix::Result<i32> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for fd in fds {
        epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    }
    Ok(epoll.wait(&mut [EpollEvent::empty(); 2], EpollTimeout::NONE)? as i32)
}

/// Some sleep for a moment, which is over while others work.
fn sleepers() {
    for milliseconds in [3, 1, 2] {
        child(|| {
            sleep(Duration::from_millis(milliseconds));
            println!("slept {milliseconds}");
        });
    }
    for _ in 0..2 {
        child(|| {
            works();
            println!("worked");
        });
    }
    while wait().is_ok() {}
}

/// For longer than those who sleep for a moment.
fn works() {
    for _ in 0..300 {
        assert_ne!(getppid(), Pid::from_raw(0));
    }
}

/// Its child sleeps for as long as it asks.
fn asks_for_a_sleeper() {
    let child = child(|| sleep(Duration::from_millis(1)));
    while waitpid(child, Some(WaitPidFlag::WNOHANG)) == Ok(WaitStatus::StillAlive) {}
}

/// In the midst of its work, it asks whether its child has slept.
fn asks_once() {
    let child = child(|| {
        sleep(Duration::from_millis(1));
        println!("slept");
    });
    works();
    assert_eq!(waitpid(child, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive));
    println!("worked");
    assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0)));
}
