//! Programs in which several processes sleep at one descriptor, where the kernel wakes them all.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigHandler, Signal, kill};
use nix::sys::wait::{WaitStatus, wait, waitpid};
use nix::unistd::{Pid, read};

use crate::{catch, child, ends, injected, on};

pub(crate) fn run(name: &str) {
    match name {
        "queue-at-counter" => at_counter(),
        "queue-at-stream" => at_stream(),
        "signals-in-queue" => signals(),
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
        nix::unistd::close(std::os::fd::AsRawFd::as_raw_fd(&here)).expect("it is open");
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
        nix::unistd::close(std::os::fd::AsRawFd::as_raw_fd(&here)).expect("it is open");
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
