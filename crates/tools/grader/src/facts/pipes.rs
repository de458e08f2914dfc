//! Facts about pipes: who reads to the end, who holds which end meanwhile, what is written at once.

use super::met::WAITS;
use super::{Check, Claim, claim, in_the_end};
use crate::{Recorded, Seen, Verdict};
use trace::call::Argument;
use trace::event::{Disposition, Outcome};
use trace::model::{Holder, Kind};
use trace::{Model, Task, What};

/// Calls that read bytes from their first argument.
const READS: &[&str] = &["read", "readv", "splice"];
/// Calls that write bytes to theirs.
const WRITES: &[&str] = &["write", "writev"];

/// One such call.
struct Transfer<'a> {
    step: &'a Seen,
    task: Task,
    /// How many bytes it was about; of a call that is only beginning, how many it offers, where that is recorded.
    bytes: u64,
    /// Of a read, the descriptors by which the same process can write to the same pipe.
    own_write_ends: Vec<i32>,
}

/// Each of these calls on a pipe, where it returns with what it has moved; or, if `begins`, where it begins.
fn transfers<'a>(seen: &'a Recorded, calls: &[&str], begins: bool) -> Vec<Transfer<'a>> {
    let mut model = Model::new();
    let mut found = Vec::new();
    for step in &seen.steps {
        // What contradicts the model, other facts tell of; what it could follow, it has.
        let _ = model.apply(&step.event);
        let task = step.event.task;
        let (name, arguments, bytes) = match &step.event.what {
            What::Enter { name, arguments, .. } if begins => (name, arguments, offered(arguments)),
            What::Leave { name, arguments, result: Outcome::Value(bytes) } if !begins => {
                (name, arguments, u64::try_from(*bytes).unwrap_or_default())
            }
            _ => continue,
        };
        let Some(Argument::Descriptor(fd)) = arguments.first() else { continue };
        let own_write_ends = match model.kind(task, *fd) {
            Some(Kind::ReadEnd(pipe)) if calls == READS => own_write_ends(&model, task, *pipe),
            Some(Kind::WriteEnd(_)) if calls == WRITES => Vec::new(),
            // A pipe whose other end the test has: the standard output of a run.
            Some(Kind::Outside(name)) if calls == WRITES && name.starts_with("pipe:") => Vec::new(),
            _ => continue,
        };
        if calls.contains(&name.as_str()) {
            found.push(Transfer { step, task: model.process_of(task), bytes, own_write_ends });
        }
    }
    found
}

fn offered(arguments: &[Argument]) -> u64 {
    let of = |argument: &Argument| match argument {
        Argument::Bytes(_, count) => *count,
        _ => 0,
    };
    arguments.iter().map(of).sum()
}

fn own_write_ends(model: &Model, task: Task, pipe: u32) -> Vec<i32> {
    let process = model.process_of(task);
    let own = |holder: Holder| match holder {
        Holder::Descriptor(task, fd) if model.process_of(task) == process => Some(fd),
        _ => None,
    };
    model.holders(&Kind::WriteEnd(pipe)).into_iter().filter_map(own).collect()
}

/// Some process other than the first reads from a pipe until there is nobody left who could write: read(2) returns 0.
pub fn have_a_child_read_to_the_end() -> Claim<impl Check> {
    in_the_end("have a child read a pipe to its end", |seen| {
        let reads = transfers(seen, READS, false);
        let childrens: Vec<_> = reads.iter().filter(|read| read.task != Task(1)).collect();
        if childrens.iter().any(|read| read.bytes == 0) {
            return Ok(());
        }
        Err(match childrens.last() {
            Some(read) => Verdict::new(format!("{} does not read to the pipe's end.", read.task))
                .saw(read.step.to_string())
                .ask("What does read(2) return at the end, and how would this reader know that nothing more comes?"),
            None => Verdict::new("No child reads from a pipe.")
                .saw_all(reads.first().map(|read| read.step.to_string()))
                .ask("By which way does the child come to what it says?"),
        })
    })
}

