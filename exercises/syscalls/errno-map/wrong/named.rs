//! Whatever is wrong with the name is told as a file that is not there.
//! Told: "is told ELOOP"

#![allow(dead_code, reason = "until `try_to_open` is written")]

use nix::sys::resource::{Resource, setrlimit};
use std::io::{self, IsTerminal as _};
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

/// Says that the file at `path` cannot be opened; in bold, where somebody sees that.
fn announce(path: &Path) {
    let [bold, plain] = if io::stderr().is_terminal() { ["\x1b[1m", "\x1b[0m"] } else { ["", ""] };
    eprintln!("{bold}errno-map: cannot open {}{plain}", path.display());
}

fn try_to_open(path: &Path) -> u8 {
    match std::fs::File::open(path) {
        Ok(_) => OPENED,
        Err(e) => {
            announce(path);
            match e.raw_os_error() {
                Some(2 | 40 | 36) => NO_INPUT,
                Some(13) => NO_PERMISSION,
                Some(24) => TRY_LATER,
                _ => IO_ERROR,
            }
        }
    }
}
