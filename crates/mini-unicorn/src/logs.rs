//! The log is standard error, wherever that leads; what an app prints is standard output.

use std::any::Any;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::SystemTime;

use nix::sys::stat::fstat;
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, getpid};
use syscalls::write_all;

/// A worker's number and 1, or 0 for the master: who speaks.
static SPEAKER: AtomicUsize = AtomicUsize::new(0);
/// A file needs the time in each line. Who reads the stream itself, has it already.
static DATED: AtomicBool = AtomicBool::new(false);

/// From here on this process speaks as that worker.
pub(crate) fn speak_as_worker(slot: usize) {
    SPEAKER.store(slot + 1, Relaxed);
}

/// Writes a line to the log, by one write(2), so that lines of several processes don't mix.
pub(crate) fn say(message: impl Display) {
    let date = if DATED.load(Relaxed) {
        format!("{} ", humantime::format_rfc3339_millis(SystemTime::now()))
    } else {
        String::new()
    };
    let who = match SPEAKER.load(Relaxed) {
        0 => "master".to_string(),
        worker => format!("worker {}", worker - 1),
    };
    let line = format!("{date}[{who} {}] {message}\n", getpid());
    let _ = write_all(io::stderr(), line.as_bytes()); // nowhere is left to complain
}

/// From here on, a panic of this process takes one line of the log, as everything does.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        say(format_args!("a panic{}: {}", place.unwrap_or_default(), reason(panic.payload())));
    }));
}

/// What a panic says, if it says it in words.
pub(crate) fn reason(panic: &dyn Any) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why")
}

/// The files that the standard streams lead to. A stream without one stays what it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Logs {
    /// For standard error.
    pub(crate) stderr: Option<PathBuf>,
    /// For standard output.
    pub(crate) stdout: Option<PathBuf>,
}

impl Logs {
    // ANCHOR: reopen
    /// Opens each file whose path leads elsewhere than its stream: all of them at first, and later
    /// those that were renamed or removed. Each is made if need be, and appended to.
    ///
    /// # Errors
    /// A message that names the file. Its stream is as it was.
    pub(crate) fn reopen(&self) -> Result<(), String> {
        reopen(self.stderr.as_deref(), io::stderr(), |file| {
            dup2_stderr(file)?;
            DATED.store(true, Relaxed);
            Ok(())
        })?;
        reopen(self.stdout.as_deref(), io::stdout(), |file| Ok(dup2_stdout(file)?))
    }
    // ANCHOR_END: reopen

    /// [`reopen`](Self::reopen), for whoever goes on in any case.
    pub(crate) fn reopen_or_say(&self) {
        match self.reopen() {
            Ok(()) => say("logs reopened"),
            Err(error) => say(error),
        }
    }

    /// Whether each file can be opened, without doing so to any stream.
    ///
    /// # Errors
    /// A message that names the file.
    pub(crate) fn check(&self) -> Result<(), String> {
        for path in [&self.stderr, &self.stdout].into_iter().flatten() {
            append_to(path).map_err(|error| cannot_open(path, error))?;
        }
        Ok(())
    }
}

fn reopen(
    path: Option<&Path>,
    stream: impl AsFd,
    redirect: impl FnOnce(File) -> io::Result<()>,
) -> Result<(), String> {
    match path {
        Some(path) if !leads_to(stream.as_fd(), path) => {
            append_to(path).and_then(redirect).map_err(|error| cannot_open(path, error))
        }
        _ => Ok(()),
    }
}

fn cannot_open(path: &Path, error: io::Error) -> String {
    format!("cannot open the log {}: {error}", path.display())
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Whether what is at `path` is what is open as `stream`: the same inode of the same device.
fn leads_to(stream: BorrowedFd<'_>, path: &Path) -> bool {
    let Ok(open) = fstat(stream) else { return false };
    fs::metadata(path).is_ok_and(|named| (named.dev(), named.ino()) == (open.st_dev, open.st_ino))
}

/// Lets go of the terminal: the standard streams that have no log lead nowhere.
///
/// # Errors
/// `ENOENT`: there is no /dev/null.
pub(crate) fn leave_terminal(logs: &Logs) -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    if logs.stdout.is_none() {
        dup2_stdout(&null)?;
    }
    if logs.stderr.is_none() {
        dup2_stderr(&null)?;
    }
    Ok(())
}
