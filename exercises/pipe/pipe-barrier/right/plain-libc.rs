//! The calls of C.

use nix::libc;
use nix::unistd::Pid;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [count, gate] => count.parse().ok().map(|count: u8| (count, gate)),
        _ => None,
    };
    let Some((count, gate)) = parsed else {
        eprintln!("pipe-barrier: expected a number of children, and the path of a named pipe");
        return ExitCode::from(2);
    };
    match start_together(count, Path::new(gate)) {
        Ok(()) => {
            println!("all children have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pipe-barrier: {error}");
            ExitCode::from(2)
        }
    }
}

fn start_together(count: u8, gate: &Path) -> io::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [barrier, open] = ends;
    let mut children = Vec::new();
    for number in 1..=count {
        // SAFETY: this program has one thread.
        let child = unsafe { libc::fork() };
        check(child)?;
        if child == 0 {
            close(open);
            let mut byte = 0_u8;
            // SAFETY: there is room for one byte.
            check(unsafe { libc::read(barrier, (&raw mut byte).cast(), 1) } as i32)?;
            work(number);
            // SAFETY: what was said ended with a newline, so that nothing is in a buffer.
            unsafe { libc::_exit(0) }
        }
        children.push(Pid::from_raw(child));
    }
    close(barrier);
    set_up(&children, gate)?;
    close(open);
    for child in children {
        // SAFETY: a null pointer asks for no status.
        check(unsafe { libc::waitpid(child.as_raw(), std::ptr::null_mut(), 0) })?;
    }
    Ok(())
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn close(end: i32) {
    // SAFETY: the end is ours, and is not used afterwards.
    unsafe { libc::close(end) };
}
/// Sets up what the children need: takes its time at the gate, and says that it is done.
fn set_up(children: &[Pid], gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new())?;
    println!("set up for {} children", children.len());
    Ok(())
}

/// A child's part.
fn work(number: u8) {
    println!("child {number} works");
}
