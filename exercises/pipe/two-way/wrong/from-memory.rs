//! Each knows what the other one would say, and nobody says anything.
//! Told: "did not go from one process to the other"

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::collections::BTreeMap;
use std::io;
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
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            report("child", ours);
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            report("parent", childs);
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
