//! Runs a learner's program from a test, and reports what the kernel says about it.
//!
//! Read in this order: [`Run`] starts a program, [`Running`] watches it, [`Outcome`] is what was seen, and
//! [`Verdict`] is what a learner reads.
//!
//! ```no_run
//! use grader::Run;
//!
//! let outcome = Run::new("/bin/true").finish();
//! outcome.must_end();
//! assert_eq!(outcome.exit, grader::Exit::Code(0));
//! assert!(outcome.left_behind.is_empty());
//! ```
//!
//! # One supervisor a run
//! Between the test and the program stands a small process of our own, the *supervisor*. It is a child
//! subreaper, so whatever the program abandons becomes the supervisor's child and can be counted; and it
//! ends every last process of the run when the test lets go of it, be it by finishing, by panicking or by being
//! killed. `supervisor.rs` says how it can do that in a fork of a multithreaded test.
//!
//! # What is contained, and what is not
//! The program gets a session of its own, default signal dispositions, an empty signal mask, three
//! descriptors, limits on memory and file size (and, unless it runs as root, on the number of processes),
//! `no_new_privs`, a deadline and an output limit. It is *not* kept from signalling other processes of the
//! same user, nor from the network, nor from the user's files: grade only programs that you would run yourself.
//! A program that kills its supervisor dies with it and is told so, but what it had forked may live on.
//!
//! Linux 5.9 or newer, with `/proc`.

mod calls;
mod explain;
pub mod facts;
mod fds;
mod gates;
mod leash;
mod outcome;
mod proc;
mod record;
mod recorded;
mod run;
mod running;
mod seed;
mod supervisor;
mod verdict;

pub use gates::Gates;
pub use outcome::{Exit, Outcome};
pub use proc::{Call, Descriptor, Process, Snapshot, State};
pub use record::Recording;
pub use recorded::{Recorded, Seen};
pub use recorder::{Injection, Policy};
pub use run::Run;
pub use running::{Interrupted, Running};
pub use seed::Seed;
pub use verdict::{Verdict, skip};

use std::path::PathBuf;

/// The path of this package's program of that name.
///
/// The environment variable `GRADER_PROGRAM`, when it is set, names another program to grade instead: that is
/// how one test grades the starter, the solution and the known-wrong answers alike.
#[macro_export]
macro_rules! program {
    ($name:literal) => {
        $crate::program_or_override(env!(concat!("CARGO_BIN_EXE_", $name)))
    };
}

/// `built`, or the program that `GRADER_PROGRAM` names. Use [`program!`].
#[doc(hidden)]
#[must_use]
pub fn program_or_override(built: &str) -> PathBuf {
    std::env::var_os("GRADER_PROGRAM").map_or_else(|| built.into(), PathBuf::from)
}
