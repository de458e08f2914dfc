//! Facts about faults that the recorder has put into a program's way: how it must go on after them.
//!
//! ```no_run
//! use grader::{Injection, Run, facts::*};
//!
//! let interrupted = Injection::fail("read:2=EINTR").expect("it is well written");
//! let Some(seen) = Run::new("/bin/cat").stdin("text").recorded().inject(interrupted).record() else { return };
//! seen.must(meet_every_injection()).must(survive_eintr()).must(exit_with(0));
//! ```
//!
//! Each is about the faults of its own kind, and holds where there were none: [`meet_every_injection`] says that there were.

use super::met::{Met, SLEEPS, WAITS, is_call, offered};
use super::{Check, Claim, claim};
use crate::{Injection, Seen, Verdict};
use recorder::Deed;
use trace::event::Outcome;
use trace::{What, names};

/// A program that asks once more than this, with nothing done in between, would ask for ever.
const AT_ONCE: usize = 2;

/// The program has come to every call at which something was to happen to it. Without this, the facts about faults say nothing.
pub fn meet_every_injection() -> Claim<impl Check> {
    claim("come to the calls at which it is tested", |seen| {
        let Some(injection) = seen.unmet.first() else { return Ok(()) };
        let last = seen.steps.iter().rev().filter(|s| matches!(s.event.what, What::Leave { .. }));
        Err(Verdict::new(format!("The program never came to what it is tested by: {}.", words(injection)))
            .saw_all(last.take(2).map(|step| format!("among its last calls, {step}")))
            .saw_all(seen.outcome.complaint())
            .ask("How many such calls should there be, and after which of them does the program make no more?"))
    })
}

/// An injection in words: `its 2nd read was to fail with EINTR`.
fn words(injection: &Injection) -> String {
    let which = match injection.at.nth {
        Some(1) => "the first".into(),
        Some(number) => format!("number {number} of its calls of"),
        None => "any".into(),
    };
    let what = match &injection.deed {
        Deed::Fail(error) => format!("fail with {error:?}"),
        Deed::Short(count) => format!("move {} at most", names::bytes(*count)),
        Deed::Signal(signal) => format!("be preceded by {}", names::signal(*signal)),
        Deed::Hold { .. } => "be held".into(),
    };
    format!("{which} {} was to {what}", injection.at.call)
}

/// A call that an injection has interrupted (EINTR) is made again; only `close` is not (close(2)).
pub fn survive_eintr() -> Claim<impl Check> {
    claim("survive EINTR", |seen| {
        for met in Met::failed(seen, &["EINTR"]) {
            let (who, name) = (met.leave.event.task, met.name);
            let verdict = match met.again() {
                Some(_) if name == "close" => Verdict::new(format!("{who} closes the same number again, because the first close was interrupted."))
                    .ask("close(2), EINTR: is the number still yours after that, or may it be somebody else's?"),
                None if name != "close" => Verdict::new(format!("{who} takes EINTR for a failure: its {name} was interrupted, and it does not ask again."))
                    .ask("What has happened to the request, and what has not? What does EINTR ask for?"),
                _ => continue,
            };
            return Err(met.told(verdict));
        }
        Ok(())
    })
}

/// After an injected EAGAIN, the program waits (for readiness, or asleep in another call) before it asks again, and doesn't end of it.
pub fn survive_eagain() -> Claim<impl Check> {
    claim("survive EAGAIN", |seen| {
        for met in Met::failed(seen, &["EAGAIN"]) {
            let (who, name) = (met.leave.event.task, met.name);
            let waits =
                |step: &Seen| is_call(step, WAITS) || matches!(step.event.what, What::Sleeps);
            let first = met.after().find(|step| waits(step) || met.is_again(step));
            let verdict = match first {
                Some(step) if waits(step) => continue,
                Some(_) => Verdict::new(format!("{who} asks again at once after EAGAIN: its {name} is made again and again, and nobody waits."))
                    .ask("Which call sleeps until there is something to ask for?"),
                None => Verdict::new(format!("{who} takes EAGAIN for a failure: its {name} had nothing to do yet, and it never waits for the next time."))
                    .ask("EAGAIN: what is so now, and may be otherwise in a moment? Where does one wait for that?"),
            };
            return Err(met.told(verdict));
        }
        Ok(())
    })
}

