//! A pair of sockets, which goes both ways, and poll, which says when there is something to read or room to write.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
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
    let (parents_end, childs_end) = UnixStream::pair()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(parents_end);
            std::process::exit(i32::from(talk("child", childs_end, childs).is_err()));
        }
        ForkResult::Parent { child } => {
            drop(childs_end);
            let talked = talk("parent", parents_end, ours);
            waitpid(child, None)?;
            talked
        }
    }
}

fn talk(who: &str, mut end: UnixStream, mut words: &[u8]) -> io::Result<()> {
    end.set_nonblocking(true)?;
    let (mut heard, mut buffer) = (Vec::new(), vec![0; 1 << 15]);
    loop {
        let room = if words.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let mut wanted = [PollFd::new(end.as_fd(), PollFlags::POLLIN | room)];
        poll(&mut wanted, PollTimeout::NONE)?;
        let found = wanted[0].revents().unwrap_or(PollFlags::empty());
        if found.contains(PollFlags::POLLOUT) {
            words = &words[end.write(words)?..];
            if words.is_empty() {
                end.shutdown(Shutdown::Write)?;
            }
        }
        if found.intersects(PollFlags::POLLIN | PollFlags::POLLHUP) {
            match end.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
    // Whoever has heard everything may still have something to say.
    end.set_nonblocking(false)?;
    end.write_all(words)?;
    report(who, &heard);
    Ok(())
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
