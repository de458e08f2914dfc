//! The terminal while course listens to single keys.

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices as Special, Termios, tcgetattr, tcsetattr,
};
use std::io;

/// A terminal that gives each key at once and doesn't echo it; dropping this puts back how it was.
///
/// Nothing else is changed (termios(3)): Ctrl-C is still a signal, and a line's end is still a line's end. So there is
/// little to put back, and what goes wrong meanwhile can be read.
#[derive(Debug)]
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the terminal on standard input.
    pub(super) fn take() -> io::Result<Self> {
        let keys = Self { before: tcgetattr(io::stdin())? };
        keys.retake()?;
        Ok(keys)
    }

    /// Takes it again: a shell that has stopped and continued us may have set it otherwise.
    pub(super) fn retake(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes.local_flags -= LocalFlags::ICANON | LocalFlags::ECHO;
        modes.control_chars[Special::VMIN as usize] = 1;
        modes.control_chars[Special::VTIME as usize] = 0;
        Ok(tcsetattr(io::stdin(), SetArg::TCSANOW, &modes)?)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs no putting back.
        _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }
}
