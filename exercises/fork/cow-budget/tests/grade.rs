//! What `cow-budget` must have answered, and what memory it took for that.
//!
//! The child stands at a gate when it has answered, so there is time to read in /proc what each process has to itself.

use grader::{Exit, Gates, Interrupted, Outcome, Process, Run, Running, Seed, State, Verdict};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// How many numbers the program's table has: 16 MiB of them.
const ENTRIES: u64 = 1 << 21;
/// What the child may have to itself, in KiB: some pages of the table, its stack, and what its runtime writes.
const BUDGET: u64 = 2 * 1024;
/// What the whole table takes, in KiB.
const TABLE: u64 = ENTRIES * 8 / 1024;

/// A run's question and its answers.
struct Question {
    first: u64,
    changes: Vec<(u64, u64)>,
    seed: Seed,
}

impl Question {
    fn new(name: &str) -> Self {
        let mut seed = Seed::of(name);
        let random = seed.random();
        let first = random.u64(1..1_000_000);
        // Far apart, so that they are on different pages, and each one changes its entry: some to less than it was.
        let value = |n| if n % 2 == 0 { 1 << 40..1 << 41 } else { 0..first };
        let mut changes: Vec<_> = (0..6)
            .map(|n| (n * (ENTRIES / 6) + random.u64(0..1000), random.u64(value(n))))
            .collect();
        // The table's first entry and its last are among them, and the last change is of the first one's entry.
        (changes[0].0, changes[4].0, changes[5].0) = (0, ENTRIES - 1, 0);
        Self { first, changes, seed }
    }

    /// The sum of the table as the program makes it: `first`, `first + 1`, …
    fn sum(&self) -> u64 {
        self.first * ENTRIES + ENTRIES * (ENTRIES - 1) / 2
    }

    fn sum_with_changes(&self) -> u64 {
        // Of two changes of one entry, the later one counts.
        let changed: BTreeMap<_, _> = self.changes.iter().copied().collect();
        changed.iter().fold(self.sum(), |sum, (index, value)| sum - (self.first + index) + value)
    }

    fn run(&self, gate: &Gates) -> Run {
        let changes = self.changes.iter().map(|(index, value)| format!("{index}={value}"));
        Run::new(grader::program!("cow-budget"))
            .args(gate.paths())
            .arg(self.first.to_string())
            .args(changes)
            // Each entry may be looked up, in a build without optimisation.
            .may_compute()
            .deadline(Duration::from_secs(6))
    }
}

/// What a process has in memory, in KiB (proc(5), smaps_rollup).
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Written, and shared with nobody.
    own: u64,
    /// All of it that comes from no file.
    anonymous: u64,
    /// Its part of what it shares by intention, as with MAP_SHARED.
    shared: u64,
    /// The most that it has ever had there, since its fork.
    most: u64,
}

