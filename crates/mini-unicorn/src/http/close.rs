//! The end of a connection, of which there are more kinds than one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};
use select::poll_readable;
use syscalls::retry_on_eintr;

/// How long we listen to a client that does not stop talking, and to one that says nothing.
const LONGEST_LINGER: Duration = Duration::from_secs(5);
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// How an exchange ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The answer is sent, and the client had nothing more to say.
    Close,
    /// The answer is sent, and the client may not have finished.
    Linger,
    /// The client has gone.
    Gone,
    /// The answer is incomplete, and its reader must not take it for a whole one; why.
    Reset(String),
}

// ANCHOR: close
/// Ends a connection so that the client gets what it should, and knows what it got.
pub(crate) fn close(client: Arc<OwnedFd>, ending: Ending, deadline: Instant, buffer: &mut [u8]) {
    // A client that has gone may refuse any of these. Closing works all the same.
    match ending {
        Ending::Gone => {}
        Ending::Reset(_) => {
            // Closing is then an RST, not the FIN that would have ended the body.
            let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
            let _ = setsockopt(&client, sockopt::Linger, &at_once);
        }
        Ending::Close => {
            let _ = shutdown(client.as_raw_fd(), Shutdown::Write);
        }
        Ending::Linger => {
            // Closing with something unread is an RST too, and may overtake the answer.
            let _ = shutdown(client.as_raw_fd(), Shutdown::Write);
            let now = Instant::now();
            let patience = deadline.saturating_duration_since(now) / 2; // the master's ends with it
            let _ = discard(&client, now + patience.min(LONGEST_LINGER), buffer);
        }
    }
}
// ANCHOR_END: close

/// Reads until the client has finished.
fn discard(client: &OwnedFd, until: Instant, buffer: &mut [u8]) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match poll_readable(&[client.as_fd()], Some(left.min(LONGEST_SILENCE))) {
            Ok(ready) if ready.is_empty() || left.is_zero() => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            readable => readable?,
        };
        if retry_on_eintr(|| nix::unistd::read(client, buffer))? == 0 {
            return Ok(());
        }
    }
}
