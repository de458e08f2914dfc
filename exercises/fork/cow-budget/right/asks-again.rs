//! The parent asks again and again whether its child has ended.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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

fn change_in_a_child(table: &mut [u64], changes: &[(usize, u64)], gate: &Path) -> nix::Result<()> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            while waitpid(child, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {
                std::thread::yield_now();
            }
            Ok(())
        }
        ForkResult::Child => {
            for (index, value) in changes {
                table[*index] = *value;
            }
            answer(table.iter().sum(), gate)
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
