//! What a program did, as the kernel saw it.
//!
//! Read in this order: [`Event`] (`event.rs`), which is what a recording consists of; `call.rs`, how
//! a system call is written down; [`Model`], which follows the events and knows, at each step, who
//! runs, who sleeps, and where each descriptor leads; `why`, what a sleeping task waits for, and
//! `knot`, when all wait for each other; `check`, whether a recording contradicts itself; `words`, each step in a sentence; `rows`, what all pictures
//! draw; `text`, the first of these.
//!
//! Nothing here asks the kernel anything: a recording can be read on another machine, years later.

#![forbid(unsafe_code)]

pub mod call;
mod check;
pub mod event;
pub mod html;
pub mod knot;
pub mod model;
pub mod names;
pub mod rows;
pub mod same;
pub mod svg;
pub mod text;
pub mod why;
pub mod words;

pub use call::{Argument, Call};
pub use check::{Contradiction, check};
pub use event::{Event, Task, What};
pub use model::{Mismatch, Model, Step};
