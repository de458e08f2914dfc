//! Whether `errno-safe` knows why its call failed, although a signal comes before it asks.
//!
//! Between the two, the program lets others run, by sched_yield(2): the recorder has the signal come there.

use grader::facts::*;
use grader::{
    Between, Exit, Gates, Injection, Outcome, Process, Recorded, Run, Seed, Seen, Verdict,
};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};

/// In so many ways a path can fail to be opened.
const WAYS: u8 = 3;

/// A path that can't be opened, in one of these ways, and why.
fn path(way: u8, seed: &mut Seed) -> (String, Errno) {
    let name: String = (0..6).map(|_| seed.random().lowercase()).collect();
    match way {
        0 => (format!("/dev/{name}"), Errno::ENOENT),
        1 => (format!("/dev/null/{name}"), Errno::ENOTDIR),
        _ => (name.repeat(50), Errno::ENAMETOOLONG),
    }
}

fn run(path: &str, room: &str) -> Run {
    Run::new(grader::program!("errno-safe")).arg(path).arg(room)
}

/// Fails unless the program exits with this error's number.
fn must_report(outcome: &Outcome, why: Errno, seed: &Seed) {
    if outcome.exit == Exit::Code(why as i32) {
        return;
    }
    let verdict = match outcome.exit {
        Exit::Code(0) => Verdict::new("The call has failed, and errno says that nothing has failed.")
            .ask("Who has set errno since, and what was it before?"),
        Exit::Code(code) if code == Errno::EAGAIN as i32 => Verdict::new(
            "The handler's own failure has taken the place of the reason that the program asks for.",
        )
        .saw("errno, asked a moment later, says: EAGAIN, which is what a write to a full pipe fails with")
        .ask("Where is the reason kept until somebody asks for it, and what must a handler do about that?"),
        _ => Verdict::new("The program does not exit with the number of open's error.")
            .ask("Which call was the last to fail before the program asked?"),
    };
    verdict
        .saw(format!("open failed with {why:?}, which is {}", why as i32))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}

/// A run in which SIGUSR1 comes between the call and the look at errno, and once more at this one of the calls that close something.
fn signalled(path: &str, room: &str, close: usize) -> Option<Recorded> {
    let signal = |text: &str| Injection::signal(text).expect("it is well written");
    let run = run(path, room).recorded().show_allocations();
    let run = run.inject(signal("P1:sched_yield=USR1"));
    run.inject(signal(&format!("P1:close:{close}=USR1"))).record()
}

/// Whether a signal has ended the program that it had no handler for.
fn was_ended(seen: &Recorded) -> bool {
    seen.outcome.exit == Exit::Signal(Signal::SIGUSR1 as i32)
        && seen.steps.iter().all(|step| step.handlers.is_empty())
}

/// How many descriptors it closes before a signal may come: while it gets ready.
fn closed_before(path: &str, room: &str) -> Option<usize> {
    let seen = run(path, room).recorded().record()?;
    let ready = seen.steps.iter().take_while(|step| step.begins() != Some("sched_yield"));
    Some(ready.filter(|step| step.begins() == Some("close")).count())
}

/// SIGUSR1 comes between the call and the look at errno, and once more when all is said. Returns what was seen where the machine shows it.
fn interrupted(room: &str, way: u8, seed: &mut Seed) -> Option<Recorded> {
    let (path, why) = path(way, seed);
    // The first that is closed is an end of the pipe, by its owner, which is still there then; or else something that was of use before.
    let mut seen = signalled(&path, room, 1)?;
    if was_ended(&seen) {
        seen = signalled(&path, room, closed_before(&path, room)? + 1)?;
    }
    // Before a signal could come, it may have ended.
    if seen.unmet.len() == 2 {
        seen.outcome.must_end();
    }
    seen.must(stay_safe_in_handlers()).must(print_nothing_in_handlers()).must(end_by_itself());
    if seen.outcome.exit == Exit::Signal(Signal::SIGUSR1 as i32) {
        if !was_ended(&seen) {
            set_once(&seen.outcome, "it came, and once more when the first one had been handled");
        }
        Verdict::new("SIGUSR1 has ended the program: nothing was set for it.")
            .saw(seen.outcome.ending())
            .ask("Which call sets what a process does with a signal?")
            .fail();
    }
    must_not_close_in_its_handler(&seen);
    must_report(&seen.outcome, why, seed);
    seen.must(run_its_handler(Signal::SIGUSR1, 2 - seen.unmet.len()));
    Some(seen)
}

