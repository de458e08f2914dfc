//! What must be left of a storm of signals: nobody who waits, and the news.
//!
//! The program raises its signals itself, one after the other, so none of them coalesces with another one, and its pipe is one
//! page long. From then on it is full.

use grader::{
    Exit, InATurn, Injection, Outcome, Recorded, Run, Seed, Seen, Snapshot, State, Verdict,
};
use nix::sys::signal::Signal;
use nix::unistd::{SysconfVar, sysconf};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// A multiple of how far one byte counts, and two.
const AROUND: u64 = 65_536;
/// So many signals are work: a slow machine is not taken for a program that spins.
const FOR_SO_MANY: Duration = Duration::from_secs(10);

fn run(signals: u64) -> Run {
    Run::new(grader::program!("never-block")).arg(signals.to_string())
}

fn weather(signals: u64) -> Outcome {
    run(signals).finish()
}

/// More signals than a pipe of one page has room for; an odd number, at which no small counter is 0 again by chance.
fn storm(seed: &mut Seed) -> u64 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|n| u64::try_from(n).ok());
    page.unwrap_or(4096) + 1 + 2 * seed.random().u64(1..1500)
}

/// Fails unless the program came through, and sleeps nowhere.
fn must_come_through(outcome: &Outcome, signals: u64, seed: &Seed) {
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let over = said.contains("the storm is over");
    let now = &outcome.snapshot;
    let how = |verdict: Verdict| {
        let lines: Vec<_> = said.lines().take(4).collect();
        verdict
            .saw(format!("SIGUSR1 was raised {signals} times and SIGTERM once, and nobody read the pipe meanwhile"))
            .saw(format!("it said {lines:?}"))
            .saw_all(now.explain())
            .replay(seed)
    };
    if outcome.exit == Exit::Signal(nix::libc::SIGABRT) {
        Verdict::new("The handler panics when the pipe is full.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does EAGAIN say here, and is that bad news?")
            .replay(seed)
            .fail();
    }
    if outcome.exit == Exit::Deadline && !over {
        let program = now.program();
        if now.waiting_writers().iter().any(|(who, pipe)| pipe.is_read_by(who.pid)) {
            how(Verdict::new("The handler waits for room in the pipe, and only the process that it interrupts could make some."))
                .ask("Who reads the pipe, and what does that one do as long as the handler has not returned?")
                .fail();
        }
        if program.is_some_and(|p| p.state == State::Running) {
            how(Verdict::new("The handler tries again and again to write into a full pipe."))
                .ask("What does a full pipe say to whoever sleeps on it, and what would one byte more add to that?")
                .fail();
        }
    }
    if outcome.exit == Exit::Deadline && over {
        let me = now.program;
        if now.waiting_readers().iter().any(|(who, pipe)| who.pid == me && pipe.is_written_by(me)) {
            how(news_waits()).fail();
        }
        if now.program().is_some_and(|p| p.state == State::Running) {
            how(Verdict::new("The storm is over, and the program never comes to rest: it asks again and again."))
                .ask("Which answer of read says that there is nothing left, and what should follow from it?")
                .fail();
        }
        how(Verdict::new(
            "SIGTERM came when the pipe was full: its byte was refused, and with it the news.",
        ))
        .ask("What is lost when a byte is refused, and where could that be noted instead?")
        .fail();
    }
    outcome.must_end();
}

fn news_waits() -> Verdict {
    Verdict::new("`news` waits for the next signal: it reads where nothing is left, from an end that blocks.")
        .ask("How does one learn that a pipe is empty, without waiting for what comes next?")
}

