//! A run's own folder: where it starts, and the only place where it may write.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

/// An empty folder, which goes with everything in it when this goes.
#[derive(Debug)]
pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// Makes the folder; for another user, if one is named.
    pub(crate) fn new(user: Option<u32>) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("grader-").tempdir();
        let folder = folder.map_err(|e| format!("cannot make a scratch folder: {e}"))?;
        if user.is_some() {
            std::os::unix::fs::chown(folder.path(), user, user)
                .map_err(|e| format!("cannot give {} away: {e}", folder.path().display()))?;
        }
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The program may have closed its folders even to their owner. Removing them follows, in `TempDir`.
        let mut unseen = vec![self.path().to_owned()];
        while let Some(folder) = unseen.pop() {
            let _ = fs::set_permissions(&folder, Permissions::from_mode(0o700));
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
            // `file_type` does not follow symbolic links: what is behind one is not ours.
            let folders = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            unseen.extend(folders.map(|entry| entry.path()));
        }
    }
}
