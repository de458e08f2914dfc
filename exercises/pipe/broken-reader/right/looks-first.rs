//! Asks by poll whether the reader is still there, and doesn't rely on it.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;
use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("broken-reader: expected a number of lines, such as 1000000");
        return ExitCode::from(2);
    };
    match say_lines(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("broken-reader: {error}");
            ExitCode::from(2)
        }
    }
}

fn say_lines(count: u64) -> io::Result<()> {
    let output = io::stdout();
    for number in 1..=count {
        let line = format!("line {number}\n");
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let mut wanted = [PollFd::new(output.as_fd(), PollFlags::POLLOUT)];
            poll(&mut wanted, PollTimeout::NONE)?;
            if wanted[0].revents().is_some_and(|found| found.contains(PollFlags::POLLERR)) {
                return Ok(());
            }
            match write(output.as_fd(), rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(Errno::EPIPE) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
