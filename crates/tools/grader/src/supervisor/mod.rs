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
//! In this folder, `plan.rs` alone is the test's: it ends with the fork. All the rest runs after it: `program.rs` between the
//! program's fork and its exec, `rooms.rs` and `doorman.rs` where a run has namespaces or a filter, `ending.rs` last.
//!
//! Re-executing the test binary would give the supervisor an ordinary life, but it would have to get past the
//! test harness's `main` first; what is left to do here is too little to be worth that.

mod calls;
mod doorman;
mod ending;
mod family;
mod plan;
mod program;
mod report;
mod rooms;

pub(crate) use doorman::Attempt;
pub(crate) use plan::{NO_CORE, Plan};
pub(crate) use program::FILE_SIZE;
pub(crate) use report::{ENDED, FAILED, READY, REFUSED, Report, STARTED, step_name};
pub(crate) use report::{FILTER, RULES, USER};
pub(crate) use rooms::Rooms;

use calls::*;
use doorman::Doorman;
use ending::{end_everybody, end_namespace};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid, getpid, setsid};
use plan::Kept;
use program::become_program;
use report::*;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// How many refused calls are reported: nobody reads the pipe while the program runs, so they must fit into it.
const REPORTED_REFUSALS: usize = 64;

/// `mark` is closed when everything is that is not kept.
fn supervise(plan: &Plan, kept: &Kept, mark: RawFd) -> ! {
    let (program, doorman) = match begin(plan, kept, mark) {
        Ok(begun) => begun,
        Err((step, errno)) => {
            write_report(plan.report, [FAILED, step, errno as i32]);
            exit(1)
        }
    };
    write_report(plan.report, [STARTED, program.as_raw(), 0]);
    serve_until_the_end_of(plan, doorman.as_ref());
    let ended = if plan.rooms.is_some() {
        end_namespace(program)
    } else {
        end_everybody(program, plan.user)
    };
    write_report(plan.report, ended);
    // Pid 1 of a namespace takes everybody with it.
    exit(0)
}

fn begin(plan: &Plan, kept: &Kept, mark: RawFd) -> Step<(Pid, Option<Doorman>)> {
    // A session of its own and no signal let in: a ^C at the terminal ends the test, and then the lifeline ends;
    // the supervisor has to outlive both.
    setsid().map_err(|e| (SETSID, e))?;
    // The test is not, and the maps could not be written then.
    prctl::set_dumpable(true).map_err(|e| (DUMPABLE, e))?;
    set_mask(&SigSet::all())?;
    // An ignored SIGCHLD, inherited from the test, would reap the program's orphans before anybody saw them.
    default_dispositions();
    prctl::set_child_subreaper(true).map_err(|e| (SUBREAPER, e))?;
    // Above all the lifelines of the other runs of this test process: holding one would keep that run alive.
    close_all_but(kept)?;
    // By a call of its own: within one, the kernel may let go of the last one first.
    close(mark);
    if let Some(rooms) = &plan.rooms {
        rooms.furnish()?;
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
                memory_files: Default::default(),
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

/// Answers the program's questions until the other side of the lifeline is gone.
fn serve_until_the_end_of(plan: &Plan, doorman: Option<&Doorman>) {
    // SAFETY: the descriptor was made for this process, which closes it only by ending.
    let lifeline = unsafe { BorrowedFd::borrow_raw(plan.lifeline) };
    // SAFETY: as above. Without a doorman it stands in for a descriptor of which nothing is wanted.
    let listener = unsafe { BorrowedFd::borrow_raw(doorman.map_or(plan.lifeline, |d| d.listener)) };
    let mut asking = doorman.is_some();
    let (mut refused, mut reported) = ([(0, 0); REPORTED_REFUSALS], 0);
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
                // Once each: what is tried again and again must not hide what is tried after that.
                if let Some(attempt) = doorman.answer()
                    && !refused[..reported].contains(&attempt)
                    && let Some(place) = refused.get_mut(reported)
                {
                    (*place, reported) = (attempt, reported + 1);
                    write_report(plan.report, [REFUSED, attempt.0, attempt.1]);
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