/// A line of one of a process's files in /proc, in KiB.
fn kib(pid: Pid, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn memory(pid: Pid) -> Option<Memory> {
    let field = |name| kib(pid, "smaps_rollup", name);
    let (own, anonymous) = (field("Private_Dirty:")?, field("Anonymous:")?);
    // An older kernel doesn't tell.
    let shared = field("Pss_Shmem:").unwrap_or_default();
    Some(Memory { own, anonymous, shared, most: kib(pid, "status", "VmHWM:").unwrap_or_default() })
}

/// Starts the program and waits until its child stands at the gate.
fn start(question: &Question) -> (Running, Gates, Pid) {
    let mut gate = Gates::new(1);
    let mut running = question.run(&gate).start();
    let mut stands = false;
    let child = running.until(|now| {
        // Nobody waits for the child any more: it is over, whether that has come to the gate or not.
        if now.program().is_none_or(|program| program.state == State::Zombie) {
            return None;
        }
        // Looked at when somebody stands there already: then nobody moves who waits for them.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        // Whoever looks from time to time whether the child has ended waits for it, too.
        let rests = |p: &Process| p.blocked() || p.sleeping_for_time() || p.state == State::Zombie;
        let still = now.processes.iter().all(rests);
        still.then(|| now.others().find(|p| p.blocked()).map(|p| p.host))
    });
    match child {
        Ok(Some(child)) => (running, gate, child),
        Ok(None) => Verdict::new("There is no child at the gate: the program stands there itself.")
            .saw_all(running.snapshot().explain())
            .ask("Which process is to make the changes, and which one is to keep the table?")
            .fail(),
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                outcome.must_end();
                outcome.must_leave_nobody();
            }
            if String::from_utf8_lossy(&outcome.stderr).contains("panicked at") {
                Verdict::new("The child panicked before it had come to the gate.")
                    .saw_all(outcome.complaint())
                    .ask("Which line is it, and what is in the table and in the changes there?")
                    .fail();
            }
            let held = outcome.snapshot.program().and_then(Process::call_name);
            let verdict = if held.is_some_and(|call| ["vfork", "clone", "clone3"].contains(&call)) {
                Verdict::new(
                    "The program is held in its fork: the child has borrowed its memory, and gives it back when it ends.",
                )
            } else {
                Verdict::new("No child has come to the gate with its answer.")
            };
            verdict
                .saw(outcome.ending())
                .saw_all(outcome.snapshot.explain())
                .saw_all(outcome.complaint())
                .ask("Where does the child go when it has made its changes, and what does the parent do meanwhile?")
                .fail()
        }
    }
}

fn end(running: Running, mut gate: Gates) -> Outcome {
    gate.open(1);
    let outcome = running.finish();
    outcome.must_end();
    outcome
}

#[test]
fn the_child_changes_its_own_table_and_nobody_elses() {
    grader::worth(2);
    let question = Question::new("cow-budget, sums");
    let (running, gate, _) = start(&question);
    let outcome = end(running, gate);
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let said = |who: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix(who))
            .map(|sum| sum.trim().to_owned())
            .collect()
    };
    let (child, parent) = (said("child "), said("parent "));
    let (with, without) = (question.sum_with_changes().to_string(), question.sum().to_string());
    let verdict = match (child.as_slice(), parent.as_slice()) {
        ([c], [p]) if *c == with && *p == without => None,
        ([c], [p]) if *c == with && *p == with => Some(
            Verdict::new("The parent's table has the changes, too: the parent has made them as well, before the fork or behind it, or the memory is shared.")
                .ask("Which processes run the lines that write to the table, and since when does each have a table of its own?"),
        ),
        ([c], [p]) if *c == without && *p == with => Some(
            Verdict::new("The parent made the changes, and the child kept the table: it is the other way round.")
                .ask("What has fork returned in the process that is to make the changes?"),
        ),
        ([c], [_]) if *c != with => Some(
            Verdict::new("The child's sum is wrong.").saw("two of the changes are of the same entry, and some make an entry less than it was")
                .ask("Has the child made all of the changes, one after the other, before it took the sum?"),
        ),
        ([_], [_]) => Some(
            Verdict::new("The parent's sum is wrong.").ask("What happened to the parent's table, and in which process?"),
        ),
        ([_], [_, _, ..]) => Some(
            Verdict::new("The child went on as a second parent when it had passed the gate.")
                .ask("Where does the child's life end?"),
        ),
        _ => Some(Verdict::new("Each of the two is to say its sum once.").ask("Which of them says what, and when?")),
    };
    if let Some(verdict) = verdict {
        verdict
            .saw(format!("expected: child {with}, parent {without}"))
            .saw(format!("said:     {text:?}"))
            .saw_all(outcome.complaint())
            .replay(&question.seed)
            .fail();
    }
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The sums are right, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .fail();
    }
}

