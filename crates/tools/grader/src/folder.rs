//! Temporary folders: one goes with its owner, and one whose owner was killed goes when the next is made.

use crate::remove::remove;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Once;
use tempfile::TempDir;

const PREFIX: &str = "grader-";

/// An empty folder, which goes with everything in it when this goes.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    /// Held open, and locked (flock(2)): the kernel lets go of the lock however this process ends.
    _lock: File,
}

impl Folder {
    /// Makes a folder that its owner alone may enter.
    pub(crate) fn new() -> io::Result<Self> {
        static ONCE: Once = Once::new();
        ONCE.call_once(remove_abandoned);
        loop {
            let owners = Permissions::from_mode(0o700);
            let folder = tempfile::Builder::new().prefix(PREFIX).permissions(owners).tempdir()?;
            // Until it is locked, it looks abandoned.
            let lock = match File::open(folder.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            // A file system without locks refuses this one, and that of who looks for abandoned folders.
            let _ = lock.lock();
            if folder.path().exists() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets others enter, who know the names of what is in it.
    pub(crate) fn let_others_in(&self) -> io::Result<()> {
        fs::set_permissions(self.path(), Permissions::from_mode(0o711))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed now, whoever comes next tries again.
        let _ = remove(self.path());
    }
}

/// Removes the folders of this user in which nobody is any more.
fn remove_abandoned() {
    let user = nix::unistd::geteuid().as_raw();
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user);
        if !ours {
            continue;
        }
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let folder = File::options().read(true).custom_flags(flags).open(entry.path());
        let Ok(folder) = folder else { continue };
        // Held until it is removed: an owner who locks it after that finds it gone.
        if folder.try_lock().is_ok() {
            // Whoever comes next tries again.
            let _ = remove(&entry.path());
        }
    }
}