/// Fails if the handler closes a descriptor that it finds: only those that it has opened itself are its own.
fn must_not_close_in_its_handler(seen: &Recorded) {
    let mut own: Vec<i32> = Vec::new();
    let foreign = |step: &&Seen| {
        if step.handlers.is_empty() {
            own.clear();
            return false;
        }
        own.extend(&step.opened);
        let closes = |number: &i32| step.sentence.contains(&format!(" close({number})"));
        let closed = own.iter().position(closes).map(|place| own.swap_remove(place));
        step.begins() == Some("close") && closed.is_none()
    };
    if let Some(step) = seen.steps.iter().find(foreign) {
        Verdict::new(
            "The handler closes the pipe, which is not its own, and is needed the next time.",
        )
        .saw(step.to_string())
        .saw(seen.outcome.ending())
        .ask(
            "Which type of Rust's closes a descriptor when it goes, and which one only borrows it?",
        )
        .fail();
    }
}

#[test]
fn without_a_signal_the_reason_is_reported() {
    grader::worth(1);
    let mut seed = Seed::of("no signal");
    for way in 0..WAYS {
        let (path, why) = path(way, &mut seed);
        let outcome = run(&path, "room").finish();
        outcome.must_end();
        must_report(&outcome, why, &seed);
    }
}

#[test]
fn a_signal_puts_a_byte_into_the_pipe() {
    grader::worth(2);
    let mut seed = Seed::of("room");
    let way = seed.random().u8(..WAYS);
    let Some(seen) = interrupted("room", way, &mut seed) else { return };
    if !seen.outcome.stdout.ends_with(b"woken\n") {
        Verdict::new("SIGUSR1 has come, and there is no byte in the pipe.")
            .saw(seen.outcome.ending())
            .ask("What is the handler there for?")
            .replay(&seed)
            .fail();
    }
    seen.must(write_one_byte_in_each_handler());
}

#[test]
fn a_handler_that_fails_leaves_the_reason_as_it_was() {
    grader::worth(3);
    let mut seed = Seed::of("full");
    for way in 0..WAYS {
        interrupted("full", way, &mut seed);
    }
}

#[test]
fn the_handler_takes_no_lock_not_even_one_of_its_own() {
    grader::worth(1);
    // Nobody opens the other end of this file: the program sleeps in its open.
    let gates = Gates::new(1);
    let mut running = run(&gates.paths()[0].to_string_lossy(), "room").start();
    let asleep = running.until(|now| now.program().filter(|p| p.blocked()).cloned());
    let Ok(program) = asleep else {
        let outcome = running.finish();
        outcome.must_end();
        Verdict::new("The program does not come to open its file.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What has `listen` returned?")
            .fail()
    };
    // Who sets none is told so elsewhere.
    if !program.signals.caught.contains(&Signal::SIGUSR1) {
        return;
    }
    match running.signal_within_its_handler(Signal::SIGUSR1) {
        Between::Through(_) => must_be_set_for_two_at_once(),
        Between::Refused(errno) => grader::skip("SIGUSR1 within its handler", errno.desc()),
        Between::Locks(times) => Verdict::new("The handler of SIGUSR1 waits for a lock.")
            .saw(format!("its handler was begun again after each of its own instructions, as that of another signal could be; the {times}. time, it had the lock itself"))
            .ask("No call of signal-safety(7)'s list takes a lock. Why not, even where nobody else would take this one?")
            .fail(),
    }
}

/// Fails if a second SIGUSR1 ends the program that is there when the handler begins. Whose handler keeps it outside until it is through may set itself
/// anew meanwhile.
fn must_be_set_for_two_at_once() {
    let gates = Gates::new(1);
    let mut running = run(&gates.paths()[0].to_string_lossy(), "room").start();
    let rests = |p: &&Process| p.blocked() && p.signals.pending.is_empty();
    if running.until(|now| now.program().filter(rests).map(drop)).is_err() {
        return;
    }
    let pid = running.pid();
    let send = |signal| kill(pid, signal).expect("it is there until it is reaped");
    send(Signal::SIGSTOP);
    let stopped = running.until(|now| now.program().filter(|p| p.has_stopped()).map(drop));
    assert_eq!(stopped, Ok(()), "a signal can't be refused that stops");
    // One for the process and one for its thread: they wait side by side.
    send(Signal::SIGUSR1);
    let number = pid.as_raw();
    // SAFETY: tgkill takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, number, number, libc::SIGUSR1) };
    send(Signal::SIGCONT);
    if running.until(|now| now.program().filter(rests).map(drop)).is_ok() {
        return;
    }
    let outcome = running.finish();
    if outcome.exit == Exit::Signal(Signal::SIGUSR1 as i32) {
        set_once(&outcome, "it came twice while the program was stopped, and then that went on");
    }
}

fn set_once(outcome: &Outcome, what: &str) -> ! {
    Verdict::new(
        "A second SIGUSR1 has ended the program: the handler was set for the first one only.",
    )
    .saw(what.to_owned())
    .saw(outcome.ending())
    .ask("sigaction(2): what becomes of a handler when it has run once, and which flag says so?")
    .fail()
}
