//! Facts about exec: what a program finds when it begins in the place of another one.
//!
//! For what is set for its signals, look at it from outside: [`Process::signals`](crate::Process::signals).

use super::descriptors::listed;
use super::{Check, Claim, claim};
use crate::{Open, Recorded, Seen, Verdict};
use trace::call::Argument;
use trace::event::Outcome;
use trace::{Task, What, names};

const F_SETFD: i64 = 2;
const FIOCLEX: i64 = 0x5451;

/// Every exec that has succeeded, with what the program is told and what is open in it.
fn execs(seen: &Recorded) -> impl Iterator<Item = (&Seen, &[String], &[Open])> {
    seen.steps.iter().filter_map(|step| match &step.event.what {
        What::Exec { argv, .. } => Some((step, argv.as_slice(), step.open.as_deref()?)),
        _ => None,
    })
}

/// In each program that is executed, exactly these descriptors are open, lowest first.
pub fn have_open_at_exec(numbers: &'static [i32]) -> Claim<impl Check> {
    claim(format!("have {numbers:?} open at exec"), move |seen| {
        for (step, _, open) in execs(seen) {
            let open: Vec<_> = open.iter().map(|it| it.number).collect();
            if open != numbers {
                let who = step.event.task;
                return Err(Verdict::new(format!(
                    "{who} becomes another program with other descriptors than it should."
                ))
                .saw(step.to_string())
                .saw(format!("open are {open:?}; should be {numbers:?}"))
                .ask("Which of them are close-on-exec, and since when?"));
            }
        }
        Ok(())
    })
}

/// What the first call of this name was about, in these words, is open in the program that is executed next.
pub fn keep_for_the_next_program(call: &'static str, what: &'static str) -> Claim<impl Check> {
    claim(format!("keep {what} open for the next program"), move |seen| {
        let about = seen.steps.iter().find(|step| step.begins() == Some(call));
        let Some((about, Some(description))) = about.map(|it| (it, it.description)) else {
            return Ok(());
        };
        let Some((exec, _, open)) =
            execs(seen).find(|(step, ..)| step.event.step > about.event.step)
        else {
            return Ok(());
        };
        if open.iter().any(|it| it.description == description) {
            return Ok(());
        }
        let closes = |step: &&Seen| {
            step.process == exec.process
                && step.event.step < exec.event.step
                && step.begins() == Some("close")
                && step.description == Some(description)
        };
        Err(Verdict::new(format!("When the new program begins, {what} is closed."))
            .saw_all(seen.steps.iter().find(closes).map(ToString::to_string))
            .saw(exec.to_string())
            .saw(format!("open in it: {}", listed(open)))
            .ask("What has closed it, and when? Which flag says so, and in which process is it to be cleared?"))
    })
}

/// No program that is executed begins with a signal blocked: it would wait outside for ever, since nobody there knows of it.
pub fn block_no_signal_at_exec() -> Claim<impl Check> {
    claim("block no signal at exec", |seen| {
        let Some((step, ..)) = execs(seen).find(|(step, ..)| !step.held_back.is_empty()) else {
            return Ok(());
        };
        let (who, blocked) = (step.event.task, names::signals(&step.held_back));
        let mask = |step: &&Seen| matches!(&step.event.what, What::Leave { name, .. } if name == "rt_sigprocmask");
        let before = seen.steps.iter().take_while(|it| it.event.step < step.event.step);
        Err(Verdict::new(format!("{who} becomes another program with {blocked} blocked."))
            .saw_all(before.filter(mask).last().map(ToString::to_string))
            .saw(step.to_string())
            .ask("execve(2): what becomes of a mask, and who was to put it back before?"))
    })
}

/// No program that is executed inherits a descriptor beyond its three standard streams.
pub fn leak_nothing_to_exec() -> Claim<impl Check> {
    claim("leak no descriptor to a program that it executes", |seen| leaks(seen, |_| true))
}

/// The same of programs that are told this word, as an argument of its own.
pub fn leak_nothing_to(word: &'static str) -> Claim<impl Check> {
    claim(format!("leak no descriptor to the program that is told {word:?}"), move |seen| {
        leaks(seen, |argv| argv.iter().any(|argument| argument == word))
    })
}

fn leaks(seen: &Recorded, concerns: impl Fn(&[String]) -> bool) -> Result<(), Verdict> {
    for (exec, _, open) in execs(seen).filter(|(_, argv, _)| concerns(argv)) {
        if let Some(leaked) = open.iter().find(|it| it.number > 2) {
            return Err(leak(seen, exec, leaked).saw(format!("open in it: {}", listed(open))));
        }
    }
    Ok(())
}

/// How a program came to hold what it holds.
fn leak(seen: &Recorded, exec: &Seen, leaked: &Open) -> Verdict {
    let who = exec.event.task;
    let before = || seen.steps.iter().take_while(|step| step.event.step < exec.event.step);
    let born = before().find_map(|step| match step.event.what {
        What::Born { parent, .. } if step.event.task == who => Some((step, parent)),
        _ => None,
    });
    let made = before().filter(|step| step.opened.contains(&leaked.number)).last();
    let maker = made.map(|made| made.event.task);
    let mark = seen.steps.iter().find(|step| {
        let since = made.is_some_and(|made| step.event.step > made.event.step);
        since && Some(step.event.task) == maker && marks(step, leaked.number)
    });
    let (stranger, parent) = match born {
        Some((_, parent)) if Some(parent) != maker && Some(who) != maker => (true, parent),
        Some((_, parent)) => (false, parent),
        None => (false, Task(1)),
    };
    let maker = maker.unwrap_or(Task(1));
    let cause = match (stranger, mark) {
        (true, Some(_)) => format!(
            "Between the call that made descriptor {} and the one that marked it, {parent} started a program, which inherits it.",
            leaked.number
        ),
        (true, None) => format!(
            "{parent} starts a program, which inherits a descriptor of {maker}'s, of which {parent} knows nothing."
        ),
        (false, Some(_)) => format!(
            "{maker} has marked {leaked}, only after the fork: the copy of {who} has no mark, and stays open at its exec."
        ),
        (false, None) => {
            format!(
                "{who} becomes another program, and in it is open what nobody gave to it: {leaked}."
            )
        }
    };
    let mut steps: Vec<_> =
        [made, mark, born.map(|(step, _)| step), Some(exec)].into_iter().flatten().collect();
    steps.sort_by_key(|step| step.event.step);
    Verdict::new(cause)
        .saw_all(steps.iter().map(ToString::to_string))
        .ask("From which moment on must a descriptor be close-on-exec, and which flag of the call that makes it sees to that?")
}

/// Whether this call has marked that descriptor close-on-exec.
fn marks(step: &Seen, number: i32) -> bool {
    let What::Leave { name, result: Outcome::Value(0), arguments } = &step.event.what else {
        return false;
    };
    match (name.as_str(), arguments.as_slice()) {
        (
            "fcntl",
            [Argument::Descriptor(fd), Argument::Number(F_SETFD), Argument::Number(flags)],
        ) => *fd == number && flags & 1 == 1,
        ("ioctl", [Argument::Descriptor(fd), Argument::Number(FIOCLEX), ..]) => *fd == number,
        _ => false,
    }
}
