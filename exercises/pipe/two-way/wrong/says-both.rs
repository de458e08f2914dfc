//! The parent says what the child has heard, as it knows it.
//! Told: "says the child's words"

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

/// Makes a child. This process says `ours` to it, all of it, and the child says `childs` to this process, all of it. Each of
/// them `report`s what it has heard, as "parent" and as "child".
///
/// Returns in the parent only, when the child has ended.
fn exchange(ours: &[u8], childs: &[u8]) -> io::Result<()> {
    use nix::sys::wait::waitpid;
    use nix::unistd::{ForkResult, fork};
    use std::io::{Read as _, Write as _};
    let (mut r1, mut w1) = io::pipe()?;
    let (mut r2, mut w2) = io::pipe()?;
    let mut heard = vec![];
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop((w1, r2));
            r1.read_to_end(&mut heard)?;
            w2.write_all(childs)?;
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop((r1, w2));
            w1.write_all(ours)?;
            drop(w1);
            r2.read_to_end(&mut heard)?;
            report("child", ours);
            report("parent", &heard);
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
