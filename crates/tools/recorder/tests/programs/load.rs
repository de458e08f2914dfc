//! What the benchmark records: many calls of one kind.

use std::io::Write;

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};

fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap_or_default();
    let times: u32 = args.next().and_then(|times| times.parse().ok()).unwrap_or(1);
    match what.as_str() {
        "writes" => {
            let mut null =
                std::fs::OpenOptions::new().write(true).open("/dev/null").expect("it is there");
            (0..times).for_each(|_| null.write_all(b"small").expect("it takes all"));
        }
        "forks" => (0..times).for_each(|_| {
            // SAFETY: this program has one thread.
            match unsafe { fork() }.expect("there is room for a process") {
                ForkResult::Child => std::process::exit(0),
                ForkResult::Parent { .. } => _ = wait().expect("our child"),
            }
        }),
        other => panic!("nothing is called `{other}`"),
    }
}
