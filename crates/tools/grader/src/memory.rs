//! How much a run has in use: looked at now and then, because the kernel limits it only process by process.

use crate::State;
use crate::proc::{children, stat};
use crate::starved::CROWD;
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

/// How often to look.
const EVERY: Duration = Duration::from_millis(25);

/// No program needs more processes than these, one after the other, who does its work and sleeps.
const COMERS: usize = 100;

/// What a run has in use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Processes and their threads.
    pub(crate) threads: u64,
    /// Processor time of the process that has used most, of those that want more.
    pub(crate) computed: Duration,
}

/// The limits, and when to look again.
#[derive(Debug)]
pub(crate) struct Watch {
    memory: u64,
    threads: u64,
    next: Instant,
    usage: Usage,
    /// Who was there at any look, up to [`COMERS`] and a few.
    met: HashSet<Pid>,
}

impl Watch {
    pub(crate) fn new(memory: u64, threads: u64) -> Self {
        let next = Instant::now() + EVERY;
        Self { memory, threads, next, usage: Usage::default(), met: HashSet::new() }
    }

    /// How long nobody needs to look.
    pub(crate) fn pause(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Whether the processes below `supervisor` use more than they may. Looks when it is time to.
    pub(crate) fn too_much(&mut self, supervisor: Pid) -> bool {
        if self.pause().is_zero() {
            let began = Instant::now();
            self.usage = self.look(supervisor);
            // Where there is much to look at, half of the time is left: that of the looks is not counted in full.
            self.next = Instant::now() + EVERY.max(began.elapsed());
        }
        self.usage.memory > self.memory
    }

    /// Whether they are more than anybody needs who is not a bomb, at the last look.
    pub(crate) fn is_a_crowd(&self) -> bool {
        self.usage.threads > CROWD
    }

    /// Whether one comes after the other, and hardly anybody stays: what they have used is forgotten with them.
    pub(crate) fn comes_and_goes(&self) -> bool {
        self.met.len() > COMERS
    }

    /// For how long one of them has computed that does so still, at the last look.
    pub(crate) fn computed(&self) -> Duration {
        self.usage.computed
    }

    /// The limits at which the run is now, in words.
    pub(crate) fn limits(&mut self, supervisor: Pid) -> Vec<String> {
        let threads = self.look(supervisor).threads;
        // While they come and go, some are always missing from the count.
        let full = threads * 10 >= self.threads * 8;
        full.then(|| format!("it has as many processes as it may: {threads}, with their threads"))
            .into_iter()
            .collect()
    }

    fn look(&mut self, supervisor: Pid) -> Usage {
        let mut usage = Usage::default();
        let mut unseen = children(supervisor);
        while let Some(pid) = unseen.pop().filter(|_| usage.threads <= 2 * self.threads) {
            unseen.extend(children(pid));
            if !self.comes_and_goes() {
                self.met.insert(pid);
            }
            if let Some(stat) = stat(pid) {
                usage.threads += stat.threads;
                if stat.state == State::Running {
                    usage.computed = usage.computed.max(stat.cpu);
                }
            }
            usage.memory += private(pid).unwrap_or_default();
        }
        usage
    }
}

/// The bytes that a process has to itself. Those that it shares with its parent since a fork are counted, until they are
/// more than a few; then their share is asked for, which takes the kernel longer.
fn private(pid: Pid) -> Option<u64> {
    const A_FEW: u64 = 8 << 20;
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    // Shared memory counts as well: it may be a file of memory without a name.
    let bytes = resident.max(shared) * page_size();
    if bytes < A_FEW {
        return Some(resident.saturating_sub(shared) * page_size());
    }
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let share = rollup.and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(share.map_or(bytes, |kilobytes| kilobytes * 1024))
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}
