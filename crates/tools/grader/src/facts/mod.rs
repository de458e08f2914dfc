//! Facts about a recorded run, each of them a predicate, so that a test reads as a sentence.
//!
//! ```no_run
//! use grader::{Run, facts::*};
//!
//! // Where nobody may trace, the check is left out, and says so.
//! let Some(seen) = Run::new("/bin/true").recorded().record() else { return };
//! seen.must(end_by_itself()).must(reap_every_child()).must(never_spin());
//! ```
//!
//! They are decided by the order of events and not by a clock, so the same program gets the same answer on
//! a slow machine. A new one is a sentence, and a function that returns the [`Verdict`] against it:
//!
//! ```
//! use grader::{Verdict, facts::{Check, Claim, claim}};
//! use trace::What;
//!
//! fn stay_alone() -> Claim<impl Check> {
//!     claim("stay alone", |seen| {
//!         let born = seen.steps.iter().find(|step| matches!(step.event.what, What::Born { .. }));
//!         born.map_or(Ok(()), |born| Err(Verdict::new("There is a second process.").saw(born.to_string())))
//!     })
//! }
//! ```

mod calls;
mod children;
mod descriptors;
mod exec;
mod handlers;
mod injected;
pub(crate) mod met;
mod pipes;
mod self_pipe;
mod signals;
pub(crate) mod waiting;

pub use calls::*;
pub use children::*;
pub use descriptors::*;
pub use exec::*;
pub use handlers::*;
pub use injected::*;
pub use pipes::*;
pub use self_pipe::*;
pub use signals::*;
pub use waiting::*;

use crate::{Exit, Recorded, Verdict};
use predicates_core::Predicate;
use predicates_core::reflection::{Case, PredicateReflection, Product};
use std::fmt;
use waiting::{ends, spins};

/// What decides a claim: nothing against it, or the verdict.
pub trait Check: Fn(&Recorded) -> Result<(), Verdict> {}
impl<F: Fn(&Recorded) -> Result<(), Verdict>> Check for F {}

/// Something that is claimed of a recording.
pub struct Claim<C> {
    sentence: String,
    check: C,
}

/// A claim; the sentence follows "the program must": `reap every child`.
pub fn claim<C: Check>(sentence: impl Into<String>, check: C) -> Claim<C> {
    Claim { sentence: sentence.into(), check }
}

/// A claim of what is so in the end. Of a program that hangs, nothing speaks against it yet: what is told is that it hangs, and where.
pub fn in_the_end<C: Check>(sentence: impl Into<String>, check: C) -> Claim<impl Check> {
    claim(sentence, move |seen| check(seen).map_err(|verdict| hang(seen).unwrap_or(verdict)))
}

/// What keeps a program from its end: it asks again and again, or nobody wakes it. One that has ended may have left others, who hang.
fn hang(seen: &Recorded) -> Option<Verdict> {
    let hangs = ends(seen).err().filter(|_| !matches!(seen.outcome.exit, Exit::Code(_)))?;
    Some(spins(seen).err().unwrap_or(hangs))
}

impl<C> fmt::Display for Claim<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program must {}", self.sentence)
    }
}

impl<C> PredicateReflection for Claim<C> {}

impl<C: Check> Predicate<Recorded> for Claim<C> {
    fn eval(&self, seen: &Recorded) -> bool {
        (self.check)(seen).is_ok()
    }

    fn find_case<'a>(&'a self, expected: bool, seen: &Recorded) -> Option<Case<'a>> {
        match (self.check)(seen) {
            Ok(()) => expected.then(|| Case::new(Some(self), true)),
            Err(_) if expected => None,
            Err(verdict) => {
                let case = Case::new(Some(self), false);
                Some(verdict.parts().fold(case, |case, (part, text)| {
                    case.add_product(Product::new(part, text.to_owned()))
                }))
            }
        }
    }
}
