//! What `reap-coalesced` must say of its children's ends, and that it leaves no zombie.
//!
//! Each child stands at a gate until the test opens that, and so does the program while it is busy: so the test knows who has ended
//! when SIGCHLD comes through.

use grader::facts::{end_by_itself, set_no_timeout};
use grader::{Exit, Gates, Interrupted, Outcome, Run, Running, Snapshot, State, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CHILDREN: usize = 5;
/// The gate at which the program is busy; the children's are the next ones.
const BUSY: usize = 1;
/// What is to be reported of a child that SIGKILL has ended.
const KILLED: usize = 128 + Signal::SIGKILL as usize;

/// A program whose children stand at their gates, and itself at its own.
struct Family {
    running: Running,
    gates: Gates,
    /// The children, in the order in which they were made.
    children: Vec<Pid>,
    /// The one (from 1) that a signal has killed.
    killed: Option<usize>,
}

impl Family {
    fn start() -> Self {
        let mut gates = Gates::new(1 + CHILDREN);
        let run = Run::new(grader::program!("reap-coalesced")).args(gates.paths());
        let mut running = run.start();
        let children = (1..=CHILDREN).map(|number| {
            let line = running.line().ok()?;
            line.strip_prefix(&format!("child {number} is pid "))?.parse().ok().map(Pid::from_raw)
        });
        let Some(children) = children.collect() else {
            running.finish().must_end();
            unreachable!("what it says before `reap` is called is not the learner's")
        };
        let arrived = running.until(|_| (gates.arrived() == 1 + CHILDREN).then_some(()));
        assert_eq!(arrived, Ok(()), "it goes to its gates before `reap` is called");
        Self { running, gates, children, killed: None }
    }

    /// Lets this child (from 1) end, and waits until it has.
    fn end(&mut self, number: usize) {
        self.gates.open(BUSY + number);
        self.wait_for_the_end(number);
    }

    /// The same, by a signal.
    fn kill(&mut self, number: usize) {
        let snapshot = self.running.snapshot();
        let child = snapshot.get(self.children[number - 1]).expect("it stands at its gate");
        kill(child.host, Signal::SIGKILL).expect("it can be killed");
        self.killed = Some(number);
        self.wait_for_the_end(number);
    }

    fn wait_for_the_end(&mut self, number: usize) {
        let pid = self.children[number - 1];
        let gone = |now: &Snapshot| match now.get(pid) {
            Some(child) => (child.state == State::Zombie).then_some(()),
            None => Some(()),
        };
        // If it never ends, the next check says so.
        let _ = self.running.until(gone);
    }

    /// Fails unless exactly these children (from 1) are reported next, in whichever order.
    fn must_report(mut self, numbers: &[usize]) -> Self {
        let code = |number| if self.killed == Some(number) { KILLED } else { number };
        let line = |number: &usize| {
            format!("pid {} ended with {}", self.children[number - 1], code(*number))
        };
        let mut awaited: Vec<String> = numbers.iter().map(line).collect();
        while !awaited.is_empty() {
            match self.running.line() {
                Ok(line) if awaited.contains(&line) => awaited.retain(|other| *other != line),
                Ok(line) if !line.starts_with("pid ") => {}
                Ok(line) => Verdict::new(if line.ends_with(" ended with 0") {
                    "A child that a signal has killed is reported as if it had exited with 0."
                } else if line.ends_with(&format!(" ended with {}", 128 + Signal::SIGSTOP as i32)) {
                    "A child that was stopped for a moment is reported as if it had ended."
                } else {
                    "Something else is reported than has happened."
                })
                .saw(format!("said: {line}"))
                .saw(format!("could have been said: {}", awaited.join(", ")))
                .ask("What does the status tell that waitpid returns, and of whom?")
                .fail(),
                Err(why) => self.not_reported(numbers.len(), &awaited, why),
            }
        }
        self
    }

    /// Why there is no line for each of those who have ended.
    fn not_reported(self, ended: usize, missing: &[String], why: Interrupted) -> ! {
        let outcome = self.running.finish();
        let missing = format!("not reported: {}", missing.join(", "));
        if why == Interrupted::Deadline {
            if self.killed.is_some() && ended == 1 {
                explain_sleep_on_a_kill(&outcome, &missing);
            }
            explain_sleep(&outcome, ended, &missing);
        }
        outcome.must_end();
        Verdict::new("The program ended, and the end of a child was not reported.")
            .saw(missing)
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which error did `waitpid` return, and is that one?")
            .fail()
    }

    /// Fails unless the program sleeps for a signal, and not for a child, or runs.
    fn must_sleep(mut self, news: &str) -> Self {
        let mut call = None;
        // A signal that was sent is on its way: who sleeps with nothing pending has heard it.
        let asleep = self.running.until(|now| {
            let program = now.program()?;
            call = program.call_name();
            (program.blocked() && program.signals.pending.is_empty()).then_some(())
        });
        if asleep.is_err() {
            let outcome = self.running.finish();
            explain_sleep(&outcome, 0, news);
            outcome.must_end();
            unreachable!("it has had time until its deadline")
        }
        if matches!(call, Some("wait4" | "waitid")) {
            Verdict::new(format!("{news}, and the program sleeps until a child ends."))
                .saw_all(self.running.snapshot().explain())
                .ask("How does one ask after children without sleeping, and what is the answer when all of them live?")
                .fail();
        }
        self
    }
}

/// Fails with why the program does not report what has happened, where that can be seen.
fn explain_sleep(outcome: &Outcome, ended: usize, missing: &str) {
    let now = &outcome.snapshot;
    let zombies = now.others().filter(|p| p.state == State::Zombie).count();
    let alive = now.others().count() - zombies;
    let Some(program) = now.program() else { return };
    let verdict = match (program.state, program.call_name()) {
        (State::Running, _) => Verdict::new("The program asks again and again after children that live.")
            .ask("What does `waitpid` answer with WNOHANG when nobody has ended, and what should be done then?"),
        (_, Some("wait4" | "waitid")) => Verdict::new("Children have ended, and the program sleeps until a child ends that lives.")
            .ask("Which flag of `waitpid` has it answer at once?"),
        (_, Some("futex")) => Verdict::new("Children have ended, and the program sleeps for another of its threads.")
            .ask("What does that thread wait for, and how long can that take? Which flag of `waitpid` has it answer at once?"),
        _ if zombies == 0 => return,
        _ if alive > 0 => Verdict::new("A child that has ended has not been reaped, since another one lives.")
            .ask("Whom does `waitpid` ask after when it is given no pid?"),
        _ => Verdict::new(format!("One signal came for {ended} ends, and {zombies} of them are zombies still."))
            .ask("What can the kernel note of a second SIGCHLD while the first one waits? So what does a SIGCHLD tell, and what not?"),
    };
    verdict.saw(missing.to_owned()).saw_all(now.explain()).fail()
}

/// Fails with what has become of the one child that has ended, by a signal, if the program sleeps for a signal.
fn explain_sleep_on_a_kill(outcome: &Outcome, missing: &str) {
    let now = &outcome.snapshot;
    let Some(program) = now.program().filter(|p| p.blocked()) else { return };
    if matches!(program.call_name(), Some("wait4" | "waitid" | "futex")) {
        return;
    }
    let reaped = now.others().all(|p| p.state != State::Zombie);
    let what = if reaped { "reaped, and then not reported" } else { "not reaped" };
    Verdict::new(format!("A child that a signal has killed is {what}."))
        .saw(missing.to_owned())
        .saw_all(now.explain())
        .ask("In which ways can a child end, and what does `waitpid` return for each of them?")
        .fail()
}

#[test]
fn ends_one_by_one_are_reported_one_by_one() {
    grader::worth(1);
    let mut family = Family::start();
    family.gates.open(BUSY);
    for number in [2, 1, 4, 5, 3] {
        family.end(number);
        family = family.must_report(&[number]);
    }
    must_be_over(family);
}

#[test]
fn five_ends_and_one_signal_are_five_reports() {
    grader::worth(3);
    let mut family = Family::start();
    for number in 1..=CHILDREN {
        family.end(number);
    }
    family.gates.open(BUSY);
    must_be_over(family.must_report(&[1, 2, 3, 4, 5]));
}

#[test]
fn those_that_live_are_not_waited_for() {
    grader::worth(2);
    let mut family = Family::start();
    family.end(2);
    family.end(4);
    family.gates.open(BUSY);
    family = family.must_report(&[2, 4]).must_sleep("Others live");
    // A child that is stopped sends SIGCHLD, too.
    stop(&mut family, 1);
    family = family.must_sleep("SIGCHLD came, and nobody had ended");
    for number in [1, 3, 5] {
        family.end(number);
    }
    must_be_over(family.must_report(&[1, 3, 5]));
    // Gates that are open: everybody ends as soon as it likes.
    let open = ["/dev/null"; 1 + CHILDREN];
    let Some(seen) = Run::new(grader::program!("reap-coalesced")).args(open).recorded().record()
    else {
        return;
    };
    seen.must(set_no_timeout()).must(end_by_itself());
}

#[test]
fn a_child_that_a_signal_has_killed_has_ended_as_well() {
    grader::worth(1);
    let mut family = Family::start();
    family.gates.open(BUSY);
    family.kill(3);
    family = family.must_report(&[3]);
    for number in [1, 2, 4, 5] {
        family.end(number);
    }
    must_be_over(family.must_report(&[1, 2, 4, 5]));
    // The first one that is found, and others behind it.
    let mut family = Family::start();
    family.kill(1);
    (2..=CHILDREN).for_each(|number| family.end(number));
    family.gates.open(BUSY);
    must_be_over(family.must_report(&[1, 2, 3, 4, 5]));
}

/// Stops a child (from 1), and lets it go on.
fn stop(family: &mut Family, number: usize) {
    let pid = family.children[number - 1];
    let snapshot = family.running.snapshot();
    let child = snapshot.get(pid).expect("it stands at its gate");
    kill(child.host, Signal::SIGSTOP).expect("it can be stopped");
    let stopped = |now: &Snapshot| now.get(pid)?.has_stopped().then_some(());
    assert_eq!(family.running.until(stopped), Ok(()), "a signal can't be refused that stops");
    // Whoever asks who has stopped is told so now. If it does not come to rest again, the next check says so.
    let rests = |now: &Snapshot| {
        now.program().filter(|p| p.blocked() && p.signals.pending.is_empty()).map(|_| ())
    };
    let _ = family.running.until(rests);
    kill(child.host, Signal::SIGCONT).expect("it can go on");
}

/// Fails unless the program ends now, with success, and leaves nobody.
fn must_be_over(family: Family) {
    let outcome = family.running.finish();
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All ends were reported, and then the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does `waitpid` return when there is no child any more, and is that an error here?")
            .fail();
    }
}
