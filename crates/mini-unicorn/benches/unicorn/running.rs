//! A server at work: on a CPU of its own, in a process group of its own, and gone when we are.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread::sleep;
use std::time::{Duration, Instant};

use execve::launch;
use fork::wait_for;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use signals::{Disposition, set_disposition};
use story::children;
use tempfile::TempDir;

use crate::subject::Subject;

/// The group of the server that runs, where a handler can find it; or 0.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// SIGKILL can't be refused, but the machine may be busy.
const LONGEST_END: Duration = Duration::from_secs(5);

/// From now on, what ends this program by signal ends the server first. (Its parent's death would end
/// a master too, but not one that its own SIGUSR2 has started.)
pub(crate) fn end_with_the_servers() -> io::Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: kill and _exit are on signal-safety(7)'s list, and it does nothing else.
        unsafe { set_disposition(signal, Disposition::Handler(on_signal)) }?;
    }
    Ok(())
}

/// Runs in the middle of anything. So: one kill, and gone.
extern "C" fn on_signal(signal: libc::c_int) {
    let group = GROUP.load(SeqCst);
    // SAFETY: they take no pointer. 0 and -0 would be our own group: only a server's is killed.
    unsafe {
        if group > 0 {
            libc::kill(-group, libc::SIGKILL);
        }
        libc::_exit(128 + signal)
    }
}

/// Which CPU is whose.
#[derive(Debug)]
pub(crate) struct Cpus {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

impl Cpus {
    /// The first two that we may use. If there is only one, they share it.
    pub(crate) fn choose() -> nix::Result<Cpus> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let allowed = |&cpu: &usize| allowed.is_set(cpu) == Ok(true);
        let mut allowed = (0..CpuSet::count()).filter(allowed);
        let server = allowed.next().unwrap_or(0);
        Ok(Cpus { server, load: allowed.next().unwrap_or(server) })
    }
}

/// Confines this process, and whom it starts from now on.
fn stay_on(cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// One that was started. Its whole group is killed when this is dropped.
pub(crate) struct Running {
    pub(crate) master: Pid,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Running {
    /// Starts it on a port that was free a moment ago, and does not wait until it serves.
    pub(crate) fn start(subject: Subject, cpus: &Cpus) -> io::Result<Running> {
        let folder = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (log, nothing) = (File::create(folder.path().join("log"))?, File::open("/dev/null")?);
        let program = subject.program(folder.path(), address)?.new_group().die_with_parent();
        let program = program.place(nothing.as_fd(), 0).place(log.as_fd(), 1);
        let program = program.place(log.as_fd(), 2);
        stay_on(cpus.server)?;
        // SAFETY: this program has one thread.
        let launched = unsafe { launch(&program) };
        stay_on(cpus.load)?;
        let master = launched?;
        GROUP.store(master.as_raw(), SeqCst);
        Ok(Running { master, address, folder })
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Whether the master has ended.
    pub(crate) fn has_ended(&self) -> bool {
        has_ended(self.master)
    }

    pub(crate) fn signal(&self, signal: Signal) -> nix::Result<()> {
        kill(self.master, signal)
    }

    pub(crate) fn workers(&self) -> Vec<Pid> {
        children_of(self.master)
    }

    /// What master and workers have had of the CPU, to the nanosecond: the first number in
    /// /proc/PID/task/TID/schedstat. (/proc/PID/stat counts in hundredths of a second.)
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let mut total = Duration::ZERO;
        for pid in self.workers().into_iter().chain([self.master]) {
            for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
                let text = fs::read_to_string(thread?.path().join("schedstat"))?;
                let first = text.split(' ').next().and_then(|number| number.parse().ok());
                total += Duration::from_nanos(first.ok_or(io::ErrorKind::InvalidData)?);
            }
        }
        Ok(total)
    }

    /// A worker's proportional set size in kB, on average: its own pages, and its share of each page
    /// that it shares. From /proc/PID/smaps_rollup.
    pub(crate) fn memory_of_a_worker(&self) -> io::Result<f64> {
        let workers = self.workers();
        let mut total = 0.0;
        for pid in &workers {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            total += number.ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(total / workers.len() as f64)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let children = self.workers();
        let grandchildren: Vec<_> = children.iter().copied().flat_map(children_of).collect();
        let _ = killpg(self.master, Signal::SIGKILL);
        GROUP.store(0, SeqCst); // before it is reaped, after which the number may be anybody's
        let _ = wait_for(self.master);
        // Whoever comes next on this CPU is not to share it with those who leave.
        let start = Instant::now();
        let leaving = |pid: &Pid| !has_ended(*pid);
        while [&children[..], &grandchildren].concat().iter().any(leaving) {
            if start.elapsed() > LONGEST_END {
                return eprintln!("some of {} are slow to die", self.master);
            }
            sleep(Duration::from_millis(1));
        }
    }
}

/// Whether a process has given back all that it had. (Who reaps an orphan, and when, is not ours to say.)
fn has_ended(pid: Pid) -> bool {
    matches!(story::state(pid), None | Some('Z'))
}

/// The children of a process: from the kernel's own list where it keeps one, which is read at once.
pub(crate) fn children_of(pid: Pid) -> Vec<Pid> {
    match fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) {
        Ok(list) => {
            let numbers = list.split_whitespace().filter_map(|number| number.parse().ok());
            numbers.map(Pid::from_raw).collect()
        }
        Err(_) => children(pid),
    }
}
