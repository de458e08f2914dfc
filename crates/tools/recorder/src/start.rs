//! Starts the program, stopped where it is about to begin.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::{io, ptr};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{AccessFlags, ForkResult, Pid, access, fork, getpid, pipe2, read, write};

use crate::Error;
use crate::names::SMALL;
use crate::ptrace::{self, Stop};
use crate::room::Room;

/// Starts a program, which stops after its exec has succeeded.
pub(crate) fn start(argv: &[OsString], mask: &SigSet, room: Option<&Room>) -> Result<Pid, Error> {
    let program = argv.first().ok_or(Error::Nothing)?;
    let cannot = |error| Error::Start { program: program.clone(), error };
    let path = find(program).map_err(cannot)?;
    let path = c_string(path.as_os_str()).map_err(cannot)?;
    let argv: Vec<CString> =
        argv.iter().map(|arg| c_string(arg)).collect::<Result<_, _>>().map_err(cannot)?;
    let environment = if room.is_some() { Room::environment() } else { environment() };
    // Made before the fork: after it, no memory may be asked for.
    let (argv_list, environment_list) = (pointers(&argv), pointers(&environment));

    use_up_small_ids().map_err(Error::Fork)?;
    let (be_told, go) = pipe2(OFlag::O_CLOEXEC).map_err(Error::Fork)?;
    let (failure, report) = pipe2(OFlag::O_CLOEXEC).map_err(Error::Fork)?;
    // SAFETY: the child makes only system calls, all of them allowed after a fork from many threads.
    match unsafe { fork() }.map_err(Error::Fork)? {
        ForkResult::Child => {
            drop(go);
            // SAFETY: strings, and lists of pointers to strings, all of which end with a null.
            unsafe {
                become_it(&path, &argv_list, &environment_list, (&be_told, &report), mask, room)
            }
        }
        ForkResult::Parent { child } => {
            drop((be_told, report));
            let why_not = || {
                let mut errno = [0; 4];
                _ = read(&failure, &mut errno);
                io::Error::from_raw_os_error(i32::from_ne_bytes(errno))
            };
            let started = until_exec(child, &go, why_not).map_err(|error| match error {
                Failed::Trace(error) => Error::Trace(error),
                Failed::Exec(error) => cannot(error),
            });
            if started.is_err() {
                drop(go); // it reads the end, and ends
                _ = ptrace::next(Some(child), true);
            }
            started.map(|()| child)
        }
    }
}

/// Makes processes that end at once, until no small id is left for the program: it could not be told from
/// other numbers in a text. A new container counts from 1.
fn use_up_small_ids() -> nix::Result<()> {
    let mut latest = getpid();
    for _ in 0..SMALL {
        if latest.as_raw() >= SMALL {
            break;
        }
        // SAFETY: the child makes one system call.
        match unsafe { fork() }? {
            // SAFETY: ends the process, and runs nothing of what its memory has registered for its end.
            ForkResult::Child => unsafe { libc::_exit(0) },
            ForkResult::Parent { child } => {
                ptrace::next(Some(child), true)?;
                latest = child;
            }
        }
    }
    Ok(())
}

enum Failed {
    Trace(Errno),
    Exec(io::Error),
}

/// Traces a process that somebody else has made, tells it to go on, and waits until it is the program.
/// What it does itself when it can't be, whoever made it knows.
pub(crate) fn take_over(pid: Pid, go: &OwnedFd, program: &OsStr) -> Result<(), Error> {
    let exec = |error| Error::Start { program: program.to_owned(), error };
    until_exec(pid, go, || io::Error::other("its process ended before")).map_err(|failed| {
        match failed {
            Failed::Trace(error) => Error::Trace(error),
            Failed::Exec(error) => exec(error),
        }
    })
}

/// Traces the child, tells it to go on, and waits until it is the program.
fn until_exec(child: Pid, go: &OwnedFd, why_not: impl FnOnce() -> io::Error) -> Result<(), Failed> {
    ptrace::seize(child).map_err(Failed::Trace)?;
    write(go, &[1]).map_err(Failed::Trace)?;
    loop {
        match ptrace::next(Some(child), true).map_err(Failed::Trace)? {
            Some((_, Stop::Exec)) => return Ok(()),
            Some((_, Stop::Gone(_))) | None => {
                return Err(Failed::Exec(why_not()));
            }
            Some((_, Stop::Signal(signal))) => _ = ptrace::resume(child, signal),
            Some((_, Stop::Group(_))) => _ = ptrace::listen(child),
            Some(_) => _ = ptrace::resume(child, 0),
        }
    }
}

type Pointers = Vec<*const libc::c_char>;

/// The child's part: waits until it is traced, and becomes the program.
///
/// # Safety
/// The lists end with a null, and so do the strings that they lead to.
unsafe fn become_it(
    path: &CStr,
    argv: &Pointers,
    environment: &Pointers,
    (be_told, report): (&OwnedFd, &OwnedFd),
    mask: &SigSet,
    room: Option<&Room>,
) -> ! {
    if read(be_told, &mut [0]) == Ok(1) {
        // SAFETY: what SIGPIPE does at a program's beginning. Rust's runtime ignores it, and exec keeps that.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // The same addresses in each run, as under gdb. Where that is refused, they differ.
        // SAFETY: changes nothing but where the program's memory will lie.
        unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
        _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None);
        if let Some(room) = room {
            room.move_in();
        }
        // SAFETY: the caller has promised it.
        unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
        _ = write(report, &Errno::last_raw().to_ne_bytes());
    }
    // SAFETY: ends the process, and runs nothing of what its memory has registered for its end.
    unsafe { libc::_exit(127) }
}

/// Where a program is: a name without a slash is looked for in PATH.
fn find(program: &OsStr) -> io::Result<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Ok(PathBuf::from(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file() && access(file.as_path(), AccessFlags::X_OK).is_ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

fn environment() -> Vec<CString> {
    let entry = |(name, value): (OsString, OsString)| {
        let entry = [name.as_bytes(), b"=", value.as_bytes()].concat();
        CString::new(entry).ok()
    };
    std::env::vars_os().filter_map(entry).collect()
}

fn pointers(strings: &[CString]) -> Pointers {
    strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}
