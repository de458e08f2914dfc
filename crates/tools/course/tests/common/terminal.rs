//! A terminal for a test: its screen is read as text, its keys are pressed by writing.

use super::{DEADLINE, Small, wait_for};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::setsid;
use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

/// `cargo course`, on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    /// Kept open: a terminal that nobody has open tells no modes.
    slave: OwnedFd,
    bytes: Receiver<Vec<u8>>,
    /// What has come and was not yet waited for.
    text: String,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It is gone, if all went well.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Terminal {
    pub(crate) fn of(small: &Small, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let size = Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None)?;
        // Left open in course or below it, the terminal's other end would keep it from ever hanging up.
        nix::fcntl::fcntl(&master, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        nix::fcntl::fcntl(&slave, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("course"));
        command.args(arguments).current_dir(&small.root);
        command.env_remove("CARGO_TARGET_DIR").env_remove("NO_COLOR").env("TERM", "xterm");
        command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave.try_clone()?);
        let become_its_session = || {
            setsid()?;
            // SAFETY: the third argument is an integer, and standard input is the terminal.
            match unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        // SAFETY: between fork and exec it makes two system calls, and nothing else.
        let child = unsafe { command.pre_exec(become_its_session) }.spawn()?;
        let master = File::from(master);
        let mut reader = master.try_clone()?;
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // EIO: the last one has closed the terminal.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, master, slave, bytes, text: String::new() })
    }

    /// Waits for these words, and returns what stood before them. They have to come after what was last waited for.
    #[track_caller]
    pub(crate) fn wait(&mut self, words: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some((before, after)) = self.text.split_once(words) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.text = after;
                return before;
            }
            match self.bytes.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(bytes) => self.text += &String::from_utf8_lossy(&bytes),
                Err(why) => panic!("waited in vain for {words:?} ({why}); came:\n{}", self.text),
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.slave).expect("the terminal tells its modes")
    }

    pub(crate) fn set(&self, modes: &Termios) {
        tcsetattr(&self.slave, SetArg::TCSANOW, modes).expect("the terminal takes modes");
    }

    pub(crate) fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the third argument points to a size, which outlives the call.
        let done =
            unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        wait_for("the end of course", || self.child.try_wait().expect("it can be waited for"))
    }
}
