//! What the kernel must have seen of `both-ends-closed`.
//!
//! Each of the two stands at a gate while it has its end, and for so long the test can look at both descriptor tables.

use grader::facts::{reap_every_child, wait_as_a_parent_only};
use grader::{Descriptor, Exit, Gates, Interrupted, Outcome, Pipe, Process, Run, Running, Verdict};

/// Both, at their gates.
struct Pair {
    running: Running,
    gates: Gates,
    parent: Process,
    child: Process,
    pipes: Vec<Pipe>,
}

/// Starts the program and waits until both stand at their gates.
fn start() -> Pair {
    let mut gates = Gates::new(2);
    let mut running = Run::new(grader::program!("both-ends-closed")).args(gates.paths()).start();
    let mut there = false;
    let pair = running.until(|now| {
        // Looked at only when both stand there already.
        if !std::mem::replace(&mut there, gates.arrived() == 2) {
            return None;
        }
        let child = now.others().find(|other| other.parent == now.program)?;
        // A gate that has just been passed may not have its number yet; where no number is shown, none is waited for.
        let has_gate = |p: &Process| {
            let mut held = p.descriptors.iter().peekable();
            held.peek().is_none() || held.any(|d| gates.paths().contains(&d.target))
        };
        if ![now.program()?, child].into_iter().all(has_gate) {
            return None;
        }
        Some((now.program()?.clone(), child.clone(), now.pipes()))
    });
    match pair {
        Ok((parent, child, pipes)) => {
            let mut pair = Pair { running, gates, parent, child, pipes };
            pair.find_the_pipe();
            pair
        }
        Err(why) => no_pair(running, why),
    }
}

fn no_pair(running: Running, why: Interrupted) -> ! {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    }
    let alone = outcome.snapshot.others().count() == 0;
    let cause = if alone {
        "There is no child: the program does both parts by itself."
    } else {
        "Parent and child never stood at their gates, both at the same time."
    };
    Verdict::new(cause)
        .saw(outcome.ending())
        .saw_all(outcome.snapshot.explain())
        .saw_all(outcome.complaint())
        .ask("Which process calls `talk`, which one `listen`, and is either of them waited for before?")
        .fail()
}

impl Pair {
    /// Leaves out whatever other pipes there are. It is one of which both have an end; where there are several, the parent is let through its
    /// gate, and shows by its reading which one.
    fn find_the_pipe(&mut self) {
        let ends =
            |pipe: &Pipe, who: &Process| pipe.is_read_by(who.pid) || pipe.is_written_by(who.pid);
        self.pipes.retain(|pipe| ends(pipe, &self.parent) && ends(pipe, &self.child));
        if self.pipes.len() < 2 {
            return;
        }
        self.gates.open(2);
        let gate = &self.gates.paths()[1];
        let mut through = false;
        let read = self.running.until(|now| {
            let parent = now.program()?;
            let stands = parent.descriptors.iter().any(|d| d.target == *gate);
            // Looked at only when it is through already: what it sleeps in now is no part of that.
            if !std::mem::replace(&mut through, !stands) || !parent.blocked() {
                return None;
            }
            let is_read = |d: &&Descriptor| parent.waits_to_read(d.number) == Some(true);
            Some(parent.descriptors.iter().find(is_read).map(|d| d.target.clone()))
        });
        // Of a thread that reads, nothing is seen: then it is any by which the child could talk to it.
        let (read, parent, child) = (read.ok().flatten(), self.parent.pid, self.child.pid);
        let is_it = |pipe: &Pipe| match &read {
            Some(read) => pipe.name == *read,
            None => pipe.is_read_by(parent) && pipe.is_written_by(child),
        };
        if self.pipes.iter().any(is_it) {
            self.pipes.retain(is_it);
        }
    }

    /// Whether the machine shows who has which descriptors.
    fn is_shown(&self) -> bool {
        [&self.parent, &self.child].iter().all(|process| !process.descriptors.is_empty())
    }

    fn reads(&self, who: &Process) -> bool {
        self.pipes.iter().any(|pipe| pipe.is_read_by(who.pid))
    }

    fn writes(&self, who: &Process) -> bool {
        self.pipes.iter().any(|pipe| pipe.is_written_by(who.pid))
    }

    /// How many numbers of a process lead to an end of one pipe.
    fn numbers(&self, who: &Process) -> usize {
        let own = |pipe: &Pipe| {
            let ends = pipe.readers.iter().chain(&pipe.writers);
            ends.filter(|(pid, _)| *pid == who.pid).count()
        };
        self.pipes.iter().map(own).max().unwrap_or_default()
    }

    /// Whether a process stands at this gate.
    fn is_at(&self, who: &Process, gate: usize) -> bool {
        who.descriptors.iter().any(|d| d.target == self.gates.paths()[gate])
    }

    /// Which ends a process has, in words.
    fn ends(&self, title: &str, who: &Process) -> String {
        let of =
            |ends: &dyn Fn(&Pipe) -> Vec<(nix::unistd::Pid, i32)>, what: &str| -> Vec<String> {
                let all = self.pipes.iter().flat_map(ends).filter(|(pid, _)| *pid == who.pid);
                all.map(|(_, number)| format!("{what} as descriptor {number}")).collect()
            };
        let mut ends = of(&|pipe| pipe.readers.clone(), "the read end");
        ends.extend(of(&|pipe| pipe.writers.clone(), "the write end"));
        let ends = if ends.is_empty() { "no end of a pipe".into() } else { ends.join(", ") };
        format!("{title} (pid {}) has {ends}", who.pid)
    }

