//! `cargo course`: what is next, does it pass, what was seen, a hint.
//!
//! Read in this order: [`Course`] knows the exercises, [`check()`] builds one and runs its graded tests, [`Report`] is
//! what it found, [`Progress`] is what remains of it, and [`words`] says it. The types serialize: what `--json` prints
//! is [`Report`], and whoever shows the course otherwise (in a browser, say) stands on the same library.
//!
//! Where the time from a save to its verdict goes: one call of cargo, which calls the compiler and the linker once, and
//! the tests' own run. `cargo bench --package course` measures it.
#![forbid(unsafe_code)]

mod build;
mod catalogue;
mod checking;
mod exercise;
pub mod look;
mod process;
mod progress;
mod report;
mod starter;
mod trial;
pub mod watch;
pub mod words;

pub use catalogue::{Course, Usage};
pub use checking::{How, check};
pub use exercise::{Check, Exercise, Hints, shown};
pub use process::Stop;
pub use progress::{Keeper, Progress, Standing};
pub use report::{Milliseconds, Report, Stage, Status, Verdict};
pub use starter::{Reset, reset, starter};
