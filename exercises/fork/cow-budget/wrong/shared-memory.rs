//! A table that both share, into which all of it is copied first.
//! Told: "There is a second table, in memory that both share"

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::io::Read as _;
use std::num::NonZeroUsize;
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
    let Some(length) = NonZeroUsize::new(size_of_val(table)) else { return Ok(()) };
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: it comes where nothing is.
    let memory = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_SHARED) }?;
    // SAFETY: it has this length, is aligned to a page and stays; the parent doesn't touch it any more.
    let shared = unsafe { std::slice::from_raw_parts_mut(memory.cast().as_ptr(), table.len()) };
    shared.copy_from_slice(table);
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            for (index, value) in changes {
                shared[*index] = *value;
            }
            answer(shared.iter().sum(), gate)
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            Ok(())
        }
    }
}

/// The end of the child's part: says the sum, stands at the gate until somebody has opened it, and ends.
#[allow(dead_code, reason = "until `change_in_a_child` calls it")]
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
