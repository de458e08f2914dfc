//! The same process, another program.
//!
//! Read in this order: [`Program`], [`Program::exec`], `prepared.rs` (what is done between fork and
//! exec), [`launch`]; then the hot restart, in `restart.rs`: [`Origin`], [`reexec`], [`inherited`],
//! [`promised`]. Used again by `mini-unicorn`: the first half runs other programs, the second half
//! hands the server over to its successor.
//!
//! Left out on purpose: `posix_spawn(3)`, `fexecve(3)`, set-user-id programs, and the shells'
//! habit of running a file without a `#!` line as a script.

mod prepared;
mod restart;

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use fork::{spawn, wait_for};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{Pid, getpid, getppid};

use prepared::{Prepared, Strings, c_string, copy_above};
pub use restart::{Origin, inherited, promised, reexec};

// ANCHOR: program
/// What to run, and what it is to begin with: execve's three arguments, and what a process keeps
/// of its descriptors.
///
/// It starts out with this process's environment and directory, and with no descriptor that is
/// close-on-exec.
#[derive(Debug, Clone)]
pub struct Program<'fd> {
    path: OsString,
    argv: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    descriptors: Vec<(BorrowedFd<'fd>, RawFd)>,
    new_group: bool,
    die_with_parent: bool,
}
// ANCHOR_END: program

impl<'fd> Program<'fd> {
    /// The program at `path`, or, if that has no `/` in it, the first of that name in the `PATH` of
    /// its environment. Unless [`arg0`](Self::arg0) says otherwise, it is told that it was called `path`.
    pub fn new(path: impl Into<OsString>) -> Self {
        let path = path.into();
        Program {
            argv: vec![path.clone()],
            path,
            environment: env::vars_os().collect(),
            directory: None,
            descriptors: Vec::new(),
            new_group: false,
            die_with_parent: false,
        }
    }

    /// Arguments, behind those that it has.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// What it is told that it was called by: `argv[0]`.
    pub fn arg0(mut self, name: impl Into<OsString>) -> Self {
        self.argv[0] = name.into();
        self
    }

