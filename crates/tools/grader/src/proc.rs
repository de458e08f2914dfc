//! Processes as `/proc` shows them (proc(5)).

use crate::Signals;
use crate::calls::{self, Wait};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs;
use std::io::IoSliceMut;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many processes a snapshot has at most: while they fork, a look at them might never end.
const LOOKED_AT: usize = 2000;
/// How many looks are taken for one that shows everybody, for the same reason.
const LOOKS: usize = 8;

/// What a process was doing when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On a processor, or ready for one.
    Running,
    /// Asleep in the kernel until something happens; a signal can wake it.
    Sleeping,
    /// Asleep, and only what it waits for (or SIGKILL) can wake it.
    Uninterruptible,
    /// Stopped by a signal.
    Stopped,
    /// Held by whoever traces it: in a recorded run, by the recorder, which lets one go on at a time.
    Traced,
    /// It has ended, and its parent has not reaped it.
    Zombie,
    /// Another letter of proc(5).
    Other(char),
}

/// The system call in which a process was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// This machine does not show it: reading `/proc/PID/syscall` was refused.
    Hidden,
    /// None: it was running code of its own, or has ended.
    None,
    /// In this system call.
    In {
        /// The call's number on this architecture.
        number: i64,
        /// The six argument registers.
        args: [u64; 6],
    },
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// What `/proc/PID/fd` says that it leads to: a path, `pipe:[inode]`, …
    pub target: PathBuf,
    /// Whether it can be written to.
    pub writable: bool,
    /// How it was opened, and its status flags, as `fcntl(F_GETFL)` gives them; and `O_CLOEXEC`, where exec closes it.
    pub flags: i32,
    /// How many bytes from its start the next read or write begins.
    pub offset: u64,
}

/// One process at one moment.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid, as the run's own processes know it.
    pub pid: Pid,
    /// Its pid as the test knows it: another one where the run has pids of its own.
    pub host: Pid,
    /// Its parent's pid; the supervisor's when its own parent is gone.
    pub parent: Pid,
    /// The file name of its program, at most 15 bytes.
    pub name: String,
    /// What it was doing; `Running` when any of its threads was.
    pub state: State,
    /// The call of its first thread.
    pub call: Call,
    /// Processor time that it has used, in user and in kernel mode, without its children's.
    pub cpu: Duration,
    /// Whether it has reaped a child: the kernel adds a child's page faults and times to the parent that waits
    /// for it, and to nobody else's.
    pub reaped_a_child: bool,
    /// Its open descriptors, sorted by number. Empty for a zombie, and where the machine refuses to say.
    pub descriptors: Vec<Descriptor>,
    /// What waits for it, and what it does with signals.
    pub signals: Signals,
    /// The path that it was opening, when its call was `open` or `openat`.
    pub opening: Option<PathBuf>,
}

impl Process {
    /// Whether it was asleep until something happens (and not just until some time has passed). Where the machine
    /// does not show the call, every sleep counts; a short wait for a disk or for memory never does.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.state == State::Sleeping && !self.sleeping_for_time()
    }

    /// Whether it was blocked until there is something to read from this descriptor. `None` where the machine does
    /// not show the call.
    #[must_use]
    pub fn waits_to_read(&self, descriptor: i32) -> Option<bool> {
        let asleep = self.state == State::Sleeping;
        (self.call != Call::Hidden).then(|| asleep && self.wait() == Some(Wait::Read(descriptor)))
    }

    /// Whether it was asleep just until some time has passed, as in `sleep(3)`.
    #[must_use]
    pub fn sleeping_for_time(&self) -> bool {
        self.state == State::Sleeping && self.wait() == Some(Wait::Time)
    }

    /// Whether it was asleep for some time at the most, whatever it was waiting for: in a call with a timeout.
    #[must_use]
    pub fn goes_by_the_clock(&self) -> bool {
        match self.call {
            Call::In { number, args } => {
                self.state == State::Sleeping && calls::has_a_limit(number, args)
            }
            Call::Hidden | Call::None => false,
        }
    }

    /// The name of the call that it was in, if it was in one that the grader knows.
    #[must_use]
    pub fn call_name(&self) -> Option<&'static str> {
        match self.call {
            Call::In { number, .. } => calls::name(number),
            Call::Hidden | Call::None => None,
        }
    }

    pub(crate) fn wait(&self) -> Option<Wait> {
        match self.call {
            Call::In { number, args } => Some(calls::wait(number, args)),
            Call::Hidden | Call::None => None,
        }
    }

    /// Its descriptor of that number.
    #[must_use]
    pub fn descriptor(&self, number: i32) -> Option<&Descriptor> {
        self.descriptors.iter().find(|d| d.number == number)
    }

    /// Looks at a process; `None` when there is none of that pid (any more).
    pub(crate) fn read(pid: Pid) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = Stat::read(&folder.join("stat"))?;
        let any_runs = stat.threads > 1 && any_thread_runs(&folder);
        let (call, state) = call(&folder, stat.state);
        let mut process = Self {
            pid: inner_pid(&folder).unwrap_or(pid),
            host: pid,
            parent: Pid::from_raw(stat.parent),
            state: if any_runs { State::Running } else { state },
            name: stat.name,
            call,
            cpu: stat.cpu,
            reaped_a_child: stat.reaped_a_child,
            descriptors: descriptors(&folder),
            signals: Signals::read(&folder),
            opening: None,
        };
        if let Some(Wait::Open(address)) = process.wait() {
            process.opening = read_path(pid, address);
        }
        Some(process)
    }
}

