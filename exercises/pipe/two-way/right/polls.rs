//! Nobody blocks: each of the two polls both pipes, and writes and reads what goes.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd as _;
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
    let (from_child, to_parent) = io::pipe()?;
    let (from_parent, to_child) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((from_child, to_child));
            let heard = talk(from_parent, to_parent, childs);
            std::process::exit(heard.map(|heard| report("child", &heard)).is_err().into())
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            report("parent", &talk(from_child, to_child, ours)?);
            waitpid(child, None)?;
            Ok(())
        }
    }
}

/// Says all of this and hears all that there is, in whatever order it goes.
fn talk(from: PipeReader, to: PipeWriter, mut words: &[u8]) -> io::Result<Vec<u8>> {
    fcntl(&to, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let (mut from, mut to, mut heard) = (Some(from), Some(to), Vec::new());
    loop {
        if words.is_empty() {
            to = None;
        }
        let mut wanted = Vec::new();
        wanted.extend(from.as_ref().map(|from| PollFd::new(from.as_fd(), PollFlags::POLLIN)));
        wanted.extend(to.as_ref().map(|to| PollFd::new(to.as_fd(), PollFlags::POLLOUT)));
        if wanted.is_empty() {
            return Ok(heard);
        }
        poll(&mut wanted, PollTimeout::NONE)?;
        let mut ready = wanted.iter().map(|it| it.any().unwrap_or_default());
        let can_read = from.is_some() && ready.next().unwrap_or_default();
        let can_write = to.is_some() && ready.next().unwrap_or_default();
        if let Some(reader) = from.as_mut().filter(|_| can_read) {
            let mut piece = [0; 4096];
            match reader.read(&mut piece)? {
                // An end is readable for ever: nobody asks for it again.
                0 => from = None,
                count => heard.extend_from_slice(&piece[..count]),
            }
        }
        if let Some(to) = to.as_mut().filter(|_| can_write) {
            words = &words[to.write(words)?..];
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
