//! A task's descriptors, as /proc has them.

use std::fs;

use nix::errno::Errno;
use nix::unistd::Pid;
use trace::event::Descriptor;

use crate::names::Names;

/// `KCMP_FILE` of linux/kcmp.h, which the libc crate doesn't have.
const KCMP_FILE: libc::c_int = 0;

/// What a descriptor leads to, by the link in /proc: a path, or `pipe:[1234]`.
pub(crate) fn leads_to(pid: Pid, number: i32) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// The numbers of a task's descriptors, lowest first.
pub(crate) fn open(pid: Pid) -> Vec<i32> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let mut numbers: Vec<i32> =
        folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The whole table. Pipes and sockets are counted from 1, and so are the open file descriptions.
pub(crate) fn table(pid: Pid, names: &Names) -> Vec<Descriptor> {
    let mut table: Vec<Descriptor> = Vec::new();
    for number in open(pid) {
        let Some(leads_to) = leads_to(pid, number) else { continue };
        let same = table.iter().find(|other| same_description(pid, other.number, number));
        let latest = table.iter().map(|other| other.description).max().unwrap_or_default();
        let description = same.map_or(latest + 1, |other| other.description);
        let flags = flags(pid, number);
        table.push(Descriptor {
            number,
            leads_to: names.in_text(&leads_to),
            description,
            close_on_exec: flags & libc::O_CLOEXEC as u32 != 0,
            flags: flags & !(libc::O_CLOEXEC as u32),
        });
    }
    table
}

/// The line `flags:` of /proc/PID/fdinfo/N, which is octal.
fn flags(pid: Pid, number: i32) -> u32 {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("flags:"));
    line.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or_default()
}

/// Whether two descriptors have one open file description, by kcmp(2).
fn same_description(pid: Pid, one: i32, other: i32) -> bool {
    let pid = pid.as_raw();
    // SAFETY: kcmp takes numbers only.
    let compared = unsafe { libc::syscall(libc::SYS_kcmp, pid, pid, KCMP_FILE, one, other) };
    Errno::result(compared) == Ok(0)
}
