//! Looks at the last answer only: that of dup2, which has been given the -1 of open.
//! Told: "ends otherwise than by reporting that"

use std::ffi::CString;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, gate] = args.as_slice() else {
        eprintln!("lowest-fd: expected the path of a file, and that of a named pipe");
        return ExitCode::from(2);
    };
    let mut text = String::new();
    let read = become_input(Path::new(file))
        .and_then(|()| pass(Path::new(gate)))
        .and_then(|()| io::stdin().read_to_string(&mut text));
    match read {
        Ok(_) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lowest-fd: {error}");
            ExitCode::FAILURE
        }
    }
}

fn become_input(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path is a string that ends with a zero.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY) };
    // SAFETY: takes numbers only; nothing in this program owns 0.
    if unsafe { libc::dup2(file, 0) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number is this function's own.
    unsafe { libc::close(file) };
    Ok(())
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