    /// A variable for its environment. Ours stays as it is.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// A variable that its environment won't have.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.remove(name.as_ref());
        self
    }

    /// Nothing in its environment but what is put there from here on.
    pub fn env_clear(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// The directory that it begins in; a relative path to the program counts from there.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// `fd` stays open in it, under the number that it has here.
    pub fn keep(self, fd: BorrowedFd<'fd>) -> Self {
        self.place(fd, fd.as_raw_fd())
    }

    /// `fd` is open in it as `number`: 0 makes it the standard input. (What had that number is
    /// closed; several may change places.)
    pub fn place(mut self, fd: BorrowedFd<'fd>, number: RawFd) -> Self {
        self.descriptors.push((fd, number));
        self
    }

    /// It leads a process group of its own, and what it runs in its turn stays in there unless it
    /// makes a group itself: so `killpg(2)` reaches all of them. A ^C at the terminal does not.
    pub fn new_group(mut self) -> Self {
        self.new_group = true;
        self
    }

    /// The kernel kills it (SIGKILL) when its parent ends, whatever ends that; what it runs in its
    /// turn is not killed. Linux only, and not for a set-user-id program.
    ///
    /// What counts as the parent is the *thread* that forks.
    ///
    /// See [PR_SET_PDEATHSIG(2const)](https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html).
    pub fn die_with_parent(mut self) -> Self {
        self.die_with_parent = true;
        self
    }

    /// Becomes the program: returns only if that fails, with the reason.
    ///
    /// The new program's signals are at their defaults and none is blocked, except that it goes on
    /// ignoring what this one was told to ignore; SIGPIPE, which Rust ignores by itself, is not ignored.
    ///
    /// After an error this process is not what it was: signals, directory and descriptors may have
    /// been changed already. It should say why, and leave; [`launch`] does.
    ///
    /// See [execve(2)](https://man7.org/linux/man-pages/man2/execve.2.html).
    ///
    /// # Errors
    /// `ENOENT`: there is no such program, or no such interpreter as its `#!` line names, or no such
    /// directory. `EACCES`: it may not be executed. `ENOEXEC`: it is in no format that the kernel
    /// runs. `E2BIG`: arguments and environment are too long. `EMFILE`, `EINVAL`, `EBADF`: no number
    /// is left to copy a descriptor to, or the one to place it at can't be. `EPERM`: who leads a
    /// session can't make a group. `ESRCH`: the parent to die with has died. `InvalidInput`: a NUL byte
    /// in a string.
    pub fn exec(&self) -> io::Error {
        match self.prepare(getppid()) {
            Ok(prepared) => prepared.exec().into(),
            Err(error) => error,
        }
    }

    /// Everything that allocates, or may be refused without harm. Whoever is to become the program
    /// is a child of `parent`.
    fn prepare(&self, parent: Pid) -> io::Result<Prepared> {
        let above = self.above();
        let descriptors = self.descriptors.iter();
        let copied = descriptors.map(|&(fd, number)| Ok((copy_above(fd, above)?, number)));
        let pair = |(name, value): (&OsString, &OsString)| {
            CString::new([name.as_bytes(), value.as_bytes()].join(&b'='))
        };
        Ok(Prepared {
            paths: self.candidates().map(c_string).collect::<io::Result<_>>()?,
            argv: Strings::new(self.argv.iter().map(c_string).collect::<io::Result<_>>()?),
            environment: Strings::new(self.environment.iter().map(pair).collect::<Result<_, _>>()?),
            directory: self.directory.as_ref().map(c_string).transpose()?,
            descriptors: copied.collect::<nix::Result<_>>()?,
            new_group: self.new_group,
            die_with: self.die_with_parent.then_some(parent),
        })
    }

    /// The lowest number that no descriptor is to be placed at.
    fn above(&self) -> RawFd {
        self.descriptors.iter().map(|&(_, number)| number + 1).fold(3, RawFd::max)
    }

    /// The files to try, in this order: only execve can tell which of them can be executed.
    fn candidates(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let as_it_is = self.path.is_empty() || self.path.as_bytes().contains(&b'/');
        let path = self.environment.get(OsStr::new("PATH")).filter(|_| !as_it_is);
        let searched = path.map(|path| env::split_paths(path).map(|dir| dir.join(&self.path)));
        as_it_is.then(|| self.path.clone().into()).into_iter().chain(searched.into_iter().flatten())
    }
}

// ANCHOR: launch
/// Runs a program in a new process, and returns that process's id once the program runs there.
///
/// Whether it does comes through a pipe whose write end is close-on-exec: a successful exec closes
/// it, so end of file is the good news; a failed one writes down its errno. What the new process
/// is like: see [`Program::exec`].
///
/// # Errors
/// Those of [`Program::exec`] and of [`fork::spawn`]; `EMFILE`, for the pipe. There is no child
/// then: it has been reaped.
///
/// # Safety
/// As for [`fork::spawn`]: call this while the process has one thread.
pub unsafe fn launch(program: &Program<'_>) -> io::Result<Pid> {
    let prepared = program.prepare(getpid())?;
    let (mut result, writer) = io::pipe()?;
    let report = copy_above(&writer, program.above())?; // where no placing can close it
    drop(writer);

    // A signal that comes before the child is rid of our handlers waits until it is.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: one thread, as our caller promises.
    let forked = unsafe {
        spawn(|| {
            let errno = (prepared.exec() as i32).to_ne_bytes();
            let _ = nix::unistd::write(&report, &errno); // four bytes: all or none
            127 // nobody sees it
        })
    };
    before.thread_set_mask()?;
    let child = forked?;

    drop(report); // else we would wait for ourselves
    let mut errno = Vec::new();
    result.read_to_end(&mut errno)?;
    match <[u8; 4]>::try_from(errno) {
        Err(_) => Ok(child),
        Ok(errno) => {
            wait_for(child)?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
        }
    }
}
// ANCHOR_END: launch