/// Processes other than the first read so many bytes from pipes, all of them together.
pub fn have_children_read(bytes: u64) -> Claim<impl Check> {
    in_the_end(format!("have its children read {bytes} bytes from pipes"), move |seen| {
        let reads = transfers(seen, READS, false);
        let childrens: Vec<_> = reads.iter().filter(|read| read.task != Task(1)).collect();
        let came: u64 = childrens.iter().map(|read| read.bytes).sum();
        if came >= bytes {
            return Ok(());
        }
        Err(Verdict::new(format!(
            "The children have read {came} bytes from pipes; {bytes} were to come to them that way."
        ))
        .saw_all(childrens.iter().take(3).map(|read| read.step.to_string()))
        .ask("By which way does a child come to what it says, if not by the pipe?"))
    })
}

/// Whoever reads from a pipe has closed its own write ends before: while it holds one, the pipe's end can't come.
pub fn hold_no_write_end_while_reading() -> Claim<impl Check> {
    claim("hold no write end of a pipe while reading from it", |seen| {
        let reads = transfers(seen, READS, true);
        let Some(read) = reads.iter().find(|read| !read.own_write_ends.is_empty()) else {
            return Ok(());
        };
        let Transfer { step, task, own_write_ends, .. } = read;
        Err(Verdict::new(format!("{task} reads from a pipe that it could write to itself."))
            .saw(step.to_string())
            .saw_all(
                own_write_ends
                    .iter()
                    .map(|fd| format!("fd {fd} of {task} is a write end of the same pipe")),
            )
            .ask("Whom does the kernel let a reader wait for?"))
    })
}

/// No write to a pipe offers more than so many bytes at once: up to `PIPE_BUF`, 4096, they go in as a whole (pipe(7)).
pub fn write_to_pipes_at_most(limit: u64) -> Claim<impl Check> {
    claim(format!("write at most {limit} bytes to a pipe at once"), move |seen| {
        let writes = transfers(seen, WRITES, true);
        let Some(Transfer { step, task, bytes, .. }) =
            writes.iter().find(|write| write.bytes > limit)
        else {
            return Ok(());
        };
        Err(Verdict::new(format!(
            "{task} hands {bytes} bytes to one write; the kernel promises only for {limit} that nothing comes between."
        ))
        .saw(step.to_string())
        .ask("Who decides how much is handed over at once, and what happens to the rest when there is too little room?"))
    })
}

/// Whether with this step a process is told that something has happened: by a handler, or by a call that waits for news.
fn hears(step: &Seen) -> bool {
    let waits = |name| WAITS.contains(&name) || matches!(name, "rt_sigtimedwait" | "rt_sigsuspend");
    matches!(step.event.what, What::Delivered { disposition: Disposition::Handler, .. })
        || step.returns().is_some_and(waits)
}

/// The first process does not take the end of a pipe for the end of those that held it, to reap them then without waiting: that comes
/// before there is a zombie. Whoever hears of their end afterwards, by a signal or a pidfd, is free to read pipes.
pub fn not_trust_the_end_of_a_pipe() -> Claim<impl Check> {
    claim("not trust the end of a pipe", |seen| {
        let is_wait = |step: &&Seen| matches!(step.begins(), Some("wait4" | "waitid"));
        let own = || seen.steps.iter().filter(|step| step.process == Task(1));
        let Some(first) = own().find(is_wait) else { return Ok(()) };
        if own().filter(is_wait).any(|step| !step.sentence.contains("WNOHANG")) {
            return Ok(());
        }
        let before = || own().take_while(|step| step.event.step < first.event.step);
        let last_read = before().filter(|step| step.returns() == Some("read")).last();
        let is_end = |step: &&Seen| step.sentence.contains("reads the end of pipe");
        let Some(end) = last_read.filter(is_end) else { return Ok(()) };
        let mut after = before().skip_while(|step| step.event.step <= end.event.step);
        if after.any(hears) {
            return Ok(());
        }
        Err(Verdict::new("The parent takes the end of a pipe for the end of its children, and then reaps with WNOHANG: who lets go of a pipe is no zombie yet.")
            .saw(end.to_string())
            .saw(first.to_string())
            .ask("In which order does a process that ends close its descriptors and become a zombie, and which call waits for the latter?"))
    })
}
