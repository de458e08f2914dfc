//! The supervisor: the process between a test and the program that it grades.
//!
//! A test process has many threads, and `fork(2)` copies only the one that calls it: any lock that another
//! thread held at that moment stays locked in the copy for ever, the allocator's first of all. The supervisor is
//! such a copy and never execs, so for its whole life it does only what a signal handler may do
//! (signal-safety(7)): plain system calls on memory that was made ready before the fork. It allocates
//! nothing, takes no lock and formats no text. Everything that needs thought, such as reading `/proc`, is the
//! test's work; the supervisor only
//!
//! 1. becomes a child subreaper, starts the program and tells its pid;
//! 2. reaps *nobody*, so that the test can look at the dead (`/proc/PID/stat` of a zombie) as long as it likes;
//! 3. waits for the end of the *lifeline*, a pipe whose write end only the test holds. The end comes when the
//!    test is done, when it panics and when it is killed, and means the same each time;
//! 4. kills and reaps until it has no child left, and reports how the program ended.
//!
//! Re-executing the test binary would give the supervisor an ordinary life, but it would have to get past the
//! test harness's `main` first; what is left to do here is too little to be worth that.

use libc::{c_char, c_int};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setsid};
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, RawFd};

/// What a supervisor writes to its report pipe: which event, and two numbers.
pub(crate) type Report = [i32; 3];
/// `[STARTED, pid, 0]`: the program's process is there.
pub(crate) const STARTED: i32 = 1;
/// `[FAILED, step, errno]`: a step did not work; see [`step_name`].
pub(crate) const FAILED: i32 = 2;
/// `[ENDED, 1, status]`: every process is gone; the program's wait status. `[ENDED, 0, 0]`: some would not go.
pub(crate) const ENDED: i32 = 3;

/// Memory that the program may map, in bytes.
const ADDRESS_SPACE: u64 = 4 << 30;
/// Size of a file that the program may write, in bytes.
const FILE_SIZE: u64 = 64 << 20;
/// How long the supervisor tries to kill, in rounds of about a millisecond.
const ROUNDS: u32 = 5000;

/// Everything that happens between the fork and the exec, made ready before the fork.
pub(crate) struct Plan {
    program: CString,
    // The strings stay with the pointers to them, and neither is changed once made.
    _strings: Vec<CString>,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    /// The program's descriptors 0, 1 and 2.
    pub(crate) stdio: [RawFd; 3],
    /// Its end says that the test is done with the run.
    pub(crate) lifeline: RawFd,
    /// Where the supervisor writes its [`Report`]s.
    pub(crate) report: RawFd,
    /// Where the program's process writes a [`Report`] when it cannot become the program.
    pub(crate) exec_error: RawFd,
    /// Where the program's process waits for a byte before its exec, when somebody is going to trace it.
    pub(crate) go: Option<RawFd>,
    /// The limit on the user's processes, where it means something.
    pub(crate) processes: Option<u64>,
}

impl Plan {
    /// A plan to run `program` with these arguments (the first is its name) and this environment.
    pub(crate) fn new(program: CString, args: Vec<CString>, env: Vec<CString>) -> Self {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (argv, envp) = (pointers(&args), pointers(&env));
        let strings = args.into_iter().chain(env).collect();
        Self {
            program,
            _strings: strings,
            argv,
            envp,
            stdio: [-1; 3],
            lifeline: -1,
            report: -1,
            exec_error: -1,
            go: None,
            processes: None,
        }
    }

    /// Forks the supervisor; returns in the test only.
    pub(crate) fn launch(&self) -> nix::Result<Pid> {
        let mut kept = [
            self.stdio[0],
            self.stdio[1],
            self.stdio[2],
            self.lifeline,
            self.report,
            self.exec_error,
            // Twice the same number does no harm below.
            self.go.unwrap_or(self.report),
        ];
        kept.sort_unstable();
        // SAFETY: the child calls only `supervise`, which keeps to what is async-signal-safe and never returns.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(child),
            ForkResult::Child => supervise(self, &kept),
        }
    }
}

/// The name of a step, for the message of a failed one.
pub(crate) fn step_name(step: i32) -> &'static str {
    STEPS.iter().find(|(number, _)| *number == step).map_or("an unknown step", |(_, name)| name)
}

const SETSID: i32 = 1;
const SUBREAPER: i32 = 2;
const CLOSE: i32 = 3;
const FORK: i32 = 4;
const MASK: i32 = 5;
const DEATH_SIGNAL: i32 = 6;
const PRIVILEGES: i32 = 7;
const LIMITS: i32 = 8;
const DUP: i32 = 9;
const EXEC: i32 = 10;
const STEPS: [(i32, &str); 10] = [
    (SETSID, "setsid(2)"),
    (SUBREAPER, "prctl(PR_SET_CHILD_SUBREAPER)"),
    (CLOSE, "close_range(2), which needs Linux 5.9"),
    (FORK, "fork(2)"),
    (MASK, "sigprocmask(2)"),
    (DEATH_SIGNAL, "prctl(PR_SET_PDEATHSIG)"),
    (PRIVILEGES, "prctl(PR_SET_NO_NEW_PRIVS)"),
    (LIMITS, "setrlimit(2)"),
    (DUP, "dup2(2)"),
    (EXEC, "execve(2)"),
];

