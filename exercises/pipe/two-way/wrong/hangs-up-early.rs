//! Each polls, and takes POLLHUP for the end of what is to be heard: the rest is still in the pipe.
//! Told: "the POLLHUP of a poll"

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pipe2, read, write};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(size) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("two-way: expected a number of bytes, such as 1048576");
        return ExitCode::from(2);
    };
    match exchange(&vec![b'p'; size], &vec![b'c'; size]) {
        Ok(()) => {
            eprintln!("the child has ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("two-way: {error}");
            ExitCode::from(2)
        }
    }
}

fn exchange(ours: &[u8], childs: &[u8]) -> io::Result<()> {
    let (from_parent, to_child) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    let (from_child, to_parent) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((to_child, from_child));
            report("child", &talk(&from_parent, to_parent, childs)?);
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            let heard = talk(&from_child, to_child, ours)?;
            waitpid(child, None)?;
            report("parent", &heard);
            Ok(())
        }
    }
}

fn talk(from: &OwnedFd, to: OwnedFd, mut words: &[u8]) -> io::Result<Vec<u8>> {
    let mut to = Some(to);
    let (mut heard, mut piece) = (Vec::new(), vec![0; 65536]);
    loop {
        let mut wanted = vec![PollFd::new(from.as_fd(), PollFlags::POLLIN)];
        wanted.extend(to.as_ref().map(|to| PollFd::new(to.as_fd(), PollFlags::POLLOUT)));
        poll(&mut wanted, PollTimeout::NONE)?;
        let found = wanted[0].revents().unwrap_or(PollFlags::empty());
        if let Some(end) = &to {
            match write(end, words) {
                Ok(count) => words = &words[count..],
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            if words.is_empty() {
                to = None;
            }
        }
        if found.contains(PollFlags::POLLHUP) && to.is_none() {
            return Ok(heard);
        }
        match read(from, &mut piece) {
            Ok(count) => heard.extend_from_slice(&piece[..count]),
            Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says what somebody has heard: how many bytes of each letter.
fn report(who: &str, heard: &[u8]) {
    let mut letters = BTreeMap::new();
    for byte in heard {
        *letters.entry(char::from(*byte)).or_insert(0) += 1;
    }
    let letters: Vec<_> =
        letters.iter().map(|(letter, count)| format!("{count} x {letter}")).collect();
    println!("the {who} heard {}", letters.join(" and "));
}
