//! What must be left in the pipe of `drain-all` after one turn: nothing. And nobody may wait for more.

use grader::{
    Exit, Outcome, Process, Recorded, Run, Running, Seed, Snapshot, State, Verdict, facts::*,
};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use std::fs::OpenOptions;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// In so much processor time, a drain that is at work takes out a byte at least.
const SPINNING: Duration = Duration::from_millis(200);
/// For who takes out byte after byte, and is slow. One that spins is not waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A multiple of every size that people like for a buffer: the last full one leaves nothing, and says nothing of that.
const MANY: u32 = 8192;
/// More than a pipe has room for unless it was made larger, and a multiple of nothing.
const MORE: u32 = 70_001;

/// How many bytes are in the pipe that leads from the program to itself; in all of them, where it has several. `None` where the machine does
/// not let us look.
fn bytes_in_the_pipe(now: &Snapshot) -> Option<u32> {
    let program = now.program()?;
    let pipes = now.pipes().into_iter();
    let own = pipes.filter(|p| p.is_read_by(now.program) && p.is_written_by(now.program));
    let ends = own.filter_map(|p| p.readers.into_iter().find(|(pid, _)| *pid == now.program));
    let counts =
        ends.map(|(_, number)| bytes_behind(program, number)).collect::<Option<Vec<_>>>()?;
    (!counts.is_empty()).then(|| counts.iter().sum())
}

fn bytes_behind(program: &Process, number: i32) -> Option<u32> {
    let path = format!("/proc/{}/fd/{number}", program.host);
    let pipe = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD stores one int, and `count` is one.
    let told = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    (told == 0).then_some(count.try_into().ok()?)
}

/// A run that had so many bytes in its pipe before it first slept, and was told to leave when it had come to rest.
struct Seen {
    signals: u32,
    /// When it had come to rest.
    rest: Snapshot,
    bytes: Option<u32>,
    outcome: Outcome,
}

fn run(signals: u32) -> Seen {
    let run = || Run::new(grader::program!("drain-all")).arg(signals.to_string());
    match run_to_its_rest(signals, run()) {
        (_, true) => run_to_its_rest(signals, run().may_compute().deadline(PATIENCE)).0,
        (seen, false) => seen,
    }
}

/// The same, and whether its time was up when it had taken out more and more.
fn run_to_its_rest(signals: u32, run: Run) -> (Seen, bool) {
    let mut running = run.start();
    if running.line_after("busy no more").is_err() {
        let outcome = running.finish();
        let now = &outcome.snapshot;
        if now.waiting_writers().iter().any(|(who, pipe)| pipe.is_read_by(who.pid)) {
            Verdict::new("The handler waits for room in the pipe, and only the process that it interrupts could make some.")
                .saw_all(now.explain())
                .ask("Which of the two ends does the handler use, and what must never happen to a handler?")
                .fail();
        }
        outcome.must_end();
        Verdict::new("The program ended, or hung, before its busy time was over.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which of the two ends must never block, so that no handler waits, and is it so?")
            .fail()
    }
    let now = running.snapshot();
    let mut used = now.program().map_or(Duration::ZERO, |p| p.cpu);
    let (mut left, mut at_work) = (bytes_in_the_pipe(&now), false);
    // It sleeps nowhere as long as there is something in the pipe: if it does, or goes on and on for nothing, that is how it stays.
    let at_rest = |now: &Snapshot| {
        let program = now.program()?;
        // Who has much to say may have to wait until that is read.
        let asleep = program.blocked() && program.call_name() != Some("write");
        if !asleep && program.state != State::Zombie {
            if program.cpu < used + SPINNING {
                return None;
            }
            let before = std::mem::replace(&mut left, bytes_in_the_pipe(now));
            if left.zip(before).is_some_and(|(left, before)| left < before) {
                (used, at_work) = (program.cpu, true);
                return None;
            }
        }
        Some(now.clone())
    };
    let rest = running.until(at_rest);
    let slow = rest.is_err() && at_work;
    let rest = rest.unwrap_or_else(|_| running.snapshot());
    let bytes = bytes_in_the_pipe(&rest);
    tell_to_leave(&running);
    (Seen { signals, rest, bytes, outcome: running.finish() }, slow)
}

fn tell_to_leave(running: &Running) {
    // It is there until it is reaped, which is when the run is over.
    kill(running.pid(), Signal::SIGTERM).expect("a process of ours may be signalled");
}

