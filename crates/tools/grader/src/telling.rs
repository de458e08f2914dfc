//! What a program is told on its standard input while it runs.

use crate::Running;
use crate::copies::copies_are_closed;
use crate::running::LOOK_AGAIN;
use crate::verdict::fault;
use std::io::{ErrorKind, Write as _};

impl Running {
    /// Puts these bytes, at most a pipe's worth, into standard input, and ends it. For a program that was
    /// started with [`Run::stdin_later`](crate::Run::stdin_later), and once.
    ///
    /// # Panics
    /// When the input was ready from the start, or has been told already.
    pub fn tell(&mut self, bytes: &[u8]) {
        self.say(bytes);
        self.to_stdin = None;
        copies_are_closed();
    }

    /// Puts these bytes, at most a pipe's worth, into standard input, which stays open until the end of the run: whoever reads on, waits.
    ///
    /// Returns with less said when the run has to end before there is room: a program can make its pipe small, and fill it itself.
    ///
    /// # Panics
    /// As [`Running::tell`].
    pub fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Some(writer) = &mut self.to_stdin else {
                fault("standard input has ended already")
            };
            match writer.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Nobody is there to read it any more. What that means, the run's end will show.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.stopped().is_some() {
                        return;
                    }
                    self.wait_for_news(LOOK_AGAIN);
                }
                Err(error) => {
                    fault(&format!("cannot write to the program's standard input: {error}"))
                }
            }
        }
    }
}
