//! Namespaces: a run's own pids, mounts, network and System V objects (namespaces(7)).
//!
//! The supervisor is cloned into them and is pid 1 there: when it ends, by whatever cause, the kernel ends everybody
//! else. What this file does happens in the supervisor, so it keeps to what `mod.rs` allows.

use super::report::*;
use libc::{c_int, c_ulong};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::{CStr, CString};

/// What is set up in the new namespaces, made ready before the fork.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// Who one is inside: the lines of `uid_map` and `gid_map`. `None` without a user namespace, as root.
    pub(crate) maps: Option<[CString; 2]>,
    /// Whether the network is the run's own: then its loopback device has to be woken.
    pub(crate) own_network: bool,
    /// The folder on which an empty file system of limited size is mounted.
    pub(crate) scratch: CString,
    /// Folders that stay writable.
    pub(crate) writable: Vec<CString>,
    /// The pid before the program's, in decimal: small ones could be guessed, and be taken for other numbers in a text.
    pub(crate) last_pid: CString,
}

impl Rooms {
    /// The flags with which the supervisor is cloned: it can't enter these by itself.
    pub(crate) fn flags(&self) -> c_int {
        let user = if self.maps.is_some() { libc::CLONE_NEWUSER } else { 0 };
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | user
    }

    /// Furnishes the namespaces in which the calling process is the first.
    pub(crate) fn furnish(&self) -> Step<()> {
        // Not when it is cloned: a new network may take seconds where many are being taken down, and for so long the
        // process that is to be would hold a copy of all that the test has open.
        let network = if self.own_network { libc::CLONE_NEWNET } else { 0 };
        // SAFETY: the call takes a number, and this process has one thread.
        Errno::result(unsafe { libc::unshare(libc::CLONE_NEWIPC | network) })
            .map_err(|e| (UNSHARE, e))?;
        if let Some([uids, gids]) = &self.maps {
            // Whoever may drop groups could get past "not this group" permissions: user_namespaces(7).
            write_file(c"/proc/self/setgroups", c"deny").map_err(|e| (MAPS, e))?;
            write_file(c"/proc/self/uid_map", uids).map_err(|e| (MAPS, e))?;
            write_file(c"/proc/self/gid_map", gids).map_err(|e| (MAPS, e))?;
        }
        self.furnish_mounts().map_err(|e| (MOUNT, e))?;
        // The old one shows the pids of another namespace.
        let plain = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        mount(Some(c"proc"), c"/proc", Some(c"proc"), plain, None).map_err(|e| (PROC, e))?;
        // A kernel without checkpoint/restore doesn't let pids be chosen: then they are small.
        let _ = write_file(c"/proc/sys/kernel/ns_last_pid", &self.last_pid);
        if self.own_network {
            wake_loopback().map_err(|e| (LOOPBACK, e))?;
        }
        Ok(())
    }

    fn furnish_mounts(&self) -> nix::Result<()> {
        // What is mounted here must not show outside.
        mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE, None)?;
        for folder in &self.writable {
            mount(Some(folder), folder, None, libc::MS_BIND, None)?;
        }
        set_attributes(c"/", libc::AT_RECURSIVE, libc::MOUNT_ATTR_RDONLY, 0)?;
        for folder in &self.writable {
            set_attributes(folder, 0, 0, libc::MOUNT_ATTR_RDONLY)?;
        }
        let limits = c"size=64m,nr_inodes=10000,mode=0777";
        let plain = libc::MS_NOSUID | libc::MS_NODEV;
        mount(Some(c"scratch"), &self.scratch, Some(c"tmpfs"), plain, Some(limits))
    }
}

fn write_file(path: &CStr, text: &CStr) -> nix::Result<()> {
    let file = nix::fcntl::open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    // These files take all of a write or nothing.
    nix::unistd::write(&file, text.to_bytes()).map(drop)
}

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: c_ulong,
    options: Option<&CStr>,
) -> nix::Result<()> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: each pointer is null or leads to a string that lives through the call.
    let done = unsafe {
        libc::mount(pointer(source), target.as_ptr(), pointer(kind), flags, pointer(options).cast())
    };
    Errno::result(done).map(drop)
}

fn set_attributes(path: &CStr, flags: c_int, set: u64, clear: u64) -> nix::Result<()> {
    let change = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    // SAFETY: path and structure live through the call, which is told the structure's size.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(done).map(drop)
}

/// Brings `lo` up: in a new network namespace it is down (netdevice(7)).
fn wake_loopback() -> nix::Result<()> {
    // SAFETY: plain numbers; the call makes a new descriptor or fails.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    let socket = Errno::result(socket)?;
    // SAFETY: all zeros is a valid `ifreq`, a structure of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request is of the type that this ioctl reads.
    let done = unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) };
    let done = Errno::result(done).map(drop);
    // SAFETY: the descriptor was made above, and nobody else uses it.
    unsafe { libc::close(socket) };
    done
}