type Step<T> = Result<T, (i32, Errno)>;

fn supervise(plan: &Plan, kept: &[RawFd; 7]) -> ! {
    let program = match begin(plan, kept) {
        Ok(program) => program,
        Err((step, errno)) => {
            write_report(plan.report, [FAILED, step, errno as i32]);
            exit(1)
        }
    };
    write_report(plan.report, [STARTED, program.as_raw(), 0]);
    wait_for_end_of(plan.lifeline);
    write_report(plan.report, end_everybody(program));
    exit(0)
}

fn begin(plan: &Plan, kept: &[RawFd; 7]) -> Step<Pid> {
    // A session of its own and no signal let in: a ^C at the terminal ends the test, and then the lifeline ends;
    // the supervisor has to outlive both.
    setsid().map_err(|e| (SETSID, e))?;
    set_mask(&SigSet::all())?;
    // An ignored SIGCHLD, inherited from the test, would reap the program's orphans before anybody saw them.
    default_dispositions();
    prctl::set_child_subreaper(true).map_err(|e| (SUBREAPER, e))?;
    // Above all the lifelines of the other runs of this test process: holding one would keep that run alive.
    close_all_but(kept)?;
    limit_processes(plan.processes);
    let supervisor = getpid();
    let program = match fork_once() {
        // Other processes of the user that we cannot see (outside a container) count, too: then the limit that we
        // computed is too low, and no limit is better than a program that cannot fork.
        Err(Errno::EAGAIN) if plan.processes.is_some() => {
            limit_processes(None);
            fork_once()
        }
        other => other,
    };
    match program.map_err(|e| (FORK, e))? {
        ForkResult::Parent { child } => {
            for fd in plan.stdio.into_iter().chain([plan.exec_error]).chain(plan.go) {
                close(fd);
            }
            Ok(child)
        }
        ForkResult::Child => {
            let Err((step, errno)) = become_program(plan, supervisor);
            write_report(plan.exec_error, [FAILED, step, errno as i32]);
            exit(127)
        }
    }
}

fn become_program(plan: &Plan, supervisor: Pid) -> Step<std::convert::Infallible> {
    setsid().map_err(|e| (SETSID, e))?;
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|e| (DEATH_SIGNAL, e))?;
    // The supervisor may have died before the line above: then the signal will never come.
    if getppid() != supervisor {
        exit(127);
    }
    prctl::set_no_new_privs().map_err(|e| (PRIVILEGES, e))?;
    for (resource, limit) in [
        (Resource::RLIMIT_AS, ADDRESS_SPACE),
        (Resource::RLIMIT_FSIZE, FILE_SIZE),
        (Resource::RLIMIT_CORE, 0),
    ] {
        lower_limit(resource, limit)?;
    }
    for (number, fd) in (0..).zip(plan.stdio) {
        dup_to(fd, number)?;
    }
    // The plan's own descriptors were made with CLOEXEC, and the supervisor has closed everybody else's.
    set_mask(&SigSet::empty())?;
    wait_for_tracer(plan.go)?;
    Err((EXEC, execve(&plan.program, &plan.argv, &plan.envp)))
}

/// Waits until this process is traced, and has the program's memory lie at the same addresses in each run.
fn wait_for_tracer(go: Option<RawFd>) -> Step<()> {
    let Some(go) = go else { return Ok(()) };
    let mut byte = 0u8;
    loop {
        // SAFETY: one byte, into a variable of ours, from a descriptor of the plan.
        match Errno::result(unsafe { libc::read(go, (&raw mut byte).cast(), 1) }) {
            Ok(1) => break,
            Err(Errno::EINTR) => {}
            // Nobody could trace it: the test knows, and has let go.
            _ => exit(127),
        }
    }
    // SAFETY: changes nothing but where the program's memory will lie. Where it is refused, that differs.
    unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) };
    Ok(())
}

/// Kills and reaps until there is nobody left. Whoever loses its parent becomes our child and is met in the
/// next round, so "no child left" means "no descendant left".
fn end_everybody(program: Pid) -> Report {
    let mut ended = [ENDED, 0, 0];
    for _ in 0..ROUNDS {
        kill_children();
        loop {
            match reap() {
                Ok(Some((pid, status))) if pid == program.as_raw() => ended = [ENDED, 1, status],
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return ended,
            }
        }
        // A killed process needs a moment to die; there is no descriptor to wait on for all of them.
        let _ = poll(&mut [], PollTimeout::from(1u8));
    }
    [ENDED, 0, 0]
}