/// Fails unless the pipe was emptied in the turn that found something in it, and the program slept in poll then.
fn must_be_emptied_at_once(seen: &Seen, seed: &Seed) {
    let Seen { signals, rest, bytes, outcome } = seen;
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let turns = said.lines().filter(|line| line.starts_with("turn ")).count();
    let hangs = outcome.exit == Exit::Deadline;
    let how = |verdict: Verdict| {
        verdict
            .saw(format!("{signals} signals left a byte each, and after them came SIGTERM"))
            .saw_all(bytes.map(|count| format!("when the program had come to rest, or had used much time, {count} bytes were in the pipe")))
            .saw_all(rest.explain().into_iter().map(|it| format!("then {it}")))
            .saw(format!("turns: {turns}"))
            .saw(outcome.ending())
            .saw_all(outcome.snapshot.explain().into_iter().filter(|_| hangs).map(|it| format!("at its deadline {it}")))
            .saw_all(outcome.complaint())
            .replay(seed)
    };
    let me = rest.program;
    let waits = |now: &Snapshot| {
        now.waiting_readers().iter().any(|(who, pipe)| who.pid == me && pipe.is_written_by(me))
    };
    if waits(rest) || waits(&outcome.snapshot) {
        how(Verdict::new("The drain waits for the next signal: it reads where nothing is left, from an end that blocks."))
            .ask("How does one learn that a pipe is empty, without waiting for what comes next?")
            .fail();
    }
    if rest.program().is_some_and(Process::goes_by_the_clock) {
        how(Verdict::new("The drain waits some time for more: when it had come to rest, the program slept by the clock."))
            .ask("Who would wake the program for what comes next, if the drain did not wait for it?")
            .fail();
    }
    // One that says so and goes on has taken it for none.
    let last_words = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let last_words = last_words.lines().filter_map(|line| line.strip_prefix("drain-all: ")).last();
    if outcome.exit == Exit::Code(2) && last_words.is_some_and(|it| it.contains("(os error 11)")) {
        how(Verdict::new("The program takes it for a failure that the pipe is empty."))
            .ask("EAGAIN: what would have had to be waited for, and was it to be waited for here?")
            .fail();
    }
    let expected = usize::from(*signals > 0) + 1;
    if turns > expected {
        let verdict = if *bytes == Some(*signals) {
            Verdict::new("Nothing is taken out of the pipe, and so no sleep is one.")
                .ask("When does poll say that a pipe is readable, and what changes that?")
        } else if turns >= *signals as usize {
            Verdict::new(format!(
                "It takes {turns} turns to get through {signals} bytes: one byte in each turn."
            ))
            .ask("What does the second byte say that the first one has not said?")
        } else {
            Verdict::new(format!("The pipe is emptied in parts: {turns} turns for {signals} bytes, and one for SIGTERM."))
                .ask("What does a read that fills its whole buffer say about what is left?")
        };
        how(verdict).fail();
    }
    let runs = |now: &Snapshot| now.program().is_some_and(|p| p.state == State::Running);
    if hangs && (runs(rest) || runs(&outcome.snapshot)) {
        how(Verdict::new("The drain asks an empty pipe again and again, and never comes back."))
            .ask("Which answer of read says that there is nothing left, and what should follow from it?")
            .fail();
    }
    // Why nobody was woken, a recording shows better than its end.
    if hangs && let Some(seen) = a_few_recorded() {
        seen.must(wake_only_itself());
    }
    outcome.must_end();
    if turns < expected || outcome.exit != Exit::Code(0) {
        how(Verdict::new(format!("There should be {expected} turns, and then a good end.")))
            .ask("Which call failed, or which byte was never seen?")
            .fail();
    }
}

/// Fails if a full pipe would have the handler wait.
fn must_have_a_write_end_that_never_blocks(rest: &Snapshot) {
    let me = rest.program;
    let own = rest.pipes().into_iter().filter(|pipe| pipe.is_read_by(me));
    let writers = own.flat_map(|pipe| pipe.writers).filter(|(pid, _)| *pid == me);
    let used = a_few_recorded().map(|seen| written_to_in_handlers(&seen)).unwrap_or_default();
    // Where it is not to be seen which one the handler uses, it may be any.
    for (_, number) in writers.filter(|(_, end)| used.is_empty() || used.contains(end)) {
        let end = rest.program().and_then(|program| program.descriptor(number));
        if end.is_some_and(|end| end.flags & libc::O_NONBLOCK == 0) {
            Verdict::new("The end to write to can block: when the pipe is full, the handler waits for the very process that it interrupts.")
                .saw(format!("descriptor {number} is open to write, without O_NONBLOCK"))
                .ask("Which of the two ends does the handler use, and what must never happen to a handler?")
                .fail();
        }
    }
}

/// A run that three signals come to, and no SIGTERM.
fn a_few_recorded() -> Option<Recorded> {
    Run::new(grader::program!("drain-all")).arg("3").recorded().record()
}

/// How many bytes it reads at a time, if that is more than one, and less than a pipe has room for.
fn size_of_its_buffer() -> Option<u32> {
    let seen = a_few_recorded()?;
    let size = u32::try_from(seen.most_asked_for()?).ok()?;
    (2..MORE).contains(&size).then_some(size)
}

#[test]
fn a_few_bytes_are_one_turn() {
    grader::worth(1);
    let mut seed = Seed::of("a few");
    must_be_emptied_at_once(&run(seed.random().u32(2..20)), &seed);
}

#[test]
fn thousands_of_bytes_are_one_turn() {
    grader::worth(2);
    let seed = Seed::of("many");
    must_be_emptied_at_once(&run(MANY), &seed);
    must_be_emptied_at_once(&run(MORE), &seed);
    if let Some(size) = size_of_its_buffer() {
        must_be_emptied_at_once(&run(MANY.next_multiple_of(size)), &seed);
    }
}

#[test]
fn it_sleeps_until_the_first_one() {
    grader::worth(1);
    let seen = run(0);
    must_be_emptied_at_once(&seen, &Seed::of("none"));
    must_have_a_write_end_that_never_blocks(&seen.rest);
}
