//! A program with its children, what it reports of their ends, and why it does not.

use super::{BUSY, CHILDREN, KILLED};
use grader::{Gates, Interrupted, Outcome, Process, Run, Running, Snapshot, State, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A program whose children stand at their gates, and itself at its own.
pub(crate) struct Family {
    pub(crate) running: Running,
    pub(crate) gates: Gates,
    /// The children, in the order in which they were made.
    pub(crate) children: Vec<Pid>,
    /// The one (from 1) that a signal has killed.
    killed: Option<usize>,
    /// The one (from 1) that was stopped for a moment.
    pub(crate) stopped: Option<usize>,
    /// What it has said of their ends.
    pub(crate) reported: Vec<String>,
}

impl Family {
    pub(crate) fn start() -> Self {
        Self::of(CHILDREN)
    }

    /// One with so many children.
    pub(crate) fn of(count: usize) -> Self {
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
        Self { running, gates, children, killed: None, stopped: None, reported: Vec::new() }
    }

    /// Lets this child (from 1) end, and waits until it has.
    pub(crate) fn end(&mut self, number: usize) {
        self.gates.open(BUSY + number);
        self.wait_for_the_end(number);
    }

    /// The same, by a signal.
    pub(crate) fn kill(&mut self, number: usize) {
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
    pub(crate) fn must_report(mut self, numbers: &[usize]) -> Self {
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
                Ok(line) if !reports_an_end(&line) => {}
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
        } else if self.reported.iter().any(|before| before == line) {
            "The end of a child is reported for the second time."
        } else if self.stopped.is_some_and(is) {
            "A child that was stopped for a moment is reported as if it had ended."
        } else if !(1..=self.children.len()).any(is) {
            "An end is reported of somebody who is no child."
        } else {
            "Something else is reported than has happened."
        }
    }

    /// Fails if one of those whose ends were reported is a zombie still.
    pub(crate) fn must_have_reaped(reported: &[String], outcome: &Outcome) {
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
        let unsaid = missing.len();
        let missing = format!("not reported: {}", missing.join(", "));
        if why == Interrupted::Deadline {
            Self::must_have_reaped(&self.reported, &outcome);
            if self.killed.is_some() && ended == 1 {
                explain_sleep_on_a_kill(&outcome, &missing);
            }
            explain_sleep(&outcome, (ended, unsaid), &missing);
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
    pub(crate) fn must_sleep(mut self, news: &str) -> Self {
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
            explain_sleep(&outcome, (0, 0), news);
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

/// Whether `serve` says so; whatever else is said is no report.
fn reports_an_end(line: &str) -> bool {
    let words: Vec<_> = line.split(' ').collect();
    matches!(words[..], ["pid", _, "ended", "with", _])
}

/// Fails with why the program does not report what has happened, where that can be seen: so many have ended, and of so many of them it has not said so.
fn explain_sleep(outcome: &Outcome, (ended, unsaid): (usize, usize), missing: &str) {
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
        _ if zombies == 0 && unsaid == 0 => return,
        _ if zombies == 0 => Verdict::new(format!("{ended} children have ended, and no zombie is left of them; the number of ends that were reported is {}.", ended - unsaid))
            .ask("What has `waitpid` returned for each of them, and what has become of that?"),
        _ if alive > 0 => Verdict::new("A child that has ended has not been reaped, and the program sleeps again.")
            .ask("Whom does `waitpid` ask after when it is given no pid? How many ends does one call take, and how many may there be?"),
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
