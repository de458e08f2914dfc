//! A directory that a request can't lead out of.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use percent_encoding::percent_decode_str;

use crate::Error;

/// The directory that an app serves: opened once, so that it stays the same one when its name
/// comes to stand for another.
pub(crate) struct Root {
    directory: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// # Errors
    /// There is no such directory, or the kernel is too old to keep requests inside of it.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Root, Error> {
        let path = path.as_ref();
        Root::try_open(path)
            .map_err(|reason| format!("cannot serve {}: {reason}", path.display()).into())
    }

    fn try_open(path: &Path) -> io::Result<Root> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = openat(AT_FDCWD, path, flags, Mode::empty())?;
        let root = Root { directory, path: path.canonicalize()? };
        match root.find(OsStr::new("."), OFlag::O_PATH) {
            Err(Errno::ENOSYS) => Err(io::Error::other("openat2(2) came with Linux 5.6")),
            found => Ok(found.map(|_| root)?),
        }
    }

    /// Where the directory was when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    // ANCHOR: find
    /// Opens what `path` leads to, if that is inside of the directory. Never waits.
    ///
    /// That no `..` and no symbolic link leads out, the kernel sees to, on the way and for each step:
    /// see RESOLVE_BENEATH in [openat2(2)](https://man7.org/linux/man-pages/man2/openat2.2.html).
    /// A check of ours beforehand would be about what was there beforehand.
    ///
    /// # Errors
    /// `EXDEV`: it leads out. `ENXIO`: it is a socket. And those of open(2).
    pub(crate) fn find(&self, path: &OsStr, flags: OFlag) -> nix::Result<File> {
        // A FIFO is opened at once, writer or no writer, and a terminal does not become ours.
        let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        // Beside O_PATH, openat2 takes nothing that makes no sense with it.
        let flags = if flags.contains(OFlag::O_PATH) { flags & WITH_O_PATH } else { flags };
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH);
        let mut tries = 0;
        loop {
            match openat2(&self.directory, path, how) {
                Err(Errno::EINTR) => {}
                // Somebody renamed a directory while the kernel went through a `..`.
                Err(Errno::EAGAIN) if tries < 10 => tries += 1,
                found => return found.map(File::from),
            }
        }
    }
    // ANCHOR_END: find
}

const WITH_O_PATH: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC).union(OFlag::O_DIRECTORY);

/// The parts of a URL's path between its slashes, decoded once; `None` if it has none, or if a
/// part is no name at all: because of a NUL, or of a `/` that was written as `%2F`.
pub(crate) fn segments(path: &str) -> Option<Vec<Vec<u8>>> {
    let decoded = path.strip_prefix('/')?.split('/').map(|part| percent_decode_str(part).collect());
    let decoded: Vec<Vec<u8>> = decoded.collect();
    let is_name = |part: &Vec<u8>| !part.contains(&b'/') && !part.contains(&0);
    decoded.iter().all(is_name).then_some(decoded)
}

/// The path that these parts make, below a root: what is empty counts only at the end, where it
/// asks for a directory.
pub(crate) fn below(parts: &[Vec<u8>]) -> Vec<u8> {
    let last = parts.len().saturating_sub(1);
    let parts = parts.iter().enumerate().filter(|&(at, part)| !part.is_empty() || at == last);
    let mut path = parts.map(|(_, part)| &part[..]).collect::<Vec<_>>().join(&b'/');
    if path.is_empty() {
        path.push(b'.');
    }
    path
}

/// Bytes, as the kernel takes names.
pub(crate) fn name(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}
