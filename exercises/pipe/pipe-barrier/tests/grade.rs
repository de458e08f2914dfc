//! What the kernel must have seen of `pipe-barrier`.
//!
//! The parent sets up for as long as the test keeps its gate shut. So there is a moment at which whoever is not held by anything has
//! gone on, and whoever waits stands still: each order in which the processes could have run ends there.

mod work;

use grader::facts::{end_by_itself, exit_with, leave_to_its_children, reap_every_child};
use grader::{
    Exit, Gates, Injection, Interrupted, Outcome, Process, Run, Running, Seed, Seen, Snapshot,
    State, Verdict,
};
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use work::{who_works, works};

/// So much processor time is none that a child needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(50);

/// The program while its parent sets up.
struct SettingUp {
    running: Running,
    gate: Gates,
    now: Snapshot,
    count: usize,
    seed: Seed,
}

fn has_settled(child: &Process) -> bool {
    let stands = child.blocked() || child.sleeping_for_time() || child.state == State::Stopped;
    stands || child.state == State::Zombie
}

/// Starts the program and waits until it sets up, and its children have gone as far as they can.
fn start() -> SettingUp {
    let mut seed = Seed::of("pipe-barrier");
    let count = seed.random().usize(3..=6);
    let mut gate = Gates::new(1);
    let run = Run::new(grader::program!("pipe-barrier")).arg(count.to_string());
    let mut running = run.args(gate.paths()).start();
    let mut there = false;
    let now = running.until(|now| {
        // The children are looked at only when their parent stands at the gate already: it makes no more of them.
        if !std::mem::replace(&mut there, gate.arrived() == 1) {
            return None;
        }
        let spins = now.others().any(|child| child.cpu >= SPINNING);
        (spins || now.others().all(has_settled)).then(|| now.clone())
    });
    match now {
        Ok(now) => SettingUp { running, gate, now, count, seed },
        Err(why) => never_set_up(running, why),
    }
}

fn never_set_up(running: Running, why: Interrupted) -> ! {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    }
    Verdict::new("The program never came to its `set_up`.")
        .saw(outcome.ending())
        .saw_all(outcome.snapshot.explain())
        .saw_all(outcome.complaint())
        .ask("What does it wait for before, and who could bring that about?")
        .fail()
}

impl SettingUp {
    /// Fails if they sleep, and no child has anything at which it could wait: a pipe, or what is as good as one.
    fn must_wait_at_something(&self) {
        let is_place = |target: &Path| {
            let name = target.to_string_lossy();
            ["pipe:", "socket:", "anon_inode:[eventfd"].iter().any(|it| name.starts_with(it))
                || fs::metadata(target).is_ok_and(|file| file.file_type().is_fifo())
        };
        if self.now.others().any(|child| child.sleeping_for_time() || child.state == State::Running)
        {
            return;
        }
        // Who opens a named pipe sleeps until somebody opens its other end. The gate is the parent's.
        let is_other = |path: &PathBuf| !self.gate.paths().contains(path);
        if self.now.others().any(|child| child.opening.as_ref().is_some_and(is_other)) {
            return;
        }
        let mut held = self.now.others().flat_map(|child| &child.descriptors).peekable();
        // Where the machine doesn't show what anybody has open, this isn't known.
        if held.peek().is_none() || held.any(|d| ![1, 2].contains(&d.number) && is_place(&d.target))
        {
            return;
        }
        Verdict::new("No child has a pipe at which it could wait: it waits for something else.")
            .saw_all(self.now.explain().into_iter().take(3))
            .ask("What becomes of a signal, say, that comes a moment before the child waits for it? And of the end of a pipe?")
            .fail();
    }

    /// Fails unless all children are there, and none of them has begun.
    fn must_be_all_there(mut self) -> Self {
        let now = &self.now;
        let children = now.others().filter(|p| p.parent == now.program).count();
        let all = now.others().count();
        if all == 0 {
            Verdict::new("The program sets up before its children were there.")
                .saw_all(now.explain())
                .ask("What does `set_up` need to know that only a fork can tell?")
                .fail();
        }
        if (children, all) != (self.count, self.count) {
            Verdict::new(format!(
                "While the parent sets up, there are {children} children of it, and {} were asked for.",
                self.count
            ))
            .saw_all(now.explain())
            .ask("Which processes run the loop, and how often?")
            .replay(&self.seed)
            .fail();
        }
        let begun: Vec<_> =
            now.others().filter(|p| p.state == State::Zombie).map(|p| p.pid).collect();
        if begun.is_empty() {
            self.must_wait_at_something();
            return self;
        }
        let no_pipe = now.pipes().is_empty();
        let explained = now.explain();
        let said = self.running.line().unwrap_or_default();
        let cause = if no_pipe {
            "Children began before everything was set up: there is no pipe, or none any more, and nothing keeps them."
        } else {
            "Children were let go too soon: they began before everything was set up."
        };
        Verdict::new(cause)
            .saw(format!("{} of {} have ended, while the parent sets up", begun.len(), self.count))
            .saw(format!("the first line that came is {said:?}"))
            .saw_all(explained)
            .ask("Which line of the parent lets them go on, and what must have returned before it?")
            .fail()
    }
}

#[test]
fn none_begins_before_everything_is_set_up() {
    grader::worth(2);
    start().must_be_all_there();
}

