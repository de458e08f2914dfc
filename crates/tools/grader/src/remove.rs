//! Removes a folder in which a program has been, whatever it has made there.
//!
//! Folders in each other may be as many as there is time to make: too many to go down with a descriptor for each, as
//! [`std::fs::remove_dir_all`] does, and too many for a path. So each is moved up to the first one, and is emptied there.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// How often the first folder is looked through. What is moved there meanwhile may not be seen before the next time.
const ROUNDS: u32 = 1_000_000;

/// Removes this folder, with everything in it.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    open_to_owner(folder);
    let top = open(folder)?;
    for _ in 0..ROUNDS {
        if !empty(&top, &top)? {
            return fs::remove_dir(folder);
        }
    }
    Err(io::ErrorKind::DirectoryNotEmpty.into())
}

/// Removes what is in a folder, where the folders in it have been emptied; moves up what is in those. Whether there was anything.
fn empty(folder: &File, top: &File) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(inside(folder))? {
        any = true;
        let entry = entry?;
        // It does not follow symbolic links: what is behind one is not ours.
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
            continue;
        }
        open_to_owner(&entry.path());
        for below in fs::read_dir(inside(&open(&entry.path())?))? {
            move_up(&below?, top)?;
        }
        fs::remove_dir(entry.path())?;
    }
    Ok(any)
}

fn move_up(entry: &fs::DirEntry, top: &File) -> io::Result<()> {
    if !entry.file_type()?.is_dir() {
        return fs::remove_file(entry.path());
    }
    // Whoever moves a folder has to be allowed to write in it: its `..` changes.
    open_to_owner(&entry.path());
    fs::rename(entry.path(), inside(top).join(format!("{:016x}", fastrand::u64(..))))
}

/// Opens a folder, and nothing that a link in its place leads to.
fn open(folder: &Path) -> io::Result<File> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    File::options().read(true).custom_flags(flags).open(folder)
}

/// A path to what this descriptor leads to, and to nothing that was put in its place.
fn inside(folder: &File) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}

/// Opens a folder to its owner: a program may have closed its own even to itself. Root needs none of that, and
/// should not change what is behind a link that somebody makes just now.
fn open_to_owner(folder: &Path) {
    if !nix::unistd::geteuid().is_root() {
        // Whoever needs it is refused later.
        let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_goes_however_deep_and_closed_it_is() {
        let around = tempfile::tempdir().expect("a folder");
        let (folder, other) = (around.path().join("folder"), around.path().join("other"));
        let nobody = Permissions::from_mode(0o000);
        fs::create_dir_all(folder.join("a/b/c")).expect("mkdir");
        fs::create_dir(&other).expect("mkdir");
        fs::write(other.join("file"), "precious").expect("write");
        fs::write(folder.join("a/b/file"), "").expect("write");
        symlink(&other, folder.join("a/link")).expect("symlink");
        symlink(&other, folder.join("link")).expect("symlink");
        for closed in ["a/b", "a"] {
            fs::set_permissions(folder.join(closed), nobody.clone()).expect("chmod");
        }
        // Deeper than a path is long and than there are descriptors. From its deepest one up, so that no path is long.
        for _ in 0..1100 {
            let upper = around.path().join("upper");
            fs::create_dir(&upper).expect("mkdir");
            fs::rename(&folder, upper.join("folder")).expect("rename");
            fs::rename(&upper, &folder).expect("rename");
        }
        fs::set_permissions(&folder, nobody).expect("chmod");
        remove(&folder).expect("it can be removed");
        assert!(!folder.exists());
        assert_eq!(fs::read(other.join("file")).expect("it is there"), b"precious");
    }
}
