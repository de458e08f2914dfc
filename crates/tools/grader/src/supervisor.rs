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

use crate::doorman::Doorman;
use crate::rooms::{self, Rooms};
use crate::{filter, landlock};
use libc::{c_char, c_int, sock_filter};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::{ForkResult, Pid, getpid, getppid, setsid};
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// What a supervisor writes to its report pipe: which event, and two numbers.
pub(crate) type Report = [i32; 3];
/// `[STARTED, pid, 0]`: the program's process is there.
pub(crate) const STARTED: i32 = 1;
/// `[FAILED, step, errno]`: a step did not work; see [`step_name`].
pub(crate) const FAILED: i32 = 2;
/// `[REFUSED, call, argument]`: the program tried to reach out of its run.
pub(crate) const REFUSED: i32 = 4;
/// `[ENDED, 1, status]`: every process is gone; the program's wait status. `[ENDED, 0, 0]`: some would not go.
pub(crate) const ENDED: i32 = 3;

/// Memory that the program may map, in bytes.
const ADDRESS_SPACE: u64 = 4 << 30;
/// Size of a file that the program may write, in bytes.
const FILE_SIZE: u64 = 64 << 20;
/// How many refused calls are reported: nobody reads the pipe while the program runs, so they must fit into it.
const REPORTED_REFUSALS: u32 = 64;
/// How long the supervisor tries to kill, in rounds of about a millisecond.
const ROUNDS: u32 = 5000;
/// How often everybody is stopped before anybody is killed, in each round, while they go on forking.
const STOPPING: u32 = 50;
/// How far down from a child to follow its children. Deeper ones come up when those above are killed.
const DEPTH: u32 = 40;

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
    /// Where the program's process waits for a byte before its exec, when somebody is going to trace it; −1 else.
    pub(crate) go: RawFd,
    /// The limit on the user's processes, where it means something.
    pub(crate) processes: Option<u64>,
    /// The limit on descriptors.
    pub(crate) descriptors: u64,
    /// Where the program is started.
    pub(crate) folder: CString,
    /// The namespaces that it gets.
    pub(crate) rooms: Option<Rooms>,
    /// The Landlock rules that it is under.
    pub(crate) rules: Option<RawFd>,
    /// The calls that it is refused.
    pub(crate) filter: Option<Vec<sock_filter>>,
    /// The user that it becomes, when the test is root's.
    pub(crate) user: Option<u32>,
    /// The program's file, for a user to whom its path is closed.
    pub(crate) file: RawFd,
    /// Not to start anything, only to find out whether everything up to that works.
    pub(crate) rehearsal: bool,
    pub(crate) group_of_test: i32,
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
            go: -1,
            processes: None,
            descriptors: 1024,
            folder: c"/".into(),
            rooms: None,
            rules: None,
            filter: None,
            user: None,
            file: -1,
            rehearsal: false,
            group_of_test: nix::unistd::getpgrp().as_raw(),
        }
    }

    /// Forks the supervisor; returns in the test only.
    pub(crate) fn launch(&self) -> nix::Result<Pid> {
        let [stdin, stdout, stderr] = self.stdio;
        let rules = self.rules.unwrap_or(-1);
        let &Self { lifeline, report, exec_error, go, .. } = self;
        let mut kept = [stdin, stdout, stderr, lifeline, report, exec_error, go, rules, self.file];
        kept.sort_unstable();
        match clone(self.rooms.as_ref().map_or(0, Rooms::flags))? {
            ForkResult::Parent { child } => Ok(child),
            // Keeps to what is async-signal-safe, and never returns.
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
pub(crate) const MAPS: i32 = 11;
pub(crate) const MOUNT: i32 = 12;
pub(crate) const PROC: i32 = 13;
pub(crate) const LOOPBACK: i32 = 14;
pub(crate) const FILTER: i32 = 15;
pub(crate) const USER: i32 = 16;
pub(crate) const RULES: i32 = 17;
const FOLDER: i32 = 18;
const DUMPABLE: i32 = 19;
const STEPS: [(i32, &str); 19] = [
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
    (MAPS, "the maps of a user namespace"),
    (MOUNT, "mount(2) in a mount namespace"),
    (PROC, "mounting a new /proc"),
    (LOOPBACK, "waking the loopback device"),
    (FILTER, "seccomp(2)"),
    (USER, "setresuid(2)"),
    (RULES, "landlock_restrict_self(2)"),
    (FOLDER, "chdir(2)"),
    (DUMPABLE, "prctl(PR_SET_DUMPABLE)"),
];

type Step<T> = Result<T, (i32, Errno)>;

fn supervise(plan: &Plan, kept: &Kept) -> ! {
    let (program, doorman) = match begin(plan, kept) {
        Ok(begun) => begun,
        Err((step, errno)) => {
            write_report(plan.report, [FAILED, step, errno as i32]);
            exit(1)
        }
    };
    write_report(plan.report, [STARTED, program.as_raw(), 0]);
    serve_until_the_end_of(plan, doorman.as_ref());
    let ended =
        if plan.rooms.is_some() { end_program(program) } else { end_everybody(program, plan.user) };
    write_report(plan.report, ended);
    // Pid 1 of a namespace takes everybody with it.
    exit(0)
}

fn begin(plan: &Plan, kept: &Kept) -> Step<(Pid, Option<Doorman>)> {
    // A session of its own and no signal let in: a ^C at the terminal ends the test, and then the lifeline ends;
    // the supervisor has to outlive both.
    setsid().map_err(|e| (SETSID, e))?;
    set_mask(&SigSet::all())?;
    // An ignored SIGCHLD, inherited from the test, would reap the program's orphans before anybody saw them.
    default_dispositions();
    prctl::set_child_subreaper(true).map_err(|e| (SUBREAPER, e))?;
    // Above all the lifelines of the other runs of this test process: holding one would keep that run alive.
    close_all_but(kept)?;
    if let Some(rooms) = &plan.rooms {
        rooms.furnish().map_err(|(failed, errno)| (step_of(&failed), errno))?;
    }
    // Closes this process's memory to the program, which may be of the same user. Not before the maps are written:
    // the files of who is not dumpable are root's.
    prctl::set_dumpable(false).map_err(|e| (DUMPABLE, e))?;
    limit_processes(plan.processes);
    let (door, door_of_program) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|e| (FORK, e))?;
    let supervisor = getpid();
    // With one table of descriptors for both, the listener that the program's process makes is here, too.
    let flags = if plan.filter.is_some() { libc::CLONE_FILES } else { 0 };
    let program = match clone(flags) {
        // Other processes of the user that we cannot see (outside a container) count, too: then the limit that we
        // computed is too low, and no limit is better than a program that cannot fork.
        Err(Errno::EAGAIN) if plan.processes.is_some() => {
            limit_processes(None);
            clone(flags)
        }
        other => other,
    };
    match program.map_err(|e| (FORK, e))? {
        ForkResult::Parent { child } => {
            let listener = plan.filter.as_ref().and_then(|_| read_number(&door));
            for fd in plan.stdio.into_iter().chain([plan.exec_error, plan.file, plan.go]) {
                close(fd);
            }
            if let Some(rules) = plan.rules {
                close(rules);
            }
            let doorman = listener.filter(|fd| *fd >= 0).map(|listener| Doorman {
                listener,
                supervisor: supervisor.as_raw(),
                own_pids: plan.rooms.is_some(),
                group_of_test: plan.group_of_test,
            });
            Ok((child, doorman))
        }
        ForkResult::Child => {
            let Err((step, errno)) = become_program(plan, supervisor, &door_of_program);
            write_report(plan.exec_error, [FAILED, step, errno as i32]);
            exit(127)
        }
    }
}

fn become_program(plan: &Plan, supervisor: Pid, door: &OwnedFd) -> Step<std::convert::Infallible> {
    setsid().map_err(|e| (SETSID, e))?;
    prctl::set_no_new_privs().map_err(|e| (PRIVILEGES, e))?;
    if let Some(filter) = &plan.filter {
        let installed = filter::install(filter);
        // From here on, what is closed here stays open there. The supervisor waits for the number until then.
        // SAFETY: plain number.
        let parted = Errno::result(unsafe { libc::unshare(libc::CLONE_FILES) });
        let number = installed.unwrap_or(-1).to_ne_bytes();
        nix::unistd::write(door, &number).map_err(|e| (FILTER, e))?;
        installed.and(parted).map_err(|e| (FILTER, e))?;
    }
    nix::unistd::chdir(plan.folder.as_c_str()).map_err(|e| (FOLDER, e))?;
    lower_limits(plan)?;
    drop_privileges(plan.user)?;
    // Unlike the supervisor, the program is open to the test, which may want to trace it.
    prctl::set_dumpable(true).map_err(|e| (DUMPABLE, e))?;
    // After the change of user, which would undo it.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|e| (DEATH_SIGNAL, e))?;
    // The supervisor may have died before the line above: then the signal will never come.
    if getppid() != supervisor {
        exit(127);
    }
    if let Some(rules) = plan.rules {
        landlock::restrict(rules).map_err(|e| (RULES, e))?;
    }
    for (number, fd) in (0..).zip(plan.stdio) {
        dup_to(fd, number)?;
    }
    set_mask(&SigSet::empty())?;
    if plan.rehearsal {
        exit(0);
    }
    wait_for_tracer(plan.go);
    Err((EXEC, execute(plan)))
}

fn lower_limits(plan: &Plan) -> Step<()> {
    for (resource, limit) in [
        (Resource::RLIMIT_AS, ADDRESS_SPACE),
        (Resource::RLIMIT_FSIZE, FILE_SIZE),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NOFILE, plan.descriptors),
    ] {
        lower_limit(resource, limit)?;
    }
    if plan.processes.is_some() {
        // The supervisor's soft limit becomes the program's hard one: it must not lift it.
        let (soft, _) =
            nix::sys::resource::getrlimit(Resource::RLIMIT_NPROC).map_err(|e| (LIMITS, e))?;
        lower_limit(Resource::RLIMIT_NPROC, soft)?;
    }
    Ok(())
}

