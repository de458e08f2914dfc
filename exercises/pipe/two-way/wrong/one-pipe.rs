//! One pipe for both directions, and each takes as many bytes as it expects.
//! Told: "One pipe serves both directions"

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
    let (read_end, write_end) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            std::process::exit(i32::from(child(read_end, write_end, childs).is_err()));
        }
        ForkResult::Parent { child } => {
            let talked = parent(read_end, write_end, ours);
            waitpid(child, None)?;
            talked
        }
    }
}

fn child(mut from_parent: PipeReader, mut to_parent: PipeWriter, childs: &[u8]) -> io::Result<()> {
    let mut heard = vec![0; childs.len()];
    from_parent.read_exact(&mut heard)?;
    report("child", &heard);
    to_parent.write_all(childs)
}

fn parent(mut from_child: PipeReader, mut to_child: PipeWriter, ours: &[u8]) -> io::Result<()> {
    to_child.write_all(ours)?;
    let mut heard = vec![0; ours.len()];
    from_child.read_exact(&mut heard)?;
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
