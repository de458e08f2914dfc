//! Between fork and exec: the steps that turn a child into another program.
//!
//! Nothing here allocates or takes a lock, so a copy of a process can do it in any state.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::{io, mem, ptr};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, chdir, getppid, setpgid};

/// What setpgid(2) takes for whoever calls it.
const THIS_PROCESS: Pid = Pid::from_raw(0);

pub(crate) fn c_string(text: impl AsRef<OsStr>) -> io::Result<CString> {
    Ok(CString::new(text.as_ref().as_bytes())?)
}

/// A close-on-exec copy of `fd`, with a number that is not below `above`.
pub(crate) fn copy_above(fd: impl AsFd, above: RawFd) -> nix::Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(above))?;
    // SAFETY: the kernel has just made it, for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// C strings, and the list of pointers to them, ended by a null, that execve asks for.
pub(crate) struct Strings {
    pointers: Vec<*const libc::c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    pub(crate) fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Strings { pointers, _owned: owned }
    }
}

/// A program, ready to run: nothing from here on allocates, so it may be done between fork and exec.
pub(crate) struct Prepared {
    pub(crate) paths: Vec<CString>,
    pub(crate) argv: Strings,
    pub(crate) environment: Strings,
    pub(crate) directory: Option<CString>,
    pub(crate) descriptors: Vec<(OwnedFd, RawFd)>,
    pub(crate) new_group: bool,
    pub(crate) die_with: Option<Pid>,
}

impl Prepared {
    pub(crate) fn exec(&self) -> Errno {
        let Err(error) = self.try_exec();
        error
    }

    // ANCHOR: exec
    /// The order matters; what each step would lose elsewhere stands beside it.
    fn try_exec(&self) -> nix::Result<Infallible> {
        // 1. Handlers first: exec would reset them, but a signal let in by step 6 would find them.
        reset_signals();

        // 2. Before 7, where a relative path counts from here.
        if let Some(directory) = &self.directory {
            chdir(directory.as_c_str())?;
        }

        // 3. From copies, so that no placing closes what a later one needs. What dup2 makes is open
        //    across exec, whatever it was made from.
        for (copy, number) in &self.descriptors {
            // SAFETY: takes no pointer. Nobody here will use what it closes: this program is over.
            Errno::result(unsafe { libc::dup2(copy.as_raw_fd(), *number) })?;
        }

        // 4. Here rather than in the parent: once the program runs, its group is sure to be there.
        if self.new_group {
            setpgid(THIS_PROCESS, THIS_PROCESS)?;
        }

        // 5. First the wish, then the look: a parent that has died in between sends no more signals,
        //    and whoever has adopted us is not the one that was meant.
        if let Some(parent) = self.die_with {
            set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != parent {
                return Err(Errno::ESRCH);
            }
        }

        // 6. As late as can be, but not left out: exec keeps the mask.
        SigSet::empty().thread_set_mask()?;

        // 7. The first that works never returns.
        let (argv, environment) = (self.argv.pointers.as_ptr(), self.environment.pointers.as_ptr());
        let mut reason = Errno::ENOENT;
        for path in &self.paths {
            // SAFETY: a C string and two lists of them, as execve wants them; `self` owns them all.
            unsafe { libc::execve(path.as_ptr(), argv, environment) };
            match Errno::last() {
                Errno::ENOENT | Errno::ENOTDIR => {} // not here: look on
                Errno::EACCES => reason = Errno::EACCES,
                other => return Err(other),
            }
        }
        Err(reason)
    }
    // ANCHOR_END: exec
}

/// Signals with a handler go back to their defaults, and SIGPIPE with them, which Rust's runtime
/// ignores. What else is ignored stays so: somebody asked for it, by nohup(1) for one.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: it is a plain struct of numbers, for which zeros are good.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: a null asks, and `action` takes the answer.
        let answer = unsafe { libc::sigaction(signal, ptr::null(), &mut action) };
        let ignored = action.sa_sigaction == libc::SIG_IGN && signal != libc::SIGPIPE;
        if answer == 0 && !ignored && action.sa_sigaction != libc::SIG_DFL {
            // SAFETY: the default needs no handler to live on.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}
