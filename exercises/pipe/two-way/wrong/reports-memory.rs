//! Each reports what it should have heard: it has that in its memory, too.
//! Told: "reports what it has not read"

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
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
    let (mut from_parent, mut to_child) = io::pipe()?;
    let (mut from_child, mut to_parent) = io::pipe()?;
    let mut heard = Vec::new();
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((to_child, from_child));
            from_parent.read_to_end(&mut heard)?;
            to_parent.write_all(childs)?;
            report("child", ours);
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop((from_parent, to_parent));
            to_child.write_all(ours)?;
            drop(to_child);
            from_child.read_to_end(&mut heard)?;
            report("parent", childs);
            waitpid(child, None)?;
            Ok(())
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