/// The first entry of a process's table as it is now, found by those behind it; `None`: it is not to be seen.
fn first_entry(pid: Pid, question: &Question) -> Option<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    maps.lines().find_map(|line| {
        let (from, to) = line.split_once(" rw-p ")?.0.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        // Who allocates so much gets pages of its own, and may have others before them.
        let mut pages = vec![0; 64 * 1024];
        memory.read_exact_at(&mut pages, from).ok().filter(|()| to - from > ENTRIES * 8)?;
        let words =
            pages.chunks_exact(8).map(|it| u64::from_ne_bytes(it.try_into().unwrap_or_default()));
        let behind = |three: &&[u64]| three[1..] == [question.first + 1, question.first + 2];
        words.collect::<Vec<_>>().windows(3).find(behind).map(|three| three[0])
    })
}

#[test]
fn the_parent_keeps_its_table_meanwhile() {
    grader::worth(1);
    let question = Question::new("cow-budget, meanwhile");
    let (running, gate, _) = start(&question);
    let entry = first_entry(running.pid(), &question);
    let outcome = end(running, gate);
    // Only a change that is known is told: the table may lie elsewhere on another machine.
    if let Some(found) = entry.filter(|it| question.changes.contains(&(0, *it))) {
        Verdict::new("The parent's table has the changes while its child is at work, whatever is put back afterwards.")
            .saw(format!("the first entry is {found} in the parent, and was {}", question.first))
            .saw_all(outcome.complaint())
            .ask("Which process writes to the table, and since when does it have a table of its own?")
            .replay(&question.seed)
            .fail();
    }
}

#[test]
fn six_changes_cost_a_few_pages() {
    grader::worth(3);
    let question = Question::new("cow-budget, memory");
    let (running, gate, child) = start(&question);
    let (Some(of_child), Some(of_parent)) = (memory(child), memory(running.pid())) else {
        drop(end(running, gate));
        grader::skip("what the changes cost", "/proc/PID/smaps_rollup cannot be read");
        return;
    };
    let outcome = end(running, gate);
    let seen = |verdict: Verdict| {
        verdict
            .saw(format!("the table has {TABLE} KiB; the child may have {BUDGET} KiB to itself"))
            .saw(format!(
                "the child:  {} KiB to itself, of {} KiB in all",
                of_child.own, of_child.anonymous
            ))
            .saw(format!(
                "the parent: {} KiB to itself, of {} KiB in all",
                of_parent.own, of_parent.anonymous
            ))
            .saw_all(outcome.complaint())
    };
    if of_parent.anonymous > TABLE + TABLE / 2 {
        seen(Verdict::new("There are two tables since before the fork: one of them is a copy that nobody needed to make."))
            .ask("Who copies a page that is shared, and when?")
            .fail();
    }
    if of_child.shared + of_parent.shared > TABLE / 2 {
        seen(Verdict::new("There is a second table, in memory that both share: the child had one already that it shares with nobody."))
            .saw(format!("{} KiB are shared by intention", of_child.shared + of_parent.shared))
            .ask("mmap(2): what does MAP_SHARED change for a page that is written to after a fork?")
            .fail();
    }
    if of_child.anonymous > TABLE + TABLE / 2 {
        seen(Verdict::new("The child has made a second table: fork had given it one already."))
            .ask("What happens to the parent's table when the child writes to its own?")
            .fail();
    }
    if of_child.most > TABLE + TABLE / 2 {
        seen(Verdict::new("The child has made a second table, and has given it back: fork had given it one already."))
            .saw(format!("the most that the child has had in memory: {} KiB", of_child.most))
            .ask("What happens to the parent's table when the child writes to its own? And what do a copy's pages cost while it is there?")
            .fail();
    }
    if of_child.own > BUDGET && of_parent.own > TABLE / 2 {
        seen(Verdict::new("The pages of the table were copied: somebody wrote to (almost) all of them."))
            .ask("Copy-on-write asks who writes, not whether the value changes. Which line writes to entries that stay as they are?")
            .fail();
    }
    if of_child.own > BUDGET {
        seen(Verdict::new("The child has more memory to itself than its changes need."))
            .ask("What does the child keep that it has not inherited?")
            .fail();
    }
}
