//! A run's own folder: where it starts, and the only place where it may write.

use crate::folder::Folder;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

/// An empty folder, which goes with everything in it when this goes.
#[derive(Debug)]
pub(crate) struct Scratch {
    // In a folder of its own, for Landlock: a rule about a folder on which something is mounted is not looked at any more.
    around: Folder,
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder; for another user, if one is named.
    pub(crate) fn new(user: Option<u32>) -> Result<Self, String> {
        let around = Folder::new().map_err(|e| format!("cannot make a scratch folder: {e}"))?;
        let path = around.path().join("scratch");
        let made = fs::create_dir(&path).and_then(|()| {
            let Some(id) = user else { return Ok(()) };
            around.let_others_in()?;
            chown(&path, Some(id), Some(id))
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
