//! cow-budget GATE FIRST INDEX=VALUE…: a child changes some entries of a big table, and the parent keeps it as it was.
//!
//! The tempting mistake is to copy the table before anybody writes to it: in Rust a `clone` is the reflex when two want
//! to change one thing. But these are two processes, and fork has given each of them a table. The kernel copies, too, but a page at
//! a time, and only those that somebody writes to: six changes cost six pages, and not sixteen mebibytes.
//!
//! The second one is to write to everything: `for entry in table.iter_mut() { *entry = new_or_old(…) }` changes six
//! entries and writes to all of them. The kernel sees the writes; that most of the values are the old ones, it does not ask.

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

/// How many numbers the table has: 16 MiB of them.
const ENTRIES: u64 = 1 << 21;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [gate, first, changes @ ..] => {
            first.parse::<u64>().ok().zip(parse(changes)).map(|(f, c)| (gate, f, c))
        }
        _ => None,
    };
    let Some((gate, first, changes)) = parsed else {
        eprintln!(
            "cow-budget: expected the path of a named pipe, a number and changes such as 17=4"
        );
        return ExitCode::from(2);
    };
    let mut table: Vec<u64> = (first..first + ENTRIES).collect();
    match change_in_a_child(&mut table, &changes, Path::new(gate)) {
        Ok(()) => {
            println!("parent {}", table.iter().sum::<u64>());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cow-budget: {error}");
            ExitCode::from(2)
        }
    }
}

/// Forks. The child makes the changes in its table and ends by `answer`, with the sum of all entries. The parent, whose table stays as
/// it is, waits for the child.
///
/// Returns in the parent only.
fn change_in_a_child(table: &mut [u64], changes: &[(usize, u64)], gate: &Path) -> nix::Result<()> {
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            // The table is the child's own: each page is copied when the first change comes to it.
            for (index, value) in changes {
                table[*index] = *value;
            }
            answer(table.iter().sum(), gate)
        }
    };
    loop {
        match waitpid(child, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The end of the child's part: says the sum, stands at the gate until somebody has opened it, and ends.
fn answer(sum: u64, gate: &Path) -> ! {
    println!("child {sum}");
    let passed = std::fs::File::open(gate).and_then(|mut gate| gate.read_to_end(&mut Vec::new()));
    // SAFETY: `_exit` ends this process at once; its line is out.
    unsafe { nix::libc::_exit(i32::from(passed.is_err())) }
}

/// `INDEX=VALUE` each.
fn parse(changes: &[String]) -> Option<Vec<(usize, u64)>> {
    let change = |text: &String| {
        let (index, value) = text.split_once('=')?;
        let index = index.parse().ok().filter(|index| (*index as u64) < ENTRIES)?;
        Some((index, value.parse().ok()?))
    };
    changes.iter().map(change).collect()
}