/// Becomes another user, who has no privileges; without one, gives up those that root would get back by an exec.
fn drop_privileges(user: Option<u32>) -> Step<()> {
    // Not by the C library: its versions change all threads that it believes to be there.
    if let Some(id) = user {
        // SAFETY: plain numbers, and an empty list of groups.
        let done = unsafe {
            let groups = libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>());
            let group = libc::syscall(libc::SYS_setresgid, id, id, id);
            let user = libc::syscall(libc::SYS_setresuid, id, id, id);
            Errno::result(groups).and(Errno::result(group)).and(Errno::result(user))
        };
        return done.map(drop).map_err(|e| (USER, e));
    }
    for capability in 0..64 {
        // SAFETY: plain numbers. Refused to whoever has no privileges to give up, which is fine.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    Ok(())
}

fn step_of(failed: &rooms::Failed) -> i32 {
    match failed {
        rooms::Failed::Maps => MAPS,
        rooms::Failed::Mount => MOUNT,
        rooms::Failed::Proc => PROC,
        rooms::Failed::Loopback => LOOPBACK,
    }
}

/// Waits until this process is traced, and has the program's memory lie at the same addresses in each run.
fn wait_for_tracer(go: RawFd) {
    if go < 0 {
        return;
    }
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
}

/// In a pid namespace: ends the program, and leaves everybody else to the kernel.
fn end_program(program: Pid) -> Report {
    let _ = kill(program, Signal::SIGKILL);
    for _ in 0..ROUNDS {
        while let Ok(Some((pid, status))) = reap() {
            if pid == program.as_raw() {
                return [ENDED, 1, status];
            }
        }
        let _ = poll(&mut [], PollTimeout::from(1u8));
    }
    [ENDED, 0, 0]
}

