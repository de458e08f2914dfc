//! What /proc tells of a server's processes.

use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use story::{state, wait_until};

/// What ps(1) shows.
pub(crate) fn title(pid: Pid) -> String {
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.trim_end_matches('\0').replace('\0', " ")
}

/// The number in a worker's title.
pub(crate) fn number_of(worker: Pid) -> Option<usize> {
    title(worker).strip_prefix("mini-unicorn worker[")?.split(']').next()?.parse().ok()
}

/// Its open descriptors, and where they lead: `socket:[4711]`, `pipe:[42]`, `/a/path`.
pub(crate) fn descriptors(pid: Pid) -> Vec<(RawFd, String)> {
    let Ok(all) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let descriptor = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, target.display().to_string()))
    };
    let mut all: Vec<_> = all.filter_map(|entry| descriptor(entry.ok()?)).collect();
    all.sort_unstable();
    all
}

/// The sockets that it has open. A worker that has one more than its master has a client.
pub(crate) fn sockets(pid: Pid) -> Vec<String> {
    let targets = descriptors(pid).into_iter().map(|(_, target)| target);
    targets.filter(|target| target.starts_with("socket:[")).collect()
}

/// The inode that a descriptor leads to.
pub(crate) fn leads_to(pid: Pid, fd: RawFd) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/fd/{fd}")).ok().map(|meta| meta.ino())
}

/// The inode of the socket that is open there: `socket:[4711]`.
#[track_caller]
pub(crate) fn socket_at(pid: Pid, fd: RawFd) -> String {
    let found = descriptors(pid).into_iter().find(|&(number, _)| number == fd);
    let target = found.unwrap_or_else(|| panic!("{pid} has nothing open as {fd}")).1;
    assert!(target.starts_with("socket:["), "{pid} has {target} open as {fd}");
    target
}

/// Whether exec closes it, as /proc/PID/fdinfo says.
#[track_caller]
pub(crate) fn is_close_on_exec(pid: Pid, fd: RawFd) -> bool {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).expect("it is open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("proc(5)");
    let flags = i32::from_str_radix(flags.trim(), 8).expect("they are in octal");
    flags & libc::O_CLOEXEC != 0
}

/// Sends a signal.
#[track_caller]
pub(crate) fn send(pid: Pid, signal: Signal) {
    kill(pid, signal).expect("it lives");
}

/// Stops a process, and waits until it is.
#[track_caller]
pub(crate) fn stop(pid: Pid) {
    send(pid, Signal::SIGSTOP);
    wait_until(&format!("{pid} is stopped"), || (state(pid) == Some('T')).then_some(()));
}

/// Waits until all of them have been reaped.
#[track_caller]
pub(crate) fn wait_until_gone(pids: &[Pid]) {
    wait_until(&format!("{pids:?} have gone"), || {
        pids.iter().all(|&pid| state(pid).is_none()).then_some(())
    });
}

/// The processes whose current directory is this one or below it, but for zombies.
pub(crate) fn living_in(folder: &Path) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
        })
        .map(Pid::from_raw)
        .collect()
}

/// The pid in a file, once there is one.
#[track_caller]
pub(crate) fn pid_in(path: &Path) -> Pid {
    wait_until(&format!("a pid is in {}", path.display()), || {
        let text = fs::read_to_string(path).ok()?;
        Some(Pid::from_raw(text.trim_end().parse().ok()?))
    })
}
