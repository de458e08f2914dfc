//! By openat2, which the C library has no function for, and with words of its own.

use nix::errno::Errno;
use nix::libc;
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
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    // SAFETY: of numbers only, which may be 0.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = libc::O_CLOEXEC.unsigned_abs().into();
    let size = size_of_val(&how);
    // SAFETY: a path that ends with a NUL, and a structure with its size.
    let fd = unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, name.as_ptr(), &raw const how, size)
    };
    let reason = Errno::last();
    if fd >= 0 {
        eprintln!("errno-map: it is number {fd}");
        // SAFETY: it was opened a moment ago, and nobody else knows of it.
        unsafe { libc::close(i32::try_from(fd).unwrap_or(-1)) };
        return OPENED;
    }
    announce(path);
    match reason {
        Errno::ENOENT => NO_INPUT,
        Errno::EACCES => NO_PERMISSION,
        Errno::EMFILE => TRY_LATER,
        _ => IO_ERROR,
    }
}

/// Says that the file at `path` cannot be opened; in bold, where somebody sees that.
fn announce(path: &Path) {
    let [bold, plain] = if io::stderr().is_terminal() { ["\x1b[1m", "\x1b[0m"] } else { ["", ""] };
    eprintln!("{bold}errno-map: cannot open {}{plain}", path.display());
}
