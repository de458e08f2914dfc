//! The file that says which process to signal.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid, getppid};

/// A file with our pid and a newline in it. Anybody may read it at any time: it is written aside
/// and then renamed, so it is never seen half written.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// While our successor has the file at `path`, ours is the one beside it.
    aside: bool,
}

impl PidFile {
    // ANCHOR: claim
    /// Takes the file for this process, unless it is another living master's. One that a dead
    /// master left behind is overwritten, and so is garbage. A `successor` may take it from the
    /// master that has started it.
    ///
    /// # Errors
    /// A message that names the file: that master lives, or the file can't be read or written.
    pub(crate) fn claim(path: &Path, successor: bool) -> Result<PidFile, String> {
        let parent = getppid(); // first: whoever is in the file may end while we look
        let holder = read(path).map_err(|error| format!("pid file {}: {error}", path.display()))?;
        let is_ours = |pid| pid == getpid() || successor && pid == parent;
        if let Some(holder) = holder.filter(|&pid| !is_ours(pid) && lives(pid)) {
            return Err(format!(
                "pid file {}: pid {holder} lives, so a server seems to run already",
                path.display()
            ));
        }
        write(path)?;
        Ok(PidFile { path: path.to_path_buf(), aside: false })
    }
    // ANCHOR_END: claim

    /// Where it is, when no successor has taken our place.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    // ANCHOR: aside
    /// Before a successor is started: writes our pid into `.oldbin` too, and leaves the file itself
    /// until the successor takes it. So at every moment there is a living master's pid in it.
    ///
    /// # Errors
    /// A message that names the file. A living master has it, or it can't be written.
    pub(crate) fn step_aside(&mut self) -> Result<(), String> {
        let beside = aside(&self.path);
        if let Some(holder) = read(&beside).ok().flatten().filter(|&pid| lives(pid)) {
            let why = "the old master; it must leave first";
            return Err(format!("pid file {}: pid {holder} lives, {why}", beside.display()));
        }
        write(&beside)?;
        self.aside = true;
        Ok(())
    }

    /// The successor has gone: the file is ours again.
    ///
    /// # Errors
    /// A message that names the file, which can't be written.
    pub(crate) fn take_back(&mut self) -> Result<(), String> {
        write(&self.path)?;
        let _ = fs::remove_file(aside(&self.path)); // the successor may have seen to it
        self.aside = false;
        Ok(())
    }
    // ANCHOR_END: aside

    /// Removes the file, if it is ours. If the master that started us still serves, it gets the
    /// file back instead.
    pub(crate) fn release(self) {
        let beside = aside(&self.path);
        let here = if self.aside { &beside } else { &self.path };
        if !matches!(read(here), Ok(Some(holder)) if holder == getpid()) {
            return;
        }
        let predecessor = read(&beside).ok().flatten().filter(|&pid| pid == getppid());
        let _ = match predecessor {
            Some(_) => fs::rename(&beside, here),
            None => fs::remove_file(here),
        };
    }
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".oldbin");
    name.into()
}

/// The pid in a file; `None` if there is no file, or no pid in it.
fn read(path: &Path) -> io::Result<Option<Pid>> {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            Ok(text.trim().parse().ok().filter(|&pid: &i32| pid > 0).map(Pid::from_raw))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .and_then(|mut file| {
            file.write_all(format!("{}\n", getpid()).as_bytes())?;
            file.persist(path).map_err(|error| error.error)
        });
    written.map(drop).map_err(|error| match error.get_ref().and_then(|e| e.downcast_ref()) {
        Some(inner @ io::Error { .. }) => format!("pid file {}: {inner}", path.display()),
        None => format!("pid file {}: {error}", path.display()),
    })
}

/// Whether there is such a process, even one that we may not signal. One that has ended and was
/// not reaped yet is none, though it can be signalled.
fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    !is_zombie && matches!(kill(pid, None), Ok(()) | Err(Errno::EPERM))
}
