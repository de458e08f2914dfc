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

/// The number in `socket:[4711]`.
pub(crate) fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The numbers of a task's descriptors, lowest first.
pub(crate) fn open(pid: Pid) -> Vec<i32> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let mut numbers: Vec<i32> =
        folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// What was seen of open file descriptions at one moment: they are numbered over all tables.
#[derive(Debug, Default)]
pub(crate) struct Moment {
    /// What each leads to, and a descriptor that leads to it. The first has the number 1.
    seen: Vec<(String, Pid, i32)>,
}

impl Moment {
    /// The whole table of a task. Pipes and sockets are counted from 1, and so are the open file descriptions.
    pub(crate) fn table(&mut self, pid: Pid, names: &Names) -> Vec<Descriptor> {
        let mut table = Vec::new();
        for number in open(pid) {
            let Some(leads_to) = leads_to(pid, number) else { continue };
            let flags = flags(pid, number);
            table.push(Descriptor {
                number,
                leads_to: names.in_text(without_inode(&leads_to)),
                description: self.description(leads_to, pid, number),
                close_on_exec: flags & libc::O_CLOEXEC as u32 != 0,
                flags: flags & !(libc::O_CLOEXEC as u32),
            });
        }
        table
    }

    fn description(&mut self, leads_to: String, pid: Pid, number: i32) -> u32 {
        let known = self.seen.iter().position(|(name, other, other_number)| {
            *name == leads_to && same_description((*other, *other_number), (pid, number))
        });
        let index = known.unwrap_or_else(|| {
            self.seen.push((leads_to, pid, number));
            self.seen.len() - 1
        });
        index as u32 + 1
    }
}

/// A file that was made without a name (O_TMPFILE) is called by its folder: its inode differs each time.
fn without_inode(leads_to: &str) -> &str {
    let named = leads_to.strip_suffix(" (deleted)").and_then(|path| path.rsplit_once("/#"));
    match named {
        Some((folder, inode)) if inode.bytes().all(|byte| byte.is_ascii_digit()) => folder,
        _ => leads_to,
    }
}

/// The line `flags:` of /proc/PID/fdinfo/N, which is octal.
fn flags(pid: Pid, number: i32) -> u32 {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("flags:"));
    line.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or_default()
}

/// Whether two descriptors have one open file description, by kcmp(2). Where that is refused, they are taken for one if
/// nothing tells them apart: a file that was opened twice and not read is then taken for one that was duplicated.
pub(crate) fn same_description(one: (Pid, i32), other: (Pid, i32)) -> bool {
    let ((pid, number), (other_pid, other_number)) = (one, other);
    let (pid, other_pid) = (pid.as_raw(), other_pid.as_raw());
    // SAFETY: kcmp takes numbers only.
    let compared =
        unsafe { libc::syscall(libc::SYS_kcmp, pid, other_pid, KCMP_FILE, number, other_number) };
    match Errno::result(compared) {
        Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => info(one) == info(other),
        compared => compared == Ok(0),
    }
}

/// What /proc/PID/fdinfo/N says of a description: all but whether exec closes the descriptor.
fn info((pid, number): (Pid, i32)) -> (u32, String) {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
    let lines = info.lines().filter(|line| !line.starts_with("flags:"));
    (flags(pid, number) & !(libc::O_CLOEXEC as u32), lines.collect())
}