/// Fails unless each signal that came was heard, and told once.
fn must_tell_each_once(outcome: &Outcome, signals: u64, seed: &Seed) {
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let times = |signal: &str| {
        said.lines().filter(|line| line.strip_prefix("heard ") == Some(signal)).count()
    };
    for signal in ["SIGUSR1", "SIGTERM"] {
        let came = signal == "SIGTERM" || signals > 0;
        let verdict = match times(signal) {
            count if count == usize::from(came) => continue,
            _ if !came => Verdict::new(format!("{signal} never came, and is told."))
                .ask("Does a byte in the pipe say which signal has put it there? And if somebody noted it?"),
            0 => Verdict::new(format!("{signal} came, and is not told."))
                .ask("How many kinds of signals may come before you look, and where is each noted?"),
            count => Verdict::new(format!("{signal} is told more than once: {count} times."))
                .ask("Does the number of bytes say how often a signal has come? What if some were refused?"),
        };
        let lines: Vec<_> = said.lines().take(4).collect();
        verdict
            .saw(format!(
                "SIGUSR1 was raised {signals} times, then SIGTERM once, before anybody looked"
            ))
            .saw(format!("it said {lines:?}"))
            .saw(outcome.ending())
            .replay(seed)
            .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All was heard, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and is that an error?")
            .replay(seed)
            .fail();
    }
}

#[test]
fn a_few_signals_are_heard() {
    grader::worth(1);
    let mut seed = Seed::of("a few");
    let signals = seed.random().u64(1..20);
    let outcome = weather(signals);
    must_come_through(&outcome, signals, &seed);
    must_tell_each_once(&outcome, signals, &seed);
}

#[test]
fn a_signal_that_did_not_come_is_not_told() {
    grader::worth(1);
    let seed = Seed::of("none");
    let outcome = weather(0);
    must_come_through(&outcome, 0, &seed);
    must_tell_each_once(&outcome, 0, &seed);
}

#[test]
fn no_handler_waits_for_room_in_a_full_pipe() {
    grader::worth(2);
    let mut seed = Seed::of("a storm");
    let signals = storm(&mut seed);
    must_come_through(&weather(signals), signals, &seed);
}

#[test]
fn nothing_is_lost_when_bytes_are_refused() {
    grader::worth(2);
    let mut seed = Seed::of("a storm");
    let signals = storm(&mut seed);
    let outcome = weather(signals);
    must_come_through(&outcome, signals, &seed);
    must_tell_each_once(&outcome, signals, &seed);
    must_empty_the_pipe();
    // The number at which small counters are 0 again.
    let outcome = run(AROUND).may_compute().deadline(FOR_SO_MANY).finish();
    must_come_through(&outcome, AROUND, &seed);
    must_tell_each_once(&outcome, AROUND, &seed);
}

/// Fails if bytes are left in the pipe when the news were told.
fn must_empty_the_pipe() {
    // More bytes than most people's buffers hold.
    const SIGNALS: u64 = 1500;
    // On a busy machine, so many signals take long to record.
    let run = run(SIGNALS).deadline(Duration::from_secs(30)).recorded();
    let Some(seen) = run.record() else { return };
    // What else it writes, it writes outside of a handler; and what else it reads, nobody has given it.
    let bytes = |calls: [&str; 2], of_handlers: bool| -> i64 {
        let steps = seen.steps.iter().filter(|step| step.handlers.is_empty() != of_handlers);
        let moves = steps.filter(|step| step.returns().is_some_and(|call| calls.contains(&call)));
        moves.filter_map(Seen::result).filter(|count| *count > 0).sum()
    };
    let (written, read) = (bytes(["write", "writev"], true), bytes(["read", "readv"], false));
    // Or another call empties it.
    let others = ["splice", "tee", "preadv2", "recvfrom", "recvmsg", "sendfile", "io_uring_enter"];
    let otherwise =
        seen.steps.iter().any(|step| step.begins().is_some_and(|call| others.contains(&call)));
    // What came behind a recording's last step is not known.
    let to_its_end = seen.steps.iter().any(Seen::is_end);
    if seen.outcome.exit == Exit::Code(0) && to_its_end && read < written && !otherwise {
        Verdict::new("The news were told, and the pipe was not emptied.")
            .saw(format!("the handlers have put {written} bytes into it, and {read} were read"))
            .ask(if read == 0 {
                "When does poll say that a pipe is readable, and what changes that?"
            } else {
                "What does a read that fills its whole buffer say about what is left? And what will the next sleep on this pipe be?"
            })
            .fail();
    }
}

