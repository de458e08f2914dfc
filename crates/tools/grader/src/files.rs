//! Folders of the test's in which a program may read and write.

use crate::Verdict;
use crate::copies::copies_are_closed;
use crate::folder;
use crate::supervisor::FILE_SIZE;
use crate::verdict::fault;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
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

    /// Puts a copy of this program there, which everybody may run; its path. For a program that another one is to become: where the original
    /// lies, only the test may be let in.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn put_program(&self, program: impl AsRef<Path>) -> PathBuf {
        let program = program.as_ref();
        let path = self.path().join(program.file_name().unwrap_or(program.as_os_str()));
        if let Err(error) = fs::copy(program, &path) {
            fault(&format!("cannot copy {} to {}: {error}", program.display(), path.display()));
        }
        permit(&path, 0o755);
        // A file that somebody could still write to is no program (execve(2), ETXTBSY).
        copies_are_closed();
        path
    }

    /// What stands in this file; `None`: there is none.
    ///
    /// # Panics
    /// With a [`Verdict`] when the program has put something there that cannot be read as a file.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        match read_file(&self.path().join(name)) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Verdict::new(format!(
                "There is no file to be read at {name:?}, but something else."
            ))
            .saw(error.to_string())
            .ask("Which call has made it, of which kind and with which permissions?")
            .fail(),
        }
    }
}

/// Reads a file that a program may have put there: as long as it may be at most, and nothing for which a read would wait, or that has no end.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_SIZE { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn permit(path: &Path, mode: u32) {
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode)) {
        fault(&format!("cannot open {} to the program: {error}", path.display()));
    }
}