/// Kills and reaps until there is nobody left. Whoever loses its parent becomes our child and is met in the
/// next round, so "no child left" means "no descendant left".
///
/// A fork bomb is faster than one that kills. So everybody is stopped first: who is stopped does not fork, and takes up a
/// place among the limited number, so the bomb has less and less room. Killing gives places back, and comes last.
fn end_everybody(program: Pid, user: Option<u32>) -> Report {
    let mut ended = [ENDED, 0, 0];
    let me = getpid().as_raw();
    for round in 0..ROUNDS {
        if let Some(user) = user {
            kill_all_of(user);
        }
        let mut known = 0;
        for _ in 0..STOPPING {
            let found = signal_descendants(me, Signal::SIGSTOP, DEPTH);
            // Twice the same number: nobody has forked in between.
            if found == known {
                break;
            }
            known = found;
        }
        signal_descendants(me, Signal::SIGKILL, DEPTH);
        loop {
            match reap() {
                Ok(Some((pid, status))) if pid == program.as_raw() => ended = [ENDED, 1, status],
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return ended,
            }
        }
        // A killed process needs a moment to die; there is no descriptor to wait on for all of them.
        let _ = poll(&mut [], PollTimeout::from(if round < 100 { 1u8 } else { 5 }));
    }
    [ENDED, 0, 0]
}