/// A run in which SIGUSR1 comes just before a read. `None`: nobody may trace here.
fn signalled_before_a_read() -> Option<Recorded> {
    let before = |read: u32| {
        let signal = Injection::signal(&format!("P1:read:{read}=USR1"));
        run(0).recorded().inject(signal.expect("it is well written")).record()
    };
    let seen = before(1)?;
    // Who looks into its new pipe, before the handler is set, has nothing to lose there.
    let sets = seen.steps.iter().any(|step| step.caught.contains(&(Signal::SIGUSR1 as i32)));
    if seen.outcome.exit == Exit::Signal(Signal::SIGUSR1 as i32) && !sets {
        return before(2);
    }
    Some(seen)
}

#[test]
fn a_signal_that_comes_while_the_pipe_is_emptied_is_told() {
    grader::worth(1);
    let seed = Seed::of("in between");
    let Some(seen) = signalled_before_a_read() else { return };
    must_come_through(&seen.outcome, 0, &seed);
    if seen.stuck.iter().any(|blocked| blocked.contains("read(")) {
        news_waits().saw_all(seen.stuck.iter().cloned()).fail();
    }
    let said = String::from_utf8_lossy(&seen.outcome.stdout).into_owned();
    // Who never calls read empties the pipe otherwise. And who lets the signal in when the pipe is empty has its byte there, for the next time.
    if !seen.unmet.is_empty() || said.contains("heard SIGUSR1") || comes_after_the_reads(&seen) {
        must_lose_none_in_a_turn();
        return;
    }
    let told = [" SIGUSR1", " calls read(", " calls write(1"];
    let steps = seen.steps.iter().filter(|step| told.iter().any(|it| step.sentence.contains(it)));
    Verdict::new("SIGUSR1 came between the look at the notes and the reading of the pipe: its byte is gone, and nobody has looked since.")
        .saw(format!("it said {:?}", said.lines().collect::<Vec<_>>()))
        .saw_all(steps.take(8).map(ToString::to_string))
        .ask("In which order are the pipe emptied and the notes looked at, and what does a signal in between find?")
        .replay(&seed)
        .fail();
}

/// Fails if SIGUSR1 is lost somewhere between two sleeps: the program sleeps here, since SIGTERM, which it raises itself, waits outside.
fn must_lose_none_in_a_turn() {
    let mut running = run(0).may_compute().holding_back(Signal::SIGTERM).start();
    let asleep = running.until(|now| now.program().filter(|p| p.blocked()).map(|_| now.clone()));
    // Who lets SIGTERM in has ended.
    let Some(mut pipe) = asleep.ok().as_ref().and_then(open_its_pipe) else { return };
    // A byte without news: one turn more. Who has ended meanwhile is not asked.
    let wake = || drop(pipe.write_all(b"!"));
    match running.signal_within_a_turn(Signal::SIGUSR1, "heard SIGUSR1", wake) {
        InATurn::Told => {}
        InATurn::Refused(errno) => grader::skip("a signal at any instruction of a turn", errno.desc()),
        InATurn::Lost { after, later } => Verdict::new("SIGUSR1 came after the look at the notes, and before they were wiped out or the pipe was emptied: it is lost.")
            .saw(format!("the program was woken by a byte; {later} instructions after the end of a {after}(2), SIGUSR1 came, and its handler ran"))
            .saw("the program slept again, and had not told it")
            .ask("Which of these steps follow a look at the notes: could what was noted since be undone by one of them? How are notes taken and wiped out in one step?")
            .fail(),
    }
}

/// The pipe that leads from the program to itself, to write to it.
fn open_its_pipe(now: &Snapshot) -> Option<File> {
    let own = now
        .pipes()
        .into_iter()
        .find(|it| it.is_read_by(now.program) && it.is_written_by(now.program))?;
    let (_, number) = own.readers.into_iter().find(|(pid, _)| *pid == now.program)?;
    let path = format!("/proc/{}/fd/{number}", now.program()?.host);
    OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path).ok()
}

/// Whether SIGUSR1 was blocked while the pipe was read, and its handler has written to it since.
fn comes_after_the_reads(seen: &Recorded) -> bool {
    let after = seen.steps.iter().rev().take_while(|step| step.returns() != Some("read"));
    let writes = |step: &Seen| step.handlers.contains(&(Signal::SIGUSR1 as i32));
    after.filter(|step| writes(step)).any(|step| step.returns() == Some("write"))
}
