//! A client of a server that is graded: it waits for an answer as long as the server has a processor to give it.

use crate::Running;
use crate::clock::Clock;
use crate::fds::wait_for;
use crate::starved::{move_on, of_the_run};
use nix::poll::{PollFd, PollFlags};
use nix::unistd::Pid;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A connection to a program that runs. Reading from it fails with [`io::ErrorKind::TimedOut`] when nothing has come for some time,
/// in which the program could have answered: while it wants to run and others have the processors, the time does not pass.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    patience: Duration,
    supervisor: Pid,
    program: Pid,
}

impl Running {
    /// A client of this program, which waits so long for each answer.
    #[must_use]
    pub fn client(&self, stream: UnixStream, patience: Duration) -> Client {
        Client { stream, patience, supervisor: self.supervisor, program: self.program }
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut clock = Clock::new(self.patience);
        while !wait_for(&mut [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)], clock.pause()) {
            if clock.left().is_zero()
                && !move_on(&mut clock, of_the_run(self.supervisor, self.program).into_iter())
            {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.stream.read(buffer)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
