//! A program asks, the kernel answers: three helpers for asking well.
//!
//! Read in this order: [`retry_on_eintr`], [`write_all`], [`Descriptor`], [`descriptors`].
//! Used again by `pipe`, `select` and `signals`, and through them by all of `mini-unicorn`.
//!
//! Left out on purpose: a safe wrapper for each system call, which `nix` is, and `readv(2)`,
//! `writev(2)` and `io_uring(7)`, which ask for more than one thing at a time.

use std::os::fd::{AsFd, RawFd};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::write;

// ANCHOR: retry
/// Makes a call, and makes it again for as long as signals interrupt it.
///
/// `EINTR` says that a signal came while the call was waiting, and that nothing was done: it is a
/// request to ask again. Every other answer is final, and is returned.
///
/// Not for `close(2)`, which on Linux has freed the number even when it says `EINTR`: a second call
/// may close somebody else's file. And not for a wait with a timeout, which would begin anew.
///
/// See [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html), "Interruption of system
/// calls", and [close(2)](https://man7.org/linux/man-pages/man2/close.2.html).
///
/// # Errors
/// Those of the call, `EINTR` excepted.
pub fn retry_on_eintr<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => continue,
            answer => return answer,
        }
    }
}
// ANCHOR_END: retry

// ANCHOR: write_all
/// Writes all of `bytes`, however few of them the kernel takes at a time.
///
/// `write(2)` may take fewer bytes than it is offered, and says how many. What is left is offered
/// again, until nothing is.
///
/// See [write(2)](https://man7.org/linux/man-pages/man2/write.2.html).
///
/// # Errors
/// After any of them, a part of `bytes` may have been written, and nobody knows how large a part.
///
/// - `EAGAIN`: `fd` is non-blocking and has no room. This is for blocking descriptors: on another
///   one, call `write(2)` yourself, keep what it did not take, and wait for room (chapter 3).
/// - `EPIPE`, `ECONNRESET`: nobody is left to read. (With `EPIPE` comes SIGPIPE, which would have
///   killed us, did not Rust's runtime ignore it.)
/// - `ENOSPC`, `EDQUOT`, `EFBIG`, `EIO`: the disk is full, or the quota, or the file, or broken.
/// - `EBADF`: `fd` is not open for writing. Asking again will not help, and we don't.
/// - [`io::ErrorKind::WriteZero`]: the kernel took nothing and gave no reason. No file, pipe or
///   socket does that; if one did, asking for ever would be the worst answer.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match retry_on_eintr(|| write(fd.as_fd(), bytes))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            taken => bytes = &bytes[taken..],
        }
    }
    Ok(())
}
// ANCHOR_END: write_all

// ANCHOR: descriptor
/// One line of this process's descriptor table, and what it leads to.
///
/// The first two fields belong to the *descriptor*. The others belong to the *open file
/// description* behind it. Other descriptors may lead there as well, in other processes too: what
/// is changed by one of them is changed for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The number that system calls know it by.
    pub number: RawFd,
    /// Whether it is closed when this process becomes another program (chapter 6).
    pub close_on_exec: bool,
    /// A path, with ` (deleted)` behind it if the file has lost its name; or a kind and what tells
    /// this one from others of its kind, such as `pipe:[53187]`.
    pub leads_to: PathBuf,
    /// How many bytes from its start the next read or write begins; 0 for a pipe or a socket.
    pub offset: u64,
    /// How it was opened, for reading or writing or both, and its status flags: `O_APPEND`,
    /// `O_NONBLOCK`. The kernel shows flags here that Rust has no name for.
    pub flags: OFlag,
}
// ANCHOR_END: descriptor

impl Descriptor {
    /// `read`, `write` or `read and write`: what it was opened for.
    pub fn access(&self) -> &'static str {
        match self.flags & OFlag::O_ACCMODE {
            OFlag::O_WRONLY => "write",
            OFlag::O_RDWR => "read and write",
            _ => "read",
        }
    }
}

/// One line: `fd 3 → /etc/hosts, read, offset 0, close-on-exec`.
impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Descriptor { number, leads_to, offset, .. } = self;
        write!(f, "fd {number} → {}, {}, offset {offset}", leads_to.display(), self.access())?;
        for (flag, name) in [(OFlag::O_APPEND, "append"), (OFlag::O_NONBLOCK, "non-blocking")] {
            if self.flags.contains(flag) {
                write!(f, ", {name}")?;
            }
        }
        f.write_str(if self.close_on_exec { ", close-on-exec" } else { "" })
    }
}

// ANCHOR: descriptors
/// This process's descriptor table, lowest number first (Linux only).
///
/// The descriptors that are opened for looking are not in it. Another thread may open and close
/// some meanwhile: each line was true at some moment of the call, and not all at the same one.
///
/// See [proc_pid_fd(5)](https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html) and
/// [proc_pid_fdinfo(5)](https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html).
///
/// # Errors
/// `EMFILE`, `ENFILE`: no descriptor is free to look with. `ENOENT`: there is no /proc here.
/// [`io::ErrorKind::InvalidData`]: /proc says what we don't understand.
pub fn descriptors() -> io::Result<Vec<Descriptor>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    numbers.sort_unstable();

    // The directory is closed by now: the number that it had was listed, and leads nowhere.
    let mut table = Vec::new();
    for number in numbers {
        let leads_to = unless_gone(fs::read_link(format!("/proc/self/fd/{number}")))?;
        let info = unless_gone(fs::read_to_string(format!("/proc/self/fdinfo/{number}")))?;
        if let (Some(leads_to), Some(info)) = (leads_to, info) {
            table.push(line(number, leads_to, &info)?);
        }
    }
    Ok(table)
}
// ANCHOR_END: descriptors

/// `None` for a file that is not there any more.
fn unless_gone<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

/// Reads what /proc/self/fdinfo says about a descriptor.
fn line(number: RawFd, leads_to: PathBuf, info: &str) -> io::Result<Descriptor> {
    let field = |name| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        value.ok_or_else(|| not_understood(number, info))
    };
    let offset = field("pos:")?.parse().map_err(|_| not_understood(number, info))?;
    let bits = libc::c_int::from_str_radix(field("flags:")?, 8);
    let mut flags = OFlag::from_bits_retain(bits.map_err(|_| not_understood(number, info))?);

    // The kernel shows the descriptor's one flag among those of what it leads to.
    let close_on_exec = flags.contains(OFlag::O_CLOEXEC);
    flags.remove(OFlag::O_CLOEXEC);
    Ok(Descriptor { number, close_on_exec, leads_to, offset, flags })
}

fn not_understood(number: RawFd, info: &str) -> io::Error {
    let path = Path::new("/proc/self/fdinfo").join(number.to_string());
    io::Error::new(io::ErrorKind::InvalidData, format!("{} says {info:?}", path.display()))
}