/// After an injected EMFILE or ENFILE, the program goes on: it waits, or asks again. It does not ask again and again with nothing closed and
/// no pause in between.
pub fn survive_emfile() -> Claim<impl Check> {
    claim("survive EMFILE", |seen| {
        for met in Met::failed(seen, &["EMFILE", "ENFILE"]) {
            let (who, name) = (met.leave.event.task, met.name);
            let pauses = |step: &Seen| {
                is_call(step, WAITS)
                    || is_call(step, SLEEPS)
                    || matches!(step.event.what, What::Sleeps)
            };
            let relieves = |step: &Seen| pauses(step) || is_call(step, &["close", "close_range"]);
            let at_once = met.after().take_while(|step| !relieves(step));
            let verdict = if at_once.filter(|step| met.is_again(step)).count() > AT_ONCE {
                Verdict::new(format!("{who} makes its {name} again and again after EMFILE, as fast as it can: it spins."))
                    .ask("Who could make a number free, as long as this process does nothing else?")
            } else if met.again().is_none() && !met.after().any(pauses) {
                Verdict::new(format!("{who} gives up because of EMFILE: its {name} found no free number, and it goes on with nothing else."))
                    .ask("Whom does this one refusal concern, and who else is still being served?")
            } else {
                continue;
            };
            return Err(met.told(verdict));
        }
        Ok(())
    })
}

/// After each write that an injection has made short, what was not taken is offered next: neither lost nor written twice.
pub fn survive_short_writes() -> Claim<impl Check> {
    claim("survive short writes", |seen| {
        for (met, count) in Met::short(seen, "write") {
            let Some((text, all)) = offered(met.enter) else { continue };
            let who = met.leave.event.task;
            let taken = format!("the kernel took {count} of {}", names::bytes(all));
            let rest = text.get(usize::try_from(count).unwrap_or(usize::MAX)..).unwrap_or_default();
            let next = met.again().map(|step| offered(step).unwrap_or_default());
            let verdict = match next {
                None => Verdict::new(format!("{who} loses the rest: {taken}, and the others are never offered again."))
                    .ask("What does write return, and who looks at it?"),
                Some((again, size)) if (again, size) == (text, all) => Verdict::new(format!("{who} writes the beginning twice: {taken}, and it offers all of them again."))
                    .ask("Which bytes has the kernel not taken yet, and where do they begin?"),
                Some((again, _)) if !rest.starts_with(again) && !again.starts_with(rest) => Verdict::new(format!("{who} leaves a hole: {taken}, and what it offers next is not what follows them."))
                    .ask("Where does the next write begin: behind what was offered, or behind what was taken?"),
                Some(_) => continue,
            };
            return Err(met.told(verdict));
        }
        Ok(())
    })
}

/// Where a write takes nothing at all and gives no reason, the same is not offered again and again.
pub fn survive_writes_of_nothing() -> Claim<impl Check> {
    claim("survive writes of nothing", |seen| {
        let nothing = |met: &Met<'_>| {
            matches!(met.leave.event.what, What::Leave { result: Outcome::Value(0), .. })
        };
        for met in Met::all(seen).filter(|met| met.is_offer() && nothing(met)) {
            let all = offered(met.enter).unwrap_or_default();
            let same = |step: &Seen| met.is_again(step) && offered(step) == Some(all);
            let again = met.after().filter(|step| same(step)).count();
            if all.1 > 0 && again > AT_ONCE {
                let verdict = Verdict::new(format!(
                    "{} offers the same bytes for ever: the kernel takes none of them, and it asks again.",
                    met.leave.event.task
                ));
                return Err(met
                    .told(verdict)
                    .saw(format!("offered again {again} times"))
                    .ask("What has come nearer to its end in a round in which write returned 0?"));
            }
        }
        Ok(())
    })
}

/// After each read that an injection has made short, the program reads on: a few bytes are no end.
pub fn survive_short_reads() -> Claim<impl Check> {
    claim("survive short reads", |seen| {
        for (met, count) in Met::short(seen, "read") {
            if met.again().is_none() {
                let got = names::bytes(count);
                let verdict = Verdict::new(format!(
                    "{} takes a short read for all there is: it got {got}, and does not read on.",
                    met.leave.event.task
                ));
                return Err(met
                    .told(verdict)
                    .ask("Which answer of read says that nothing more will come?"));
            }
        }
        Ok(())
    })
}

/// A call that has failed with this is not made again, of the same file: it would fail for ever, or others are to be asked first.
pub fn give_up_after(error: &'static str) -> Claim<impl Check> {
    claim(format!("give up after {error}"), move |seen| {
        let fails = |met: &Met<'_>| matches!(&met.leave.event.what, What::Leave { result: Outcome::Error(found), .. } if found == error);
        for met in Met::all(seen).filter(fails) {
            let times = met.after().filter(|step| met.is_again(step)).count();
            if times > 0 {
                let verdict = Verdict::new(format!(
                    "{} asks again after {error}: its {} was refused, and is made again all the same.",
                    met.leave.event.task, met.name
                ));
                return Err(met
                    .told(verdict)
                    .saw(format!(
                        "made after that: {}",
                        names::count(times as u64, "time", "times")
                    ))
                    .ask(format!(
                        "What would have to change before the answer is another one than {error}?"
                    )));
            }
        }
        Ok(())
    })
}