    fn fail(self, verdict: Verdict) -> ! {
        verdict
            .saw(self.ends("the parent", &self.parent))
            .saw(self.ends("the child", &self.child))
            .fail()
    }

    /// Fails where somebody hasn't the end that it uses, or nobody has closed anything: that is to be told first.
    fn must_be_connected(self) -> Self {
        if !self.is_shown() {
            return self;
        }
        let (parent, child) = (&self.parent, &self.child);
        let verdict = match [self.reads(parent), self.writes(parent), self.reads(child), self.writes(child)] {
            [true, true, true, true] => Verdict::new("There are four ends of the pipe: neither of the two has closed any.")
                .ask("What does a fork do with the descriptors, and who uses which of them?"),
            [false, true, true, false] if self.is_at(child, 1) => Verdict::new("The child listens, and the parent talks: it is the other way round.")
                .ask("Which of the two is to talk, and what has fork returned there?"),
            [false, true, true, false] => Verdict::new("Each of the two has closed the end that it was to use, and has kept the other one.")
                .ask("The child is to write, and the parent to read. In which order does pipe(2) return the ends?"),
            [false, false, false, false] => {
                Verdict::new("There is no pipe between the two, or an end of the pipe was closed for everybody.")
                    .saw(open("the parent", parent))
                    .saw(open("the child", child))
                    .ask("What does a child inherit: what is open at the fork, or what was?")
                    .fail()
            }
            _ => return self,
        };
        self.fail(verdict)
    }
}

/// All that a process has open, in words.
fn open(title: &str, who: &Process) -> String {
    let all = who.descriptors.iter().map(|d| format!("{} → {}", d.number, d.target.display()));
    format!("{title} (pid {}) has open: {}", who.pid, all.collect::<Vec<_>>().join(", "))
}

fn must_end(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit == Exit::Deadline
        && let Some((reader, pipe)) = now.waiting_readers().into_iter().next()
        && pipe.is_written_by(reader.pid)
    {
        Verdict::new(
            "The parent waits for itself: it listens to a pipe to which it could still write.",
        )
        .saw_all(now.explain())
        .ask("Which line was to close that end, and has it done so?")
        .fail();
    }
    outcome.must_end();
}

#[test]
fn what_is_said_is_heard_to_its_end() {
    grader::worth(1);
    let pair = start().must_be_connected();
    if pair.is_at(&pair.child, 1) && pair.is_at(&pair.parent, 0) {
        pair.fail(
            Verdict::new("Each of the two stands at the gate of the other one.")
                .saw("the child is to talk at the first gate, the parent to listen at the second")
                .ask("Which path is handed to `talk`, and which one to `listen`?"),
        );
    }
    let Pair { running, mut gates, child, .. } = pair;
    gates.open(1);
    gates.open(2);
    let outcome = running.finish();
    must_end(&outcome);
    outcome.must_come_back_once("connect", "the child has ended");
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let expected =
        format!("pid {} heard: pid {} is talking\n", outcome.snapshot.program, child.pid);
    // Whatever was said besides, by whomever, before and after.
    if !said.contains(&expected) || outcome.exit != Exit::Code(0) {
        Verdict::new("The parent did not hear what the child was to say.")
            .saw(format!("expected: {expected:?}"))
            .saw(format!("came out: {said:?}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which process calls `talk`, and with which end?")
            .fail();
    }
    // Gates that stand open, and a child that takes its time to end when it has talked.
    let run = Run::new(grader::program!("both-ends-closed")).args(["/dev/null", "/dev/null"]);
    if let Some(seen) = run.recorded().slow_child(&["exit_group"]).record() {
        seen.must(reap_every_child()).must(wait_as_a_parent_only());
    }
    // Last: whom it looked for in time, it leaves only now and then.
    outcome.must_leave_nobody();
}

fn one_too_many(who: &str) -> Verdict {
    Verdict::new(format!("{who} has its end of the pipe twice: it has duplicated it."))
        .ask("How many numbers lead to that end, and which of them will be closed when it is done?")
}

#[test]
fn the_parent_could_not_write() {
    grader::worth(2);
    let pair = start().must_be_connected();
    if !pair.is_shown() {
        grader::skip("the parent could not write", "/proc/PID/fd cannot be read");
        return;
    }
    if pair.writes(&pair.parent) && pair.reads(&pair.parent) {
        pair.fail(
            Verdict::new("The parent still holds the write end of the pipe that it is to listen to.")
                .ask("The pipe ends when nobody could write any more. Who could, when the child has ended?"),
        );
    }
    if !pair.reads(&pair.parent) {
        pair.fail(
            Verdict::new("The parent, which is to listen, has nothing to read from.")
                .ask("Which of the two is to talk, and which to listen?"),
        );
    }
    if pair.numbers(&pair.parent) > 1 {
        pair.fail(one_too_many("The parent"));
    }
}

#[test]
fn the_child_could_not_read() {
    grader::worth(2);
    let pair = start().must_be_connected();
    if !pair.is_shown() {
        grader::skip("the child could not read", "/proc/PID/fd cannot be read");
        return;
    }
    if pair.reads(&pair.child) && pair.writes(&pair.child) {
        pair.fail(
            Verdict::new("The child still holds the read end of the pipe that it is to write to.")
                .ask("If the parent dies now, who is there to read? And what would a write say to that?"),
        );
    }
    if !pair.writes(&pair.child) {
        pair.fail(
            Verdict::new("The child has the read end, and it is to talk.")
                .ask("Which of the two is to talk, and which to listen?"),
        );
    }
    if pair.numbers(&pair.child) > 1 {
        pair.fail(one_too_many("The child"));
    }
}
