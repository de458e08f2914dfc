//! Plain libc: fork and waitpid, and each child by its pid, the last one first.

use nix::libc;
use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("five-children: expected a number of children, such as 5");
        return ExitCode::from(2);
    };
    match fan_out(count) {
        Ok(()) => {
            println!("all children have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("five-children: {error}");
            ExitCode::from(2)
        }
    }
}

fn fan_out(count: u8) -> nix::Result<()> {
    let mut children = Vec::new();
    for number in (1..=count).rev() {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => return Err(nix::errno::Errno::last()),
            0 => std::process::exit(stay(number).into()),
            pid => children.push(pid),
        }
        eprintln!("made child {number}");
    }
    for pid in children {
        // SAFETY: a null pointer says that the status is not wanted.
        if unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } == -1 {
            return Err(nix::errno::Errno::last());
        }
    }
    Ok(())
}

/// A child's part: says who it is and stays until standard input ends. What it returns is the child's exit code.
fn stay(number: u8) -> u8 {
    println!(
        "child {number} is pid {}, made by pid {}",
        std::process::id(),
        std::os::unix::process::parent_id()
    );
    match std::io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => 0,
        Err(_) => 1,
    }
}
