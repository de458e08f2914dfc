//! What `reap-coalesced` must say of its children's ends, and that it leaves no zombie.
//!
//! Each child stands at a gate until the test opens that, and so does the program while it is busy: so the test knows who has ended
//! when SIGCHLD comes through.

use grader::facts::{end_by_itself, set_no_timeout};
use grader::{
    Exit, Gates, Injection, Interrupted, Outcome, Process, Recorded, Run, Running, Seen, Snapshot,
    State, Verdict,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CHILDREN: usize = 5;
/// More than fit into a table that somebody thought large enough.
const MANY: usize = 20;
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
    /// What it has said of their ends.
    reported: Vec<String>,
}

impl Family {
    fn start() -> Self {
        Self::of(CHILDREN)
    }

    /// One with so many children.
    fn of(count: usize) -> Self {
        let mut gates = Gates::new(1 + count);
        let run = Run::new(grader::program!("reap-coalesced")).args(gates.paths());
        let mut running = run.start();
        let children = (1..=count).map(|number| {
            let line = running.line().ok()?;
            line.strip_prefix(&format!("child {number} is pid "))?.parse().ok().map(Pid::from_raw)
        });
        let Some(children) = children.collect() else {
            running.finish().must_end();
            unreachable!("what it says before `reap` is called is not the learner's")
        };
        let arrived = running.until(|_| (gates.arrived() == 1 + count).then_some(()));
        assert_eq!(arrived, Ok(()), "it goes to its gates before `reap` is called");
        Self { running, gates, children, killed: None, reported: Vec::new() }
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
                Ok(line) if awaited.contains(&line) => {
                    awaited.retain(|other| *other != line);
                    self.reported.push(line);
                }
                Ok(line) if !line.starts_with("pid ") => {}
                Ok(line) => Verdict::new(self.other(&line))
                    .saw(format!("said: {line}"))
                    .saw(format!("could have been said: {}", awaited.join(", ")))
                    .ask("What does the status tell that waitpid returns, and of whom?")
                    .fail(),
                Err(why) => self.not_reported(numbers.len(), &awaited, why),
            }
        }
        self
    }

    /// What is wrong with this line of an end.
    fn other(&self, line: &str) -> &'static str {
        let is = |number: usize| line.starts_with(&format!("pid {} ", self.children[number - 1]));
        if self.killed.is_some_and(is) && line.ends_with(" ended with 0") {
            "A child that a signal has killed is reported as if it had exited with 0."
        } else if line.ends_with(&format!(" ended with {}", 128 + Signal::SIGSTOP as i32)) {
            "A child that was stopped for a moment is reported as if it had ended."
        } else if self.reported.iter().any(|before| before == line) {
            "The end of a child is reported for the second time."
        } else if !(1..=self.children.len()).any(is) {
            "An end is reported of somebody who is no child."
        } else {
            "Something else is reported than has happened."
        }
    }

    /// Fails if one of those whose ends were reported is a zombie still.
    fn must_have_reaped(reported: &[String], outcome: &Outcome) {
        let now = &outcome.snapshot;
        let said = |zombie: &Process| {
            let pid = format!("pid {} ", zombie.pid);
            reported.iter().find(|line| line.starts_with(&pid))
        };
        let zombies = now.others().filter(|p| p.state == State::Zombie);
        if let Some(line) = zombies.into_iter().find_map(said) {
            Verdict::new("The end of a child was reported, and the child has not been reaped: it is a zombie still.")
                .saw(format!("said: {line}"))
                .saw_all(now.explain())
                .ask("Which call takes an end, and which one only looks at it? What does the next look find?")
                .fail();
        }
    }

    /// Why there is no line for each of those who have ended.
    fn not_reported(self, ended: usize, missing: &[String], why: Interrupted) -> ! {
        let outcome = self.running.finish();
        let missing = format!("not reported: {}", missing.join(", "));
        if why == Interrupted::Deadline {
            Self::must_have_reaped(&self.reported, &outcome);
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
            Self::must_have_reaped(&self.reported, &outcome);
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
        _ if zombies == 0 && program.signals.ignored.contains(&Signal::SIGCHLD) => Verdict::new("A child has ended, and left nothing to be reported: SIGCHLD is ignored by now.")
            .ask("wait(2): what becomes of a child that ends while its parent ignores SIGCHLD?"),
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
    // And as many as there are.
    let mut family = Family::of(MANY);
    (1..=MANY).for_each(|number| family.gates.open(BUSY + number));
    let over = |now: &Snapshot| now.others().all(|p| p.state == State::Zombie).then_some(());
    // If they never end, the next check says so.
    let _ = family.running.until(over);
    family.gates.open(BUSY);
    let all: Vec<usize> = (1..=MANY).collect();
    must_be_over(family.must_report(&all));
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
    // One lives until the program sleeps again.
    let last = Injection::hold(&format!("P{}:exit_group=P1:rt_sigsuspend:2", 1 + CHILDREN));
    let run = Run::new(grader::program!("reap-coalesced")).args(open).recorded();
    let Some(seen) = run.inject(last.expect("it is well written")).record() else { return };
    must_not_ask_again(&seen);
    seen.must(set_no_timeout()).must(end_by_itself());
}

/// So many answers "it lives" in a row, to the same question, are asking again and again.
const IN_VAIN: usize = 3;

/// Fails if it asks after the same children again and again, with nothing done in between.
fn must_not_ask_again(seen: &Recorded) {
    let own = |step: &&Seen| step.process.to_string() == "P1" && step.returns().is_some();
    // waitid answers the same when it has taken somebody, and then that one is gone.
    let reaps = |step: &Seen| step.sentence.starts_with("P1 reaps");
    let mut same: Vec<&Seen> = Vec::new();
    for step in seen.steps.iter().filter(|step| own(step) || reaps(step)) {
        // Nobody was there to be taken: question and answer are the same.
        if reaps(step) || same.last().is_none_or(|last| last.event.what != step.event.what) {
            same.clear();
        }
        if matches!(step.returns(), Some("wait4" | "waitid")) {
            same.push(step);
        }
        if same.len() == IN_VAIN {
            Verdict::new("The program asks after children that live, and asks again, before it goes back to its sleep.")
                .saw_all(same.iter().map(ToString::to_string))
                .ask("What does `waitpid` answer with WNOHANG when nobody has ended, and what will wake the program when somebody has?")
                .fail();
        }
    }
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
    if outcome.exit == Exit::Deadline {
        Family::must_have_reaped(&family.reported, &outcome);
    }
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