/// Kills every process of a user whom nobody else is: in one call, past which nobody forks.
fn kill_all_of(user: u32) {
    match clone(0) {
        Ok(ForkResult::Child) => {
            if drop_privileges(Some(user)).is_ok() {
                // Reaches whom this user may signal, and not the caller.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            exit(0)
        }
        Ok(ForkResult::Parent { child }) => {
            // SAFETY: a null pointer where the status would go. No signal is let in, so nothing interrupts it.
            unsafe { libc::waitpid(child.as_raw(), std::ptr::null_mut(), 0) };
        }
        Err(_) => {}
    }
}

/// Sends a signal to every child that the kernel lists for `parent` (proc(5), `children`), and to theirs; returns
/// to how many.
fn signal_descendants(parent: i32, signal: Signal, depth: u32) -> u32 {
    let mut path = [0; 64];
    let Some(path) = children_path(parent, &mut path) else { return 0 };
    let flags = nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC;
    let Ok(list) = nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty()) else { return 0 };
    let mut buffer = [0u8; 1024];
    let (mut pid, mut count) = (0, 0);
    while let Ok(read @ 1..) = nix::unistd::read(&list, &mut buffer) {
        for byte in buffer.iter().take(read) {
            if byte.is_ascii_digit() {
                pid = pid * 10 + i32::from(byte - b'0');
                continue;
            }
            // 0 and 1 would be "my process group" and init; nobody's child has those numbers.
            if pid > 1 {
                count += 1;
                let _ = kill(Pid::from_raw(pid), signal);
                if depth > 0 {
                    count += signal_descendants(pid, signal, depth - 1);
                }
            }
            pid = 0;
        }
    }
    count
}

