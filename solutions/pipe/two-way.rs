//! two-way SIZE: two processes, each of which has SIZE bytes to say to the other.
//!
//! The tempting mistake is symmetry: both processes run the same lines, which say everything and then listen. With a few bytes that works, since the
//! pipes hold them. With a mebibyte each write waits for room, which only the other one's read can make, and that stands behind
//! the other one's write: a circle. Reading first on both sides is the same circle with nothing in it. So one side listens while the
//! other speaks, and then they change; or somebody helps each of them to do both at once (a thread, a third process, poll).
//!
//! The second one is to do it with one pipe. It carries both voices, and whoever reads first takes what is there, be it its own.
//! And the end of what was said is the close of the last write end: the listener's own copy counts, too.

use nix::errno::Errno;
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

/// Makes a child. This process says `ours` to it, all of it, and the child says `childs` to this process, all of it. Each of
/// them `report`s what it has heard, as "parent" and as "child".
///
/// Returns in the parent only, when the child has ended.
fn exchange(ours: &[u8], childs: &[u8]) -> io::Result<()> {
    let (from_parent, to_child) = io::pipe()?;
    let (from_child, to_parent) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((from_child, to_child));
            let code = i32::from(listen_and_speak(from_parent, to_parent, childs).is_err());
            // SAFETY: `_exit` ends this process at once. `report` has said its line, so no buffer is lost.
            unsafe { nix::libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            let talked = speak_and_listen(to_child, from_child, ours);
            // Whatever came of it: the child is ours to reap.
            while let Err(error) = waitpid(child, None) {
                if error != Errno::EINTR {
                    return Err(error.into());
                }
            }
            talked
        }
    }
}

/// The child's part.
fn listen_and_speak(mut from: PipeReader, mut to: PipeWriter, words: &[u8]) -> io::Result<()> {
    let mut heard = Vec::new();
    from.read_to_end(&mut heard)?;
    report("child", &heard);
    to.write_all(words)
}

/// The parent's part.
fn speak_and_listen(mut to: PipeWriter, mut from: PipeReader, words: &[u8]) -> io::Result<()> {
    to.write_all(words)?;
    drop(to); // by this the child hears that it was all
    let mut heard = Vec::new();
    from.read_to_end(&mut heard)?;
    report("parent", &heard);
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
