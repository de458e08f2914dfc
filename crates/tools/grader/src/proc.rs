//! Reads `/proc` (proc(5)).

use crate::{Call, Descriptor, State};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs;
use std::io::IoSliceMut;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The fields of `/proc/PID/stat` that matter here.
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) parent: i32,
    pub(crate) threads: u64,
    pub(crate) cpu: Duration,
    pub(crate) reaped_a_child: bool,
}

impl Stat {
    pub(crate) fn read(path: &Path) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(path).ok()?))
    }

    fn parse(line: &str) -> Option<Self> {
        // The name may hold spaces and parentheses: it ends at the last one.
        let (start, rest) = line.rsplit_once(')')?;
        let (_, name) = start.split_once('(')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // `rest` begins with field 3 of proc_pid_stat(5).
        let field = |number: usize| fields.get(number - 3).copied();
        let count = |number: usize| field(number)?.parse::<u64>().ok();
        let (cminflt, cmajflt, cutime, cstime) = (count(11)?, count(13)?, count(16)?, count(17)?);
        Some(Self {
            name: name.to_owned(),
            state: match field(3)? {
                "R" => State::Running,
                "S" => State::Sleeping,
                "D" => State::Uninterruptible,
                "T" => State::Stopped,
                "t" => State::Traced,
                "Z" => State::Zombie,
                other => State::Other(other.chars().next()?),
            },
            parent: field(4)?.parse().ok()?,
            threads: count(20)?,
            cpu: ticks(count(14)? + count(15)?),
            reaped_a_child: cminflt + cmajflt + cutime + cstime > 0,
        })
    }
}

/// What `/proc` says of a process, while it is there.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    Stat::read(Path::new(&format!("/proc/{pid}/stat")))
}

fn ticks(count: u64) -> Duration {
    let a_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    let a_second = a_second.and_then(|n| u64::try_from(n).ok()).unwrap_or(100);
    Duration::from_micros(count * 1_000_000 / a_second)
}

pub(crate) fn any_thread_runs(folder: &Path) -> bool {
    entries(&folder.join("task"))
        .any(|task| Stat::read(&task.join("stat")).is_some_and(|stat| stat.state == State::Running))
}

/// The folder and the state of a thread that lives, where the first one of this process does not.
pub(crate) fn thread_that_lives(folder: &Path, stat: &Stat) -> Option<(PathBuf, State)> {
    if stat.state != State::Zombie || stat.threads < 2 {
        return None;
    }
    entries(&folder.join("task")).find_map(|task| {
        let state = Stat::read(&task.join("stat"))?.state;
        (state != State::Zombie).then_some((task, state))
    })
}

/// The call of a process, and its state as corrected by that.
pub(crate) fn call(folder: &Path, state: State) -> (Call, State) {
    if state == State::Zombie {
        return (Call::None, state);
    }
    match fs::read_to_string(folder.join("syscall")) {
        // A process that asks with WNOHANG is marked as asleep for a moment in the middle of the call, while it runs.
        // This file knows better: before it answers with a call, the kernel makes sure that the process is off
        // the processor and no longer queued for one.
        Ok(line) if line.starts_with("running") && state == State::Sleeping => {
            (Call::None, State::Running)
        }
        Ok(line) => (parse_call(&line).unwrap_or(Call::None), state),
        Err(_) => {
            // Whoever has gone on or ended meanwhile can't be asked, and that says nothing of the machine.
            let now = Stat::read(&folder.join("stat")).map_or(State::Zombie, |stat| stat.state);
            let sleeps = now == state && !matches!(now, State::Running | State::Zombie);
            (if sleeps { Call::Hidden } else { Call::None }, now)
        }
    }
}

/// In which call a process is that this one traces, and that has stopped.
pub(crate) fn call_of(stopped: Pid) -> Call {
    match fs::read_to_string(format!("/proc/{stopped}/syscall")) {
        Ok(line) => parse_call(&line).unwrap_or(Call::None),
        Err(_) => Call::Hidden,
    }
}

