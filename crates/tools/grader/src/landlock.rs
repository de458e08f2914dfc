//! Landlock: from a point on, a process may write only beneath some folders (landlock(7)).
//!
//! The ruleset is made in the test, before the fork: it is a descriptor. What is left to do in the program's process
//! is one call, [`restrict`], which allocates nothing.

use nix::errno::Errno;
use std::fs::File;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Devices that take writes and keep none.
const SINKS: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Devices that may be asked about themselves by ioctl(2); what they let anybody change is the superuser's.
const ASKED: [&str; 2] = ["/dev/random", "/dev/urandom"];

const WRITE_FILE: u64 = 1 << 1;
/// Removing and making files of all kinds, beside writing to them: `LANDLOCK_ACCESS_FS_*` of the first version.
const WRITES: u64 = WRITE_FILE | 0b1_1111_1111 << 4;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Sockets without a file, and signals, stay within the domain.
const SCOPES: u64 = 0b11;

/// The first version that keeps signals inside.
pub(crate) const SCOPES_SIGNALS: i32 = 6;

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct Attributes {
    files: u64,
    ports: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`, which is packed.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    folder: RawFd,
}

/// The version of Landlock that this kernel has and uses; `None` when it has none.
pub(crate) fn version() -> Option<i32> {
    const ASK: u32 = 1; // LANDLOCK_CREATE_RULESET_VERSION
    // SAFETY: without attributes and with this flag, the call only answers.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Attributes>(),
            0usize,
            ASK,
        )
    };
    i32::try_from(answer).ok().filter(|version| *version > 0)
}

/// Rules under which files can be changed only beneath `folders`. Reading stays free.
///
/// # Errors
/// What a call said, after the call's name.
pub(crate) fn rules(version: i32, folders: &[&Path]) -> Result<OwnedFd, String> {
    let since = |first: i32, right: u64| if version >= first { right } else { 0 };
    let files = WRITES | since(2, REFER) | since(3, TRUNCATE) | since(5, IOCTL_DEV);
    let attributes = Attributes { files, ports: 0, scopes: since(SCOPES_SIGNALS, SCOPES) };
    // Older kernels refuse a structure that is longer than theirs.
    let size = match version {
        ..=3 => 8,
        4..=5 => 16,
        _ => size_of::<Attributes>(),
    };
    // SAFETY: the structure lives through the call, and `size` is not more than its size.
    let made = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0u32)
    };
    let made = Errno::result(made).map_err(|e| format!("landlock_create_ruleset(2): {e}"))?;
    // SAFETY: the kernel has just handed us this descriptor (with CLOEXEC), and nobody else has its number.
    let rules = unsafe { OwnedFd::from_raw_fd(made as RawFd) };
    for folder in folders {
        allow(&rules, folder, files)?;
    }
    for sink in SINKS.iter().map(Path::new).filter(|sink| sink.exists()) {
        allow(&rules, sink, WRITE_FILE | since(3, TRUNCATE))?;
    }
    if files & IOCTL_DEV != 0 {
        for device in ASKED.iter().map(Path::new).filter(|device| device.exists()) {
            allow(&rules, device, IOCTL_DEV)?;
        }
    }
    Ok(rules)
}

fn allow(rules: &OwnedFd, path: &Path, allowed: u64) -> Result<(), String> {
    const PATH_BENEATH: u32 = 1; // LANDLOCK_RULE_PATH_BENEATH
    let folder = File::options().read(true).custom_flags(libc::O_PATH).open(path);
    let folder = folder.map_err(|e| format!("cannot open {}: {e}", path.display()))?;
    let rule = Beneath { allowed, folder: folder.as_raw_fd() };
    // SAFETY: the structure lives through the call, and has the type that this kind of rule wants.
    let added = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            rules.as_raw_fd(),
            PATH_BENEATH,
            &raw const rule,
            0u32,
        )
    };
    Errno::result(added).map(drop).map_err(|e| format!("landlock_add_rule(2): {e}"))
}

/// Puts the calling thread under these rules, for good. Async-signal-safe.
pub(crate) fn restrict(rules: RawFd) -> nix::Result<()> {
    // SAFETY: a plain number; the kernel checks whether it is a ruleset.
    let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules, 0u32) };
    Errno::result(done).map(drop)
}
