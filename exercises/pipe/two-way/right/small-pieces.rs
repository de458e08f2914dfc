//! Each says and hears sixteen bytes at a time.

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
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
    let (from_parent, to_child) = io::pipe()?;
    let (from_child, to_parent) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((from_child, to_child));
            report("child", &hear(from_parent)?);
            say(to_parent, childs)?;
            std::process::exit(0);
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            say(to_child, ours)?;
            report("parent", &hear(from_child)?);
            waitpid(child, None)?;
            Ok(())
        }
    }
}

fn say(mut to: PipeWriter, words: &[u8]) -> io::Result<()> {
    words.chunks(16).try_for_each(|piece| to.write_all(piece))
}

fn hear(mut from: PipeReader) -> io::Result<Vec<u8>> {
    let (mut heard, mut piece) = (Vec::new(), [0; 16]);
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(heard),
            count => heard.extend_from_slice(&piece[..count]),
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
