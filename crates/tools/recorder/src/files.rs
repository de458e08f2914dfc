//! A task's descriptors, as /proc has them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::Pid;
use trace::event::Descriptor;

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
pub(crate) fn table(pid: Pid) -> Vec<Descriptor> {
    let mut counted = HashMap::new();
    let mut table: Vec<Descriptor> = Vec::new();
    for number in open(pid) {
        let Some(leads_to) = leads_to(pid, number) else { continue };
        let same = table.iter().find(|other| same_description(pid, other.number, number));
        let latest = table.iter().map(|other| other.description).max().unwrap_or_default();
        let description = same.map_or(latest + 1, |other| other.description);
        let flags = flags(pid, number);
        table.push(Descriptor {
            number,
            leads_to: counted_name(&leads_to, &mut counted),
            description,
            close_on_exec: flags & libc::O_CLOEXEC as u32 != 0,
            flags: flags & !(libc::O_CLOEXEC as u32),
        });
    }
    table
}

/// `pipe:[1234]` becomes `pipe:[1]` if it is the first.
fn counted_name(leads_to: &str, counted: &mut HashMap<String, usize>) -> String {
    match leads_to.split_once(":[") {
        Some((kind, _)) if !Path::new(leads_to).is_absolute() && kind != "anon_inode" => {
            let next = counted.keys().filter(|other| other.starts_with(kind)).count() + 1;
            let number = *counted.entry(leads_to.to_string()).or_insert(next);
            format!("{kind}:[{number}]")
        }
        _ => leads_to.to_string(),
    }
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