/// `/proc/PID/task/PID/children`, put together without allocating.
fn children_path(pid: i32, into: &mut [u8; 64]) -> Option<&CStr> {
    let mut length = 0;
    let mut digits = [0; 10];
    let count = crate::doorman::write_decimal(pid.unsigned_abs(), &mut digits);
    for part in
        [b"/proc/".as_slice(), &digits[..count], b"/task/", &digits[..count], b"/children\0"]
    {
        into.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    CStr::from_bytes_until_nul(into).ok()
}

/// Answers the program's questions until the other side of the lifeline is gone.
fn serve_until_the_end_of(plan: &Plan, doorman: Option<&Doorman>) {
    // SAFETY: the descriptor was made for this process, which closes it only by ending.
    let lifeline = unsafe { BorrowedFd::borrow_raw(plan.lifeline) };
    // SAFETY: as above. Without a doorman it stands in for a descriptor of which nothing is wanted.
    let listener = unsafe { BorrowedFd::borrow_raw(doorman.map_or(plan.lifeline, |d| d.listener)) };
    let mut asking = doorman.is_some();
    let mut reported = 0;
    loop {
        let questions = if asking { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut wanted =
            [PollFd::new(lifeline, PollFlags::POLLIN), PollFd::new(listener, questions)];
        let wanted = if asking { &mut wanted[..] } else { &mut wanted[..1] };
        match poll(wanted, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if wanted[0].any() != Some(false) {
            return;
        }
        match (doorman, wanted.get(1).and_then(PollFd::revents)) {
            (Some(doorman), Some(news)) if news.contains(PollFlags::POLLIN) => {
                if let Some((call, argument)) = doorman.answer()
                    && reported < REPORTED_REFUSALS
                {
                    reported += 1;
                    write_report(plan.report, [REFUSED, call, argument]);
                }
            }
            // POLLHUP: everybody under the filter is gone.
            (_, Some(news)) if !news.is_empty() => asking = false,
            _ => {}
        }
    }
}

/// The number that the program's process sends; `None` when it is gone.
fn read_number(door: &OwnedFd) -> Option<i32> {
    let mut bytes = [0; 4];
    // A pipe takes and gives four bytes at once.
    let count = nix::unistd::read(door, &mut bytes).ok()?;
    (count == bytes.len()).then(|| i32::from_ne_bytes(bytes))
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

/// The descriptors of a plan, sorted; −1 stands for one that it does without.
type Kept = [RawFd; 9];

fn close_all_but(sorted: &Kept) -> Step<()> {
    let mut first = 0;
    for fd in sorted.iter().filter_map(|fd| u32::try_from(*fd).ok()) {
        if fd > first {
            close_range(first, fd - 1).map_err(|e| (CLOSE, e))?;
        }
        first = fd + 1;
    }
    close_range(first, u32::MAX).map_err(|e| (CLOSE, e))
}

fn close_range(first: u32, last: u32) -> nix::Result<()> {
    // SAFETY: this process uses no descriptor beyond those that its plan names.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

fn close(fd: RawFd) {
    // SAFETY: a descriptor of the plan, which this process does not use any more; −1 is refused.
    unsafe { libc::close(fd) };
}

fn dup_to(fd: RawFd, number: c_int) -> Step<()> {
    // SAFETY: 0, 1 and 2 are free: the supervisor has closed the test's.
    Errno::result(unsafe { libc::dup2(fd, number) }).map(drop).map_err(|e| (DUP, e))
}

/// `fork(2)`, with these flags of clone(2) besides. Not by the C library's `fork`: that takes locks which, in a copy of a
/// process with threads, nobody might ever release.
fn clone(flags: c_int) -> nix::Result<ForkResult> {
    // SAFETY: without CLONE_VM the child has memory of its own and goes on with this stack, as after fork; it keeps
    // to async-signal-safe calls. All pointers are null.
    let pid = unsafe {
        libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize)
    };
    match Errno::result(pid)? {
        0 => Ok(ForkResult::Child),
        pid => Ok(ForkResult::Parent { child: Pid::from_raw(pid as i32) }),
    }
}

fn reap() -> nix::Result<Option<(c_int, c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is ours to write. __WALL: also children that were cloned without SIGCHLD.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    Errno::result(pid).map(|pid| (pid != 0).then_some((pid, status)))
}

fn execute(plan: &Plan) -> Errno {
    let (argv, envp) = (plan.argv.as_ptr(), plan.envp.as_ptr());
    // SAFETY: both lists end with a null pointer and point to strings that the plan owns.
    unsafe { libc::execve(plan.program.as_ptr(), argv, envp) };
    let errno = Errno::last();
    // A folder on the way may be closed to this user, and the file be open: that is what the descriptor is for.
    if errno == Errno::EACCES && plan.file >= 0 {
        // SAFETY: as above; the empty path names the descriptor's file itself.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                plan.file,
                c"".as_ptr(),
                argv,
                envp,
                libc::AT_EMPTY_PATH,
            )
        };
        return Errno::last();
    }
    errno
}

fn exit(code: c_int) -> ! {
    // SAFETY: `_exit` runs no exit handler and flushes no buffer: those belong to the test.
    unsafe { libc::_exit(code) }
}
