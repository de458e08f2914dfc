//! Programs that meet with faults, and go on rightly or in one of the wrong ways.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{dup2_stdout, read, write};
use std::fs::File;
use std::io::{stdin, stdout};
use std::os::fd::{AsFd as _, IntoRawFd as _};
use std::process::exit;

/// Reads standard input to its end, or thinks that it does.
pub(crate) fn reads(how: &str) {
    let mut buffer = [0; 64];
    loop {
        match (read(stdin(), &mut buffer), how) {
            (Ok(0), _) => break,
            (Ok(count), "once") if count < buffer.len() => break,
            (Ok(_), _) => {}
            (Err(Errno::EINTR), "again") | (Err(_), "for-ever") => {}
            (Err(Errno::EAGAIN), "waits") => {
                let input = stdin();
                let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
                poll(&mut wanted, PollTimeout::NONE).expect("poll");
            }
            (Err(_), _) => exit(1),
        }
    }
}

/// Writes all of a text to standard output, or thinks that it does.
pub(crate) fn writes(how: &str) {
    let text = b"the quick brown fox jumps over the lazy dog";
    let mut from = 0;
    eprintln!("a remark, which is no part of it");
    while from < text.len() {
        let count = write(stdout(), &text[from..]).expect("write");
        from += match how {
            "all" => count,
            "skips" if from == 0 => count + 3,
            "twice" if from == 0 => {
                write(stdout(), text).expect("write");
                text.len()
            }
            _ => text.len(),
        };
    }
}

/// Opens a file when no number is free, perhaps.
pub(crate) fn opens(how: &str) {
    let mut spare = Some(File::open("/dev/null").expect("/dev/null"));
    let mut asked = 0;
    while File::open("/dev/zero").is_err() {
        asked += 1;
        match how {
            "closes" => drop(spare.take()),
            "spins" if asked < 10 => {}
            _ => exit(1),
        }
    }
}

/// Leads standard output to a file, and perhaps keeps the other number of it.
pub(crate) fn leads(how: &str) {
    let null = File::options().write(true).open("/dev/null").expect("/dev/null");
    dup2_stdout(&null).expect("dup2");
    if how == "leaks" {
        let _ = null.into_raw_fd();
    }
}
