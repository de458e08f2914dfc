//! Folders of the test's in which a program may read and write.

use crate::folder;
use crate::verdict::fault;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A folder whose files the test and the program both read and write, whichever user the program runs as. It goes
/// when this goes.
///
/// The program needs to be let in: [`Run::may_write`](crate::Run::may_write) with [`Folder::path`].
#[derive(Debug)]
pub struct Folder {
    folder: folder::Folder,
}

impl Folder {
    /// Makes an empty folder.
    ///
    /// # Panics
    /// When the machine refuses a temporary folder.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder on disk")]
    pub fn new() -> Self {
        let folder = folder::Folder::new();
        let folder = folder.unwrap_or_else(|e| fault(&format!("cannot make a folder: {e}")));
        permit(folder.path(), 0o777);
        Self { folder }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file there, which everybody may read and write; its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        if let Err(error) = fs::write(&path, bytes) {
            fault(&format!("cannot write {}: {error}", path.display()));
        }
        permit(&path, 0o666);
        path
    }

    /// What stands in this file; `None`: there is none.
    ///
    /// # Panics
    /// When it is there and cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        match fs::read(self.path().join(name)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => fault(&format!("cannot read {name} in the test's folder: {error}")),
        }
    }
}

fn permit(path: &Path, mode: u32) {
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
        fault(&format!("cannot open {} to the program: {error}", path.display()));
    }
}
