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
//! killed. `supervisor/mod.rs` says how it can do that in a fork of a multithreaded test.
//!
//! # What is contained, and what is not
//! In layers, each tried on this machine before it is relied upon; [`containment`] says in one line which hold.
//!
//! 1. Always: a session of its own, default signal dispositions, an empty mask, three descriptors, limits on memory, file
//!    size, descriptors and processes, `no_new_privs`, a deadline, an output limit; the memory of the whole run is watched.
//! 2. [`Containment::Fallback`]: Landlock (`landlock.rs`) lets it write in its scratch folder only. A seccomp filter
//!    (`filter.rs`) has the supervisor asked (`supervisor/doorman.rs`) about signals to others, tracing, sockets,
//!    and what would outlive the run: what it refuses is in [`Outcome::refused`]. Under root, each run is a user of its own.
//! 3. [`Containment::Namespaces`]: pids, mounts and network of its own (`supervisor/rooms.rs`); whoever is left dies with the supervisor.
//!
//! A [`Run`] has all that work on this machine, unless [`Run::contained`] or `GRADER_CONTAINMENT` (`bare`, `fallback`,
//! `namespaces`) says less. In the last, pids are the run's own:
//! [`Process::pid`] is what the program knows, [`Process::host`] and [`Running::pid`] what the test needs.
//!
//! Linux 5.9 or newer, with `/proc`.

mod between;
mod calls;
mod client;
mod clock;
mod copies;
mod enough;
mod explain;
pub mod facts;
mod fds;
mod files;
mod filter;
mod folder;
mod gates;
mod landlock;
mod layers;
mod leash;
mod live;
mod meanwhile;
mod memory;
mod outcome;
mod pipes;
mod plain;
mod proc;
mod process;
mod ready;
mod record;
mod recorded;
mod refused;
mod remove;
mod run;
mod running;
mod runs;
mod scratch;
mod seed;
mod signals;
mod snapshot;
mod starved;
mod supervisor;
mod telling;
mod tracee;
mod tracing;
mod turn;
mod verdict;

pub use between::Between;
pub use client::Client;
pub use files::Folder;
pub use gates::Gates;
pub use layers::{Containment, containment};
pub use live::{Finished, Piece, Reach};
pub use outcome::{Exit, Outcome};
pub use pipes::Pipe;
pub use plain::plain;
pub use process::{Call, Descriptor, Process, State};
pub use record::worth;
pub use recorded::{Open, Recorded, Seen};
pub use recorder::{Injection, Policy};
pub use run::{Network, Run};
pub use running::{Interrupted, Running};
pub use seed::Seed;
pub use signals::Signals;
pub use snapshot::Snapshot;
pub use tracing::Recording;
pub use turn::InATurn;
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
