//! two-way SIZE: two processes, each of which has SIZE bytes to say to the other.

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
    todo!("make a child; say {} bytes to it, and let it say {}", ours.len(), childs.len())
}

/// Says what somebody has heard: how many bytes of each letter.
#[allow(dead_code, reason = "until `exchange` calls it")]
fn report(who: &str, heard: &[u8]) {
    let mut letters = BTreeMap::new();
    for byte in heard {
        *letters.entry(char::from(*byte)).or_insert(0) += 1;
    }
    let letters: Vec<_> =
        letters.iter().map(|(letter, count)| format!("{count} x {letter}")).collect();
    println!("the {who} heard {}", letters.join(" and "));
}
