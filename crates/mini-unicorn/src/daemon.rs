//! Leaving the terminal, without leaving whoever started us in the dark.

use std::fs::File;
use std::io::{self, Read, Write};

use fork::{spawn, wait_for};
use nix::unistd::setsid;
use pipe::pipe;

/// Tells the process that was started that the server is ready; dropped without that, it says the
/// opposite.
pub(crate) struct Ready {
    writer: Option<File>,
}

impl Ready {
    /// For a master in the foreground: nobody waits to be told.
    pub(crate) fn nobody_waits() -> Ready {
        Ready { writer: None }
    }

    /// The server is ready.
    pub(crate) fn tell(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            let _ = writer.write_all(b"!"); // if nobody waits any more, nobody is to be told
        }
    }

    /// Whether somebody waits, so that this process is a daemon.
    pub(crate) fn is_daemon(&self) -> bool {
        self.writer.is_some()
    }
}

// ANCHOR: detach
/// Runs `master` in a process that belongs to no terminal: the child of a child, so that it is not
/// the leader of its session and can't come by a terminal again.
///
/// Returns what the process that was started should exit with: 0 once the master says that it is
/// ready, 1 if it ends without saying so.
///
/// See [setsid(2)](https://man7.org/linux/man-pages/man2/setsid.2.html) and
/// [daemon(7)](https://man7.org/linux/man-pages/man7/daemon.7.html).
///
/// # Errors
/// Those of [`pipe::pipe`] and [`fork::spawn`].
///
/// # Safety
/// As for [`fork::spawn`]: call this while the process has one thread.
pub(crate) unsafe fn detach(master: impl FnOnce(Ready) -> u8) -> io::Result<u8> {
    let (reader, writer) = pipe()?;
    let mut ready = Some(Ready { writer: Some(writer.into()) });
    let leader = || {
        let detached = setsid().map_err(io::Error::from).and_then(|_| {
            // SAFETY: one thread, as our caller promises.
            unsafe { spawn(|| ready.take().map_or(1, master)) }
        });
        u8::from(detached.is_err())
    };
    // SAFETY: as above.
    let leader = unsafe { spawn(leader) }?;
    drop(ready); // else we would wait for ourselves
    wait_for(leader)?;
    let mut news = Vec::new();
    File::from(reader).read_to_end(&mut news)?;
    Ok(if news.is_empty() { 1 } else { 0 })
}
// ANCHOR_END: detach
