//! The hot restart: a server runs its own successor, and hands over its listening sockets.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use nix::sys::socket::{getsockopt, sockopt::AcceptConn};
use nix::unistd::{Pid, getpid};

use crate::{Program, launch};

/// The descriptors of the listeners that a unicorn hands to its successor: `3,4`.
const UNICORN_FD: &str = "UNICORN_FD";
/// How systemd does it: the pid that is meant, how many there are from 3 on, and their names
/// ([sd_listen_fds(3)](https://man7.org/linux/man-pages/man3/sd_listen_fds.3.html)).
const LISTEN_PID: &str = "LISTEN_PID";
const LISTEN_FDS: &str = "LISTEN_FDS";
const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";

// ANCHOR: origin
/// How this program was started: with which arguments, and in which directory.
///
/// Take it down first thing in `main`, before the directory changes. To run it again is to look it
/// up again, by the name that it was called by: a new file of that name is a new version.
#[derive(Debug, Clone)]
pub struct Origin {
    argv: Vec<OsString>,
    directory: PathBuf,
}
// ANCHOR_END: origin

impl Origin {
    /// How this process was started, if nothing has changed since.
    ///
    /// The directory is `$PWD`'s where that is true: it is the path as somebody typed it, so a symbolic
    /// link in it, `current` for one, leads to where it leads on the day of the restart.
    ///
    /// # Errors
    /// `ENOENT`: the directory has been removed. `InvalidData`: there is not even an `argv[0]`.
    pub fn now() -> io::Result<Origin> {
        let here = env::current_dir()?;
        let identity = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
        let typed = env::var_os("PWD").map(PathBuf::from);
        let typed = typed.filter(|typed| typed.is_absolute() && identity(typed) == identity(&here));
        let argv: Vec<_> = env::args_os().collect();
        if argv.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "argv[0] is missing"));
        }
        Ok(Origin { argv, directory: typed.unwrap_or(here) })
    }

    /// The program to run for another one like this, in today's environment.
    pub fn program(&self) -> Program<'static> {
        Program::new(&self.argv[0]).args(&self.argv[1..]).directory(&self.directory)
    }
}

// ANCHOR: reexec
/// Runs this program again as our child, with `listeners` open in it under the numbers that they
/// have here, and told of in `UNICORN_FD`. It finds them by [`inherited`]. Both may accept from them.
///
/// They stay close-on-exec here, and for everybody else whom we run.
///
/// # Errors
/// Those of [`launch`]: the new program does not run, and for this one nothing has changed.
///
/// # Safety
/// As for [`launch`]: call this while the process has one thread.
pub unsafe fn reexec(origin: &Origin, listeners: &[BorrowedFd<'_>]) -> io::Result<Pid> {
    let numbers: Vec<_> = listeners.iter().map(|fd| fd.as_raw_fd().to_string()).collect();
    let again = origin.program().env(UNICORN_FD, numbers.join(","));
    let successor = listeners.iter().fold(again, |program, &fd| program.keep(fd));
    // SAFETY: one thread, as our caller promises.
    unsafe { launch(&successor) }
}
// ANCHOR_END: reexec

// ANCHOR: inherited
/// The listening sockets that whoever started this program left open for it, lowest number first.
///
/// They become close-on-exec, and the variables that told of them are removed: what we run in our
/// turn must not believe that they are meant for it.
///
/// # Errors
/// `InvalidData`, with a message that says which variable or descriptor and why: [`promised`] can't
/// make sense of a variable, or a descriptor is not open, was not inherited, or is no listening
/// socket. We own none of them then.
///
/// # Safety
/// Call this once, with one thread, before the program opens or reads anything that could have
/// these numbers: it removes variables, and takes the descriptors into its possession.
pub unsafe fn inherited() -> io::Result<Vec<OwnedFd>> {
    let numbers = promised(|name| env::var_os(name), getpid());
    for name in [UNICORN_FD, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES] {
        // SAFETY: no other thread is there to read the environment, as our caller promises.
        unsafe { env::remove_var(name) };
    }
    let numbers = numbers?;
    for &number in &numbers {
        check(number)
            .map_err(|reason| invalid(format!("inherited descriptor {number}: {reason}")))?;
    }
    // SAFETY: open, as we have checked, and nobody else's, as our caller promises.
    Ok(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}
// ANCHOR_END: inherited

/// Makes sure that `number` is a listening socket that came to us through exec, and no further.
fn check(number: RawFd) -> Result<(), String> {
    // SAFETY: takes no pointer, and a number that is not open is refused.
    match unsafe { libc::fcntl(number, libc::F_GETFD) } {
        -1 => return Err(io::Error::last_os_error().to_string()),
        // What is close-on-exec can't have come through an exec.
        flags if flags & libc::FD_CLOEXEC != 0 => return Err("opened by this program".to_string()),
        _ => {}
    }
    // SAFETY: it is open, and this borrow ends before anybody could close it.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    match getsockopt(&fd, AcceptConn) {
        Ok(true) => {}
        Ok(false) => return Err("a socket that does not listen".to_string()),
        Err(error) => return Err(error.desc().to_string()),
    }
    // SAFETY: takes no pointer.
    match unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error().to_string()),
        _ => Ok(()),
    }
}

/// The numbers that `UNICORN_FD` lists, and those that `LISTEN_FDS` counts if `LISTEN_PID` is `me`;
/// lowest first, each once. Reads the variables by `variable`, and touches nothing.
///
/// # Errors
/// `InvalidData`: a variable is not what it should be. Numbers below 3 are refused: they are the
/// standard streams, which are somebody's already.
pub fn promised(variable: impl Fn(&str) -> Option<OsString>, me: Pid) -> io::Result<Vec<RawFd>> {
    let text = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
    let mut numbers = Vec::new();
    for item in text(UNICORN_FD).iter().filter(|list| !list.is_empty()).flat_map(|l| l.split(',')) {
        let number = item.parse().ok().filter(|&number: &RawFd| number >= 3);
        numbers.push(number.ok_or_else(|| {
            invalid(format!("{UNICORN_FD}: `{item}`: not a descriptor from 3 on"))
        })?);
    }
    if let Some(pid) = text(LISTEN_PID) {
        let pid: i32 =
            pid.parse().map_err(|_| invalid(format!("{LISTEN_PID}: `{pid}`: not a pid")))?;
        let count = text(LISTEN_FDS).unwrap_or_default();
        if pid == me.as_raw() {
            let count: u16 = count
                .parse()
                .map_err(|_| invalid(format!("{LISTEN_FDS}: `{count}`: not a count")))?;
            numbers.extend(3..3 + RawFd::from(count));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