/// Sends SIGKILL to every child that the kernel lists for us (proc(5), `children`).
fn kill_children() {
    let Ok(list) = nix::fcntl::open(
        c"/proc/thread-self/children",
        nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    ) else {
        return;
    };
    let mut buffer = [0u8; 4096];
    let mut pid = 0;
    while let Ok(count @ 1..) = nix::unistd::read(&list, &mut buffer) {
        for byte in buffer.iter().take(count) {
            match byte {
                b'0'..=b'9' => pid = pid * 10 + i32::from(byte - b'0'),
                _ => kill_one(&mut pid),
            }
        }
    }
    kill_one(&mut pid);
}

fn kill_one(pid: &mut i32) {
    // 0 and 1 would be "my process group" and init; nobody's child has those numbers.
    if *pid > 1 {
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
    *pid = 0;
}

/// Blocks until the other side of the pipe is gone.
fn wait_for_end_of(lifeline: RawFd) {
    // SAFETY: the descriptor was made for this process, which closes it only by ending.
    let lifeline = unsafe { BorrowedFd::borrow_raw(lifeline) };
    loop {
        let mut wanted = [PollFd::new(lifeline, PollFlags::POLLIN)];
        match poll(&mut wanted, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            _ => return,
        }
    }
}

fn write_report(fd: RawFd, report: Report) {
    // SAFETY: the descriptor was made for this process, which closes it only by ending.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut bytes = [0u8; size_of::<Report>()];
    for (place, number) in bytes.chunks_exact_mut(4).zip(report) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    // Shorter than PIPE_BUF: all or nothing (pipe(7)). If the test is gone, nobody needs the report.
    let _ = nix::unistd::write(fd, &bytes);
}

fn limit_processes(limit: Option<u64>) {
    if let Ok((_, hard)) = nix::sys::resource::getrlimit(Resource::RLIMIT_NPROC) {
        // Only the soft limit, so that it can be lifted again; a failure leaves the program unlimited, as for root.
        let _ =
            setrlimit(Resource::RLIMIT_NPROC, limit.map_or(hard, |limit| limit.min(hard)), hard);
    }
}

fn lower_limit(resource: Resource, limit: u64) -> Step<()> {
    let (_, hard) = nix::sys::resource::getrlimit(resource).map_err(|e| (LIMITS, e))?;
    let limit = limit.min(hard);
    setrlimit(resource, limit, limit).map_err(|e| (LIMITS, e))
}

fn set_mask(mask: &SigSet) -> Step<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None).map_err(|e| (MASK, e))
}

fn default_dispositions() {
    // All zeros is the kernel's `sigaction` for "default, no flags, nothing masked" on every architecture. Not by
    // the C library's `sigaction`: it refuses its own two signals, and an ignored one of those is inherited, too.
    let default = [0u64; 8];
    for number in 1..=64 {
        // SAFETY: reads at most 64 bytes (the structure has 32, the mask in it 8). KILL and STOP are refused, which is fine.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                8,
            )
        };
    }
}

fn close_all_but(sorted: &[RawFd; 7]) -> Step<()> {
    let mut first = 0;
    for fd in sorted.map(i32::unsigned_abs) {
        if fd > first {
            close_range(first, fd - 1).map_err(|e| (CLOSE, e))?;
        }
        first = first.max(fd + 1);
    }
    close_range(first, u32::MAX).map_err(|e| (CLOSE, e))
}

fn close_range(first: u32, last: u32) -> nix::Result<()> {
    // SAFETY: this process uses no descriptor beyond those that its plan names.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn close(fd: RawFd) {
    // SAFETY: a descriptor of the plan, which this process does not use any more.
    unsafe { libc::close(fd) };
}

fn dup_to(fd: RawFd, number: c_int) -> Step<()> {
    // SAFETY: 0, 1 and 2 are free: the supervisor has closed the test's.
    Errno::result(unsafe { libc::dup2(fd, number) }).map(drop).map_err(|e| (DUP, e))
}

fn fork_once() -> nix::Result<ForkResult> {
    // SAFETY: the supervisor has one thread, and both processes keep to async-signal-safe calls.
    unsafe { fork() }
}

fn reap() -> nix::Result<Option<(c_int, c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is ours to write. __WALL: also children that were cloned without SIGCHLD.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    Errno::result(pid).map(|pid| (pid != 0).then_some((pid, status)))
}

fn execve(program: &CStr, argv: &[*const c_char], envp: &[*const c_char]) -> Errno {
    // SAFETY: both lists end with a null pointer and point to strings that the plan owns.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    Errno::last()
}

fn exit(code: c_int) -> ! {
    // SAFETY: `_exit` runs no exit handler and flushes no buffer: those belong to the test.
    unsafe { libc::_exit(code) }
}
