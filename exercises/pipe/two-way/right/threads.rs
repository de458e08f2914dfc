//! Both talk at once: in each process a thread speaks while the first one listens.

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
    // SAFETY: this program has one thread, until here.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((from_child, to_child));
            std::process::exit(i32::from(talk("child", from_parent, to_parent, childs).is_err()));
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            let talked = talk("parent", from_child, to_child, ours);
            waitpid(child, None)?;
            talked
        }
    }
}

fn talk(who: &str, mut from: PipeReader, mut to: PipeWriter, words: &[u8]) -> io::Result<()> {
    std::thread::scope(|scope| {
        let speaks = scope.spawn(move || to.write_all(words));
        let mut heard = Vec::new();
        from.read_to_end(&mut heard)?;
        report(who, &heard);
        speaks.join().map_err(|_| io::Error::other("the speaker panicked"))?
    })
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
