//! Descriptors: pipes, unnamed files, and waiting for them.

use crate::verdict::fault;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Pid, pipe2};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

/// One output stream of the program, as far as it has been read.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) source: OwnedFd,
    pub(crate) is_file: bool,
    pub(crate) at_end: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Stream {
    /// A pipe: our end, which never blocks, and the program's end.
    pub(crate) fn pipe() -> Result<(Self, OwnedFd), String> {
        let (source, sink) = pipe()?;
        never_blocks(&source)?;
        Ok((Self { source, is_file: false, at_end: false, bytes: Vec::new() }, sink))
    }

    /// A regular file without a name.
    pub(crate) fn file() -> Result<(Self, OwnedFd), String> {
        let source = unnamed_file(c"stdout")?;
        let sink = source.try_clone().map_err(|e| format!("dup(2): {e}"))?;
        Ok((Self { source, is_file: true, at_end: false, bytes: Vec::new() }, sink))
    }

    /// Gives up our end of a pipe.
    pub(crate) fn close(&mut self) -> Result<(), String> {
        if self.is_file {
            return Err("it is a file".into());
        }
        self.source = unnamed_file(c"nothing")?;
        self.at_end = true;
        Ok(())
    }

    pub(crate) fn size(&self) -> usize {
        if !self.is_file {
            return self.bytes.len();
        }
        let size = nix::sys::stat::fstat(&self.source).map_or(0, |stat| stat.st_size);
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// Takes what is there, keeps it up to `limit` bytes in all, and never blocks.
    pub(crate) fn read(&mut self, limit: usize) {
        if self.is_file {
            self.read_file(limit);
            return;
        }
        let mut buffer = [0; 16 * 1024];
        while !self.at_end && self.bytes.len() < limit {
            match nix::unistd::read(&self.source, &mut buffer) {
                Ok(0) => self.at_end = true,
                Ok(count) => {
                    self.bytes.extend_from_slice(&buffer[..count.min(limit - self.bytes.len())])
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(error) => fault(&format!("cannot read the program's output: {error}")),
            }
        }
    }

    fn read_file(&mut self, limit: usize) {
        let (mut bytes, mut filled) = (vec![0; self.size().min(limit)], 0);
        // The program writes at the offset that it shares with this descriptor, so this must not move it.
        let file = self.source.try_clone().map(File::from);
        let read = file.and_then(|file| {
            // It can make the file shorter meanwhile.
            while let count @ 1.. = file.read_at(&mut bytes[filled..], filled as u64)? {
                filled += count;
            }
            Ok(())
        });
        if let Err(error) = read {
            fault(&format!("cannot read the program's output file: {error}"))
        }
        bytes.truncate(filled);
        self.bytes = bytes;
    }
}

/// A pipe that no exec inherits: its read end and its write end.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    pipe2(OFlag::O_CLOEXEC).map_err(|e| format!("pipe2(2): {e}"))
}

/// Has no call on this end of a pipe wait. That of the program's end is the program's affair.
pub(crate) fn never_blocks(end: &OwnedFd) -> Result<(), String> {
    let done = fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    done.map(drop).map_err(|e| format!("fcntl(2): {e}"))
}

/// A descriptor that stands for this program and can do nothing but be executed: for a user to whom its path is closed. If its owner
/// alone may execute it, it stands for a copy. `None` when there is no such file.
pub(crate) fn executable(program: &Path) -> Option<OwnedFd> {
    let file = path_descriptor(program)?;
    let mode = nix::sys::stat::fstat(&file).ok()?.st_mode;
    let owners_only = mode & 0o111 != 0 && mode & 0o001 == 0;
    owners_only.then(|| executable_copy(program).ok()).flatten().or(Some(file))
}

fn executable_copy(program: &Path) -> Result<OwnedFd, String> {
    let copy = File::from(unnamed_file(c"program")?);
    let told = |error: io::Error| error.to_string();
    io::copy(&mut File::open(program).map_err(told)?, &mut &copy).map_err(told)?;
    // Opened anew: what is open for writing can't be executed.
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    path_descriptor(Path::new(&path)).ok_or_else(|| "it can't be opened".into())
}

fn path_descriptor(path: &Path) -> Option<OwnedFd> {
    nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty()).ok()
}

fn unnamed_file(name: &CStr) -> Result<OwnedFd, String> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC).map_err(|e| format!("memfd_create(2): {e}"))
}

/// A descriptor from which exactly these bytes can be read.
pub(crate) fn input(bytes: &[u8]) -> Result<OwnedFd, String> {
    let mut file = File::from(unnamed_file(c"stdin")?);
    file.write_all(bytes)
        .and_then(|()| file.rewind())
        .map_err(|e| format!("cannot write its input: {e}"))?;
    Ok(file.into())
}

/// A descriptor that becomes readable when this process has ended.
pub(crate) fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: plain numbers; the call makes a new descriptor (with CLOEXEC) or fails.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    // SAFETY: the kernel has just handed us this descriptor, and nobody else has its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Whether something can be read from this descriptor right now.
pub(crate) fn readable(fd: &OwnedFd) -> bool {
    wait_for(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], Duration::ZERO)
}

/// Waits until one of these is ready; tells whether one is. An interruption counts as "not yet".
pub(crate) fn wait_for(wanted: &mut [PollFd<'_>], at_most: Duration) -> bool {
    // Rounded up: down to zero milliseconds would make a busy loop of the last one.
    let millis = at_most.as_nanos().div_ceil(1_000_000);
    let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
    match poll(wanted, timeout) {
        Ok(count) => count > 0,
        Err(Errno::EINTR) => false,
        Err(error) => fault(&format!("poll(2): {error}")),
    }
}