/// `running`, or `-1 SP PC` outside of any call, or `NR ARG*6 SP PC`.
fn parse_call(line: &str) -> Option<Call> {
    let mut words = line.split_whitespace();
    let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
    }
    Some(Call::In { number, args })
}

/// The descriptors of a process, as long as there are `bytes` left that may be read about them.
pub(crate) fn descriptors(folder: &Path, bytes: &mut usize) -> Vec<Descriptor> {
    let mut found = Vec::new();
    for link in entries(&folder.join("fd")) {
        if *bytes == 0 {
            break;
        }
        found.extend(descriptor(folder, &link, bytes));
    }
    found.sort_by_key(|d: &Descriptor| d.number);
    found
}

fn descriptor(folder: &Path, link: &Path, bytes: &mut usize) -> Option<Descriptor> {
    let number = link.file_name()?.to_str()?.parse().ok()?;
    let info = fs::read_to_string(folder.join(format!("fdinfo/{number}"))).ok()?;
    *bytes = bytes.saturating_sub(info.len());
    let field = |name| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = i32::from_str_radix(field("flags:")?, 8).ok()?;
    let writable = flags & libc::O_ACCMODE != libc::O_RDONLY;
    let offset = field("pos:")?.parse().ok()?;
    Some(Descriptor { number, target: fs::read_link(link).ok()?, writable, flags, offset })
}

/// The children of a process, in the order of their birth. Taken thread by thread: each thread has its own.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    entries(Path::new(&format!("/proc/{pid}/task")))
        .filter_map(|task| fs::read_to_string(task.join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .map(Pid::from_raw)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// How many threads this user's processes have, as far as this process can see.
pub(crate) fn threads_of_this_user() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let user = nix::unistd::getuid().as_raw();
    entries(Path::new("/proc"))
        .filter(|folder| fs::metadata(folder).is_ok_and(|m| m.uid() == user))
        .filter_map(|folder| Stat::read(&folder.join("stat")))
        .map(|stat| stat.threads)
        .sum()
}

/// Reads the path at this address of another process.
pub(crate) fn read_path(pid: Pid, address: u64) -> Option<PathBuf> {
    let mut path = Vec::new();
    let mut base = usize::try_from(address).ok()?;
    while path.len() < 4096 {
        // Up to the end of a page at most: the next one may not be there.
        let mut chunk = vec![0; 4096 - base % 4096];
        let remote = [nix::sys::uio::RemoteIoVec { base, len: chunk.len() }];
        let count =
            nix::sys::uio::process_vm_readv(pid, &mut [IoSliceMut::new(&mut chunk)], &remote)
                .ok()?;
        let chunk = chunk.get(..count).filter(|chunk| !chunk.is_empty())?;
        if let Some(end) = chunk.iter().position(|byte| *byte == 0) {
            path.extend_from_slice(&chunk[..end]);
            return Some(PathBuf::from(OsStr::from_bytes(&path)));
        }
        path.extend_from_slice(chunk);
        base += count;
    }
    None
}

/// The pids of a process in each pid namespace that knows it, from this one's down: `NSpid` in `/proc/PID/status`.
pub(crate) fn pids(process: Pid) -> Vec<Pid> {
    let status = fs::read(format!("/proc/{process}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    pids.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect()
}

/// The entries of a folder of `/proc`; none when it is gone or closed to us.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194560 99 5 0 0 2 1 0 0 20 0 1 0 12345";
        let stat = Stat::parse(line).expect("it parses");
        assert_eq!((stat.name.as_str(), stat.state, stat.parent), ("a) b", State::Sleeping, 3));
        assert_eq!(
            (stat.cpu, stat.reaped_a_child, stat.threads),
            (Duration::from_millis(30), true, 1)
        );
    }

    #[test]
    fn a_process_outside_of_any_call_is_in_none() {
        assert_eq!(parse_call("-1 0x7ffd 0x55aa"), None);
        assert_eq!(parse_call("running"), None);
        let call =
            parse_call("61 0xffffffff 0x1 0x2 0x3 0x4 0x5 0x7ffd 0x55aa").expect("it parses");
        assert_eq!(call, Call::In { number: 61, args: [0xffff_ffff, 1, 2, 3, 4, 5] });
    }
}
