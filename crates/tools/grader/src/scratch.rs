//! A run's own folder: where it starts, and the only place where it may write.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An empty folder, which goes with everything in it when this goes.
#[derive(Debug)]
pub(crate) struct Scratch {
    // In a folder of its own, for Landlock: a rule about a folder on which something is mounted is not looked at any more.
    around: TempDir,
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder; for another user, if one is named.
    pub(crate) fn new(user: Option<u32>) -> Result<Self, String> {
        let around = tempfile::Builder::new().prefix("grader-").tempdir();
        let around = around.map_err(|e| format!("cannot make a scratch folder: {e}"))?;
        let path = around.path().join("scratch");
        let made = fs::create_dir(&path).and_then(|()| {
            let Some(id) = user else { return Ok(()) };
            chown(&path, Some(id), Some(id))?;
            chown(around.path(), Some(id), Some(id))
        });
        made.map_err(|e| format!("cannot make the folder {}: {e}", path.display()))?;
        Ok(Self { around, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder around it, in which there is nothing else.
    pub(crate) fn around(&self) -> &Path {
        self.around.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The program may have closed its folders even to their owner. Removing them follows, in `TempDir`.
        let mut unseen = vec![self.around().to_owned()];
        while let Some(folder) = unseen.pop() {
            let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
            // `file_type` does not follow symbolic links: what is behind one is not ours.
            let folders = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            unseen.extend(folders.map(|entry| entry.path()));
        }
    }
}
