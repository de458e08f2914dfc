//! A clean room for the program: a terminal of its own, nothing else open, a fixed environment. What
//! is recorded there is the same on any machine, whatever the recorder itself was started from.

use std::ffi::CString;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{self, LocalFlags, OutputFlags, SetArg};

/// Everything that the program can read of the world it is started in.
const ENVIRONMENT: [&str; 4] = [
    "HOME=/",
    "LC_ALL=C",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM=dumb",
];

/// The terminal. It goes away when the program and the room have.
pub(crate) struct Room {
    master: PtyMaster,
    terminal: OwnedFd,
}

impl Room {
    /// A new terminal that changes nothing of what is written to it, as a pipe doesn't.
    pub(crate) fn new() -> nix::Result<Room> {
        let how = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(how)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let terminal = open(ptsname_r(&master)?.as_str(), how, Mode::empty())?;
        let mut settings = termios::tcgetattr(&terminal)?;
        settings.output_flags.remove(OutputFlags::OPOST);
        settings.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(&terminal, SetArg::TCSANOW, &settings)?;
        Ok(Room { master, terminal })
    }

    pub(crate) fn environment() -> Vec<CString> {
        ENVIRONMENT.iter().filter_map(|entry| CString::new(*entry).ok()).collect()
    }

    /// The child's part, between fork and exec: makes the terminal its own, as standard input, output
    /// and error, and lets exec close all else. Where it can't, the program runs as it is.
    pub(crate) fn move_in(&self) {
        let terminal = self.terminal.as_raw_fd();
        // SAFETY: these take numbers only. dup2 closes what the child had as 0, 1 and 2, which no
        // value of ours owns; close_range only marks. All may be called after a fork from threads.
        unsafe {
            libc::setsid();
            libc::ioctl(terminal, libc::TIOCSCTTY, 0);
            (0..3).for_each(|standard| _ = libc::dup2(terminal, standard));
            let (rest, marks) = (3 as libc::c_uint, libc::CLOSE_RANGE_CLOEXEC as libc::c_int);
            libc::syscall(libc::SYS_close_range, rest, libc::c_uint::MAX, marks);
        }
    }

    /// Once the program is started: passes on to standard output what it writes, until nobody is left
    /// who could write more. Its standard input has no more than an end.
    pub(crate) fn pass_on(self) -> JoinHandle<()> {
        let Room { mut master, terminal } = self;
        drop(terminal); // only who is recorded holds it now
        thread::spawn(move || {
            // If who reads our standard output has gone, the terminal goes too, and the program hears
            // of it by SIGHUP.
            _ = pass(&mut master);
        })
    }
}

fn pass(master: &mut PtyMaster) -> io::Result<()> {
    master.write_all(&[4])?; // VEOF of termios(3)
    let mut output = io::stdout();
    io::copy(&mut Chunks(master), &mut output)?;
    output.flush()
}

/// A terminal's end is told as an error: EIO, once nobody holds the other side.
struct Chunks<'a>(&'a mut PtyMaster);

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => Ok(0),
            read => read,
        }
    }
}
