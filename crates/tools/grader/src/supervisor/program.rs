//! The program's process between its fork and its exec.

use super::Plan;
use super::calls::{dup_to, exit, lower_limit, set_mask};
use super::report::*;
use crate::{filter, landlock};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::Resource;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid, setsid};
use std::os::fd::OwnedFd;

/// Memory that the program may map, in bytes.
const ADDRESS_SPACE: u64 = 4 << 30;
/// Size of a file that the program may write, in bytes.
pub(crate) const FILE_SIZE: u64 = 64 << 20;

pub(super) fn become_program(
    plan: &Plan,
    supervisor: Pid,
    door: &OwnedFd,
) -> Step<std::convert::Infallible> {
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
    set_mask(&plan.held_back)?;
    if plan.rehearsal {
        exit(0);
    }
    wait_for_tracer(plan);
    Err((EXEC, execute(plan)))
}

fn lower_limits(plan: &Plan) -> Step<()> {
    for (resource, limit) in [
        (Resource::RLIMIT_AS, ADDRESS_SPACE),
        (Resource::RLIMIT_FSIZE, FILE_SIZE),
        (Resource::RLIMIT_CORE, plan.core),
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
pub(super) fn drop_privileges(user: Option<u32>) -> Step<()> {
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

/// Waits until this process is traced, and has the program's memory lie at the same addresses in each run.
fn wait_for_tracer(plan: &Plan) {
    let go = plan.go;
    if go < 0 {
        return;
    }
    // Not before: until it was made dumpable, a tracer of the same user is refused.
    write_report(plan.exec_error, [READY, 0, 0]);
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
        // A script's interpreter has to open it by its path, and finds that closed.
        return if Errno::last() == Errno::ENOENT { errno } else { Errno::last() };
    }
    errno
}
