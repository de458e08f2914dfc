//! Which program a URL means.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::super::root::{Root, name};

/// A program, and the URL's path cut in two.
pub(crate) struct Script {
    /// The file.
    pub(crate) path: PathBuf,
    /// SCRIPT_NAME: the part that leads to it.
    pub(crate) name: Vec<u8>,
    /// PATH_INFO: the rest, for the program to make sense of.
    pub(crate) info: Vec<u8>,
}

impl Script {
    // ANCHOR: script
    /// The first file on the way. Whether it is a program, only execve can tell.
    ///
    /// # Errors
    /// `ENOENT`: there is none; and those of [`Root::find`].
    pub(crate) fn find(root: &Root, parts: &[Vec<u8>]) -> io::Result<Script> {
        // A script would have to think of it whenever it makes a file's name of PATH_INFO.
        if parts.iter().any(|part| part == b"..") {
            return Err(Errno::ENOENT.into());
        }
        for count in 1..=parts.len() {
            let (ours, rest) = parts.split_at(count);
            let path = ours.join(&b'/');
            let metadata = root.find(name(&path), OFlag::O_PATH)?.metadata()?;
            if metadata.is_file() {
                let info = rest.iter().flat_map(|part| [b"/", &part[..]].concat()).collect();
                let name_in_url = [b"/", &path[..]].concat();
                let path = root.path().join(name(&path));
                return Ok(Script { path, name: name_in_url, info });
            }
            if !metadata.is_dir() {
                break; // a FIFO, say
            }
        }
        Err(Errno::ENOENT.into())
    }
    // ANCHOR_END: script
}
