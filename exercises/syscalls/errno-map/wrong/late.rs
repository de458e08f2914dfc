//! The failure is announced, and then the reason is looked for.
//! Told: "and the program tells of something else (74)"

use nix::sys::resource::{Resource, setrlimit};
use std::ffi::CString;
use std::io::{self, IsTerminal as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

/// The file was opened.
const OPENED: u8 = 0;
/// ENOENT: there is no such file.
const NO_INPUT: u8 = 66;
/// Any other error.
const IO_ERROR: u8 = 74;
/// EMFILE: this process has as many files open as it may.
const TRY_LATER: u8 = 75;
/// EACCES: the file may not be read.
const NO_PERMISSION: u8 = 77;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let Some(path) = args.next() else {
        eprintln!("errno-map: expected the path of a file");
        return ExitCode::from(2);
    };
    if let Some(limit) = args.next() {
        let limit = limit.to_str().and_then(|text| text.parse().ok()).unwrap_or(3);
        // From now on, this process may have so many descriptors and no more.
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, limit, limit) {
            eprintln!("errno-map: cannot set a limit: {error}");
            return ExitCode::from(2);
        }
    }
    if io::stderr().is_terminal() {
        eprintln!("errno-map: hello");
    }
    ExitCode::from(try_to_open(Path::new(&path)))
}

fn try_to_open(path: &Path) -> u8 {
    let Ok(name) = CString::new(path.as_os_str().as_bytes()) else { return IO_ERROR };
    // SAFETY: the path is a string that ends with a zero.
    let file = unsafe { libc::open(name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file >= 0 {
        // SAFETY: the number is ours, and nobody uses it afterwards.
        unsafe { libc::close(file) };
        return OPENED;
    }
    announce(path);
    io::Error::last_os_error().raw_os_error().map_or(IO_ERROR, code)
}

fn code(error: i32) -> u8 {
    match error {
        libc::ENOENT => NO_INPUT,
        libc::EACCES => NO_PERMISSION,
        libc::EMFILE => TRY_LATER,
        _ => IO_ERROR,
    }
}

/// Says that the file at `path` cannot be opened; in bold, where somebody sees that.
fn announce(path: &Path) {
    let [bold, plain] = if io::stderr().is_terminal() { ["\x1b[1m", "\x1b[0m"] } else { ["", ""] };
    eprintln!("{bold}errno-map: cannot open {}{plain}", path.display());
}
