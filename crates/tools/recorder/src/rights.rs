//! What a program may not do, or the recorder not see of it, because it is recorded.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::Pid;

/// What to say of a program that has just begun, called by this name; `None`: it is as without the recorder.
pub(crate) fn warning(pid: Pid, name: &str) -> Option<String> {
    let file = match fs::metadata(format!("/proc/{pid}/exe")) {
        Ok(file) => file,
        // Of a program that its user may execute and not read, the kernel shows nothing.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Some(format!("{name} may not be read: what its calls point to is not told"));
        }
        Err(_) => return None,
    };
    let is_set = |bit: libc::mode_t| file.mode() & bit != 0;
    let runs_as = fs::metadata(format!("/proc/{pid}")).ok()?;
    let (kind, whose) = match () {
        () if is_set(libc::S_ISUID) && file.uid() != runs_as.uid() => ("set-uid", "owner"),
        () if is_set(libc::S_ISGID) && file.gid() != runs_as.gid() => ("set-gid", "group"),
        () => return None,
    };
    Some(format!(
        "{name} is {kind}, and runs without its {whose}'s rights: the kernel lends them to nobody whom a plain \
         user traces"
    ))
}