/// The pid in the innermost pid namespace: the last number of `NSpid` in `/proc/PID/status`.
fn inner_pid(folder: &Path) -> Option<Pid> {
    let status = fs::read(folder.join("status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let pids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    pids.split_whitespace().next_back()?.parse().ok().map(Pid::from_raw)
}

/// The processes of a run at one moment. They were looked at one after the other: while they run, one may be seen
/// a little later than another.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The pid of the program itself, as it knows it.
    pub program: Pid,
    /// The program, its descendants, and those that its descendants abandoned; parents before their children.
    pub processes: Vec<Process>,
}

impl Snapshot {
    /// Looks at all descendants of `supervisor`, until two looks have shown the same ones: whoever is made, or is handed
    /// on to the supervisor by a dying parent, in the middle of a look may be missing from it.
    pub(crate) fn complete(supervisor: Pid, program: Pid) -> Self {
        let family = |look: &Self| -> Vec<_> {
            look.processes.iter().map(|p| (p.host, p.parent, p.state == State::Zombie)).collect()
        };
        let mut look = Self::take(supervisor, program);
        for _ in 1..LOOKS {
            let again = Self::take(supervisor, program);
            let settled = family(&again) == family(&look);
            look = again;
            if settled {
                break;
            }
        }
        look
    }

    /// Looks once at all descendants of `supervisor`.
    pub(crate) fn take(supervisor: Pid, program: Pid) -> Self {
        let mut processes: Vec<Process> = Vec::new();
        let mut unseen = children(supervisor);
        unseen.reverse();
        while let Some(pid) = unseen.pop().filter(|_| processes.len() < LOOKED_AT) {
            if let Some(process) = Process::read(pid) {
                unseen.extend(children(pid).into_iter().rev());
                processes.push(process);
            }
        }
        // The kernel tells parents by the test's pids.
        let known: Vec<(Pid, Pid)> = processes.iter().map(|p| (p.host, p.pid)).collect();
        let inner = |host: Pid| known.iter().find(|(h, _)| *h == host).map(|(_, pid)| *pid);
        for process in &mut processes {
            process.parent = inner(process.parent).unwrap_or(process.parent);
        }
        Self { program: inner(program).unwrap_or(program), processes }
    }

    /// The process of that pid.
    #[must_use]
    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.processes.iter().find(|p| p.pid == pid)
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> Option<&Process> {
        self.get(self.program)
    }

    /// Everybody but the program itself.
    pub fn others(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|p| p.pid != self.program)
    }
}

/// The fields of `/proc/PID/stat` that matter here.
pub(crate) struct Stat {
    name: String,
    pub(crate) state: State,
    parent: i32,
    pub(crate) threads: u64,
    cpu: Duration,
    reaped_a_child: bool,
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

fn ticks(count: u64) -> Duration {
    let a_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    let a_second = a_second.and_then(|n| u64::try_from(n).ok()).unwrap_or(100);
    Duration::from_micros(count * 1_000_000 / a_second)
}

fn any_thread_runs(folder: &Path) -> bool {
    entries(&folder.join("task"))
        .any(|task| Stat::read(&task.join("stat")).is_some_and(|stat| stat.state == State::Running))
}

/// The call of a process, and its state as corrected by that.
fn call(folder: &Path, state: State) -> (Call, State) {
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

fn descriptors(folder: &Path) -> Vec<Descriptor> {
    let mut found: Vec<Descriptor> = entries(&folder.join("fd"))
        .filter_map(|link| {
            let number = link.file_name()?.to_str()?.parse().ok()?;
            let info = fs::read_to_string(folder.join(format!("fdinfo/{number}"))).ok()?;
            let field = |name| info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let flags = i32::from_str_radix(field("flags:")?, 8).ok()?;
            let writable = flags & libc::O_ACCMODE != libc::O_RDONLY;
            let offset = field("pos:")?.parse().ok()?;
            Some(Descriptor { number, target: fs::read_link(link).ok()?, writable, flags, offset })
        })
        .collect();
    found.sort_by_key(|d| d.number);
    found
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
fn read_path(pid: Pid, address: u64) -> Option<PathBuf> {
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
