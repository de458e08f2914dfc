//! errno-map PATH [LIMIT]: tries to open a file, and tells by its exit code how that went.
//!
//! The tempting mistake is made with C's functions: announce the failure first, and then look at `errno`. `announce` asks whether standard error is a
//! terminal. If it is none, that is a failure, too, and its reason, ENOTTY, is what one finds. Where somebody looks at a terminal, all is well, and in the log file every failure is "anything else".
//!
//! The second one is to decide by the words of a message. They are for people: two errors may have nearly the same, they may be translated, and a path that
//! is put before them brings words of its own. A number means one thing.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
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

/// Opens the file at `path` for reading, closes it again, and returns one of the codes above. If it can't be opened, that is announced.
fn try_to_open(path: &Path) -> u8 {
    // nix has fetched the reason before it returns, and nobody can change it any more.
    let Err(error) = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) else {
        return OPENED;
    };
    announce(path);
    match error {
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