#[test]
fn they_sleep_until_then() {
    grader::worth(1);
    let SettingUp { now, .. } = start().must_be_all_there();
    for child in now.others() {
        let seen = format!("the parent sets up, and pid {} {}", child.pid, now.describe(child));
        if child.sleeping_for_time() || child.goes_by_the_clock() {
            Verdict::new("A child goes by the clock: it sleeps for a time, whatever its parent has done by then.")
                .saw(seen)
                .ask("How long does setting up take? And what could wake the child exactly when it is done?")
                .fail();
        }
        if !child.blocked() && child.state != State::Stopped {
            Verdict::new("A child spins: it asks again and again whether it may begin.")
                .saw(seen)
                .ask("Which call, without which flag, sleeps until there is an answer?")
                .fail();
        }
    }
    if now.others().any(|child| child.call == grader::Call::Hidden) {
        grader::skip("the children sleep until all is set up", "/proc/PID/syscall cannot be read");
    }
}

/// Fails with what still holds children at the barrier.
fn must_end(outcome: &Outcome, began: usize, count: usize) {
    let now = &outcome.snapshot;
    let waiting = now.waiting_readers();
    if outcome.exit != Exit::Deadline || waiting.is_empty() {
        return outcome.must_end();
    }
    let by_children =
        waiting.iter().any(|(_, pipe)| pipe.writers.iter().any(|(pid, _)| *pid != now.program));
    let verdict = if began > 0 {
        Verdict::new(format!("Only {began} of {count} of them began, and the others wait on: what was to let them go reached {began}."))
            .ask("How many readers does a byte wake, and how many the end of the pipe?")
    } else if by_children {
        Verdict::new("The barrier is held shut by those who wait at it: the pipe ends when nobody could write, and the children could.")
            .ask("Which ends has a child at its birth, and which of them does it use?")
    } else {
        Verdict::new("Everything is set up, and the parent has not let anybody go.")
            .ask("What do the children wait for, and what does the parent wait for first?")
    };
    // One of the others is like the next.
    verdict.saw_all(now.explain().into_iter().take(2)).fail()
}

#[test]
fn then_all_of_them_begin() {
    grader::worth(2);
    let SettingUp { running, mut gate, count, seed, .. } = start().must_be_all_there();
    gate.open(1);
    let outcome = running.finish();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // Whatever was said besides.
    let told = |line: &&str| line.starts_with("set up for ") || who_works(line).is_some();
    let mut lines = said.lines().filter(told);
    let first = lines.next().unwrap_or_default();
    let mut began: Vec<usize> = lines.filter_map(who_works).collect();
    began.sort_unstable();
    must_end(&outcome, began.len(), count);
    outcome.must_come_back_once("start_together", "all children have ended");
    outcome.must_leave_nobody();
    let all: Vec<usize> = (1..=count).collect();
    if first != format!("set up for {count} children")
        || began != all
        || outcome.exit != Exit::Code(0)
    {
        Verdict::new(
            "It was not so that everything was set up first, and then each child worked once.",
        )
        .saw(format!("asked for: {count} children; came out: {said:?}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("Which process calls `set_up`, which ones `work`, and how often?")
        .replay(&seed)
        .fail();
    }
}

#[test]
fn they_begin_together() {
    grader::worth(1);
    let run = || Run::new(grader::program!("pipe-barrier")).args(["3", "/dev/null"]).recorded();
    let Some(seen) = run().record() else { return };
    seen.must(end_by_itself()).must(exit_with(0));
    let children = works(&seen);
    // One is held in the middle of its work until another one works. Who begins after whom, one of three such pairs is in that order.
    for (at, (held, call)) in children.iter().enumerate() {
        let (other, until) = &children[(at + 1) % children.len()];
        let hold = Injection::hold(&format!("{call}={until}")).expect("it is well written");
        let Some(seen) = run().inject(hold).record() else { return };
        let stands = format!("The recorder holds {} ", held.event.task);
        let Some(stands) = seen.steps.iter().find(|step| step.sentence.starts_with(&stands)) else {
            continue;
        };
        let works = works(&seen);
        let work = |child: &Seen| works.iter().find(|(step, _)| step.process == child.process);
        let (goes_on, begins) = (work(held), work(other));
        let when = |it: Option<&(&Seen, String)>| it.map_or(u64::MAX, |(step, _)| step.event.step);
        let in_vain = !seen.unmet.is_empty() || seen.outcome.exit == Exit::Deadline;
        if in_vain && when(begins) >= when(goes_on) {
            // How it was let go.
            let waited = |step: &&Seen| {
                let own = step.process == other.process && step.event.step < when(begins);
                own && step.returns().is_some()
            };
            let let_go = begins.and_then(|_| seen.steps.iter().rfind(waited));
            let works = begins.map(|(step, _)| *step);
            Verdict::new("The children do not begin together: one of them is let go when another one has done its work.")
                .saw(stands.to_string())
                .saw_all(goes_on.map(|(step, _)| step.to_string()))
                .saw_all(let_go.into_iter().chain(works).map(ToString::to_string))
                .ask("What lets each of them go, and what has to happen before that?")
                .fail();
        }
    }
}

#[test]
fn the_work_is_the_childrens_and_each_is_waited_for() {
    grader::worth(1);
    // A gate that stands open, and a child that is slow.
    let run = Run::new(grader::program!("pipe-barrier")).args(["1", "/dev/null"]);
    let Some(seen) = run.recorded().slow_child(&["write", "writev"]).record() else { return };
    seen.must(end_by_itself()).must(leave_to_its_children("child 1 works"));
    seen.must(reap_every_child()).must(exit_with(0));
}
