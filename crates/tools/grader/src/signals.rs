//! What `/proc` says of a process's signals (proc_pid_status(5)).

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::fs;
use std::path::Path;

/// Signals of a process's first thread, as the kernel knows them at one moment. All empty for a zombie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// They have come, and wait outside.
    pub pending: Vec<Signal>,
    /// They are in the mask.
    pub blocked: Vec<Signal>,
    /// Nothing happens when they come.
    pub ignored: Vec<Signal>,
    /// A handler runs when they come.
    pub caught: Vec<Signal>,
}

impl Signals {
    /// Those of this process, now; all empty where it is gone.
    #[must_use]
    pub fn of(process: Pid) -> Self {
        Self::read(Path::new(&format!("/proc/{process}")))
    }

    pub(crate) fn read(folder: &Path) -> Self {
        Self::parse(&String::from_utf8_lossy(&fs::read(folder.join("status")).unwrap_or_default()))
    }

    fn parse(status: &str) -> Self {
        let set = |name: &str| -> Vec<Signal> {
            let bits = status.lines().find_map(|line| line.strip_prefix(name));
            let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
            let is_in = |signal: &Signal| bits.unwrap_or_default() >> (*signal as i32 - 1) & 1 == 1;
            Signal::iterator().filter(is_in).collect()
        };
        let pending = [set("SigPnd:"), set("ShdPnd:")].concat();
        Self { pending, blocked: set("SigBlk:"), ignored: set("SigIgn:"), caught: set("SigCgt:") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_the_first_signal() {
        let status = "SigPnd:\t0000000000000000\nShdPnd:\t0000000000010000\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000004200\n";
        let signals = Signals::parse(status);
        assert_eq!(signals.pending, [Signal::SIGCHLD]);
        assert_eq!(signals.blocked, [Signal::SIGHUP]);
        assert_eq!(signals.ignored, [Signal::SIGPIPE]);
        assert_eq!(signals.caught, [Signal::SIGUSR1, Signal::SIGTERM]);
    }
}
