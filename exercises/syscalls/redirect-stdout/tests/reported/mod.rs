//! What counts as a report.

use grader::{Exit, Outcome};
use nix::errno::Errno;

/// The kernel's errors have smaller numbers (errno(3)).
const ERRORS: i32 = 134;

/// Whether the program has failed, and says why: with ENOENT in one of its forms, or in words of its own, if they blame no other error.
pub(crate) fn is_reported(outcome: &Outcome) -> bool {
    let said = String::from_utf8_lossy(&outcome.stderr);
    let names = |number: i32| {
        let errno = Errno::from_raw(number);
        let name = format!("{errno:?}");
        said.contains(&format!("os error {number})"))
            || said.contains(errno.desc())
            || said.split(|c: char| !c.is_alphanumeric()).any(|word| word == name)
    };
    let fails = matches!(outcome.exit, Exit::Code(1..)) && !said.trim().is_empty();
    fails && (names(Errno::ENOENT as i32) || !(1..ERRORS).any(names))
}
