//! What the kernel must have seen of `three-stage-pipeline`.
//!
//! While standard input lasts and is empty, every stage waits for the one before. So there is a moment at which all of them stand still, and
//! their descriptor tables can be looked at.

use grader::{Exit, Interrupted, Outcome, Process, Run, Running, Seed, Snapshot, State, Verdict};

const STAGES: usize = 3;

/// So many bytes that they fit into no pipe.
const MEBIBYTE: usize = 1 << 20;

fn run() -> Run {
    Run::new(grader::program!("three-stage-pipeline"))
}

/// Random lines, and the seed that they are from.
fn lines(name: &str, length: usize) -> (Vec<u8>, Seed) {
    let mut seed = Seed::of(name);
    let random = seed.random();
    let byte = |at: usize| if at % 64 == 63 { b'\n' } else { random.alphabetic() as u8 };
    ((0..length).map(byte).collect(), seed)
}

/// What the three stages make of this.
fn expected(input: &[u8]) -> Vec<u8> {
    let change = |byte: &u8| match byte.to_ascii_uppercase() {
        b'A' | b'E' | b'I' | b'O' | b'U' | b'*' => b'-',
        byte => byte,
    };
    input.iter().map(change).collect()
}

/// Fails with what keeps the pipeline from its end.
fn must_end(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit != Exit::Deadline {
        return outcome.must_end();
    }
    if let Some((writer, _)) = now.waiting_writers().into_iter().next()
        && now.others().count() < STAGES
    {
        let which = now.others().count() + 1;
        Verdict::new(format!(
            "A stage is waited for before the next one is there: the pipe to stage {which} is full, and nobody reads."
        ))
        .saw(format!("pid {} {}", writer.pid, now.describe(writer)))
        .saw_all(now.explain())
        .ask("How much fits into a pipe, and what has to be there before anybody is waited for?")
        .fail();
    }
    let readers = now.waiting_readers();
    let verdict = if readers.is_empty() {
        return outcome.must_end();
    } else if readers.iter().any(|(reader, pipe)| pipe.is_written_by(reader.pid)) {
        Verdict::new(
            "A stage waits for itself: it reads from a pipe to which it could still write.",
        )
    } else if readers.iter().any(|(_, pipe)| pipe.is_written_by(now.program)) {
        Verdict::new(
            "The parent still holds the write end of a pipe, and waits for its children: that pipe never ends.",
        )
    } else {
        Verdict::new(
            "Stages wait for each other, round and round: the write end of a pipe is held by a stage that does not use it.",
        )
    };
    verdict
        .saw_all(now.explain())
        .ask("Who inherits which ends at each fork, and which line closes them?")
        .fail()
}

/// Fails unless what came out is what should.
fn must_come_through(input: &[u8], seed: &Seed) {
    let outcome = run().stdin(input).output_limit(4 * MEBIBYTE).finish();
    must_end(&outcome);
    let expected = expected(input);
    if outcome.stdout != expected {
        let at =
            outcome.stdout.iter().zip(&expected).take_while(|(one, other)| one == other).count();
        let length = outcome.stdout.len();
        let verdict = if length != expected.len() {
            Verdict::new(format!("{} bytes went in, and {length} came out.", input.len())).ask(
                "Which stage ended before it had read everything, or before it had written it?",
            )
        } else if outcome.stdout.contains(&b'*') {
            Verdict::new("The bytes went through the stages in another order than 1, 2, 3.")
                .ask("Which stage reads the pipe that stage 1 writes to?")
        } else {
            Verdict::new("What came out is not what the three stages make of what went in.")
                .ask("Which stage did these bytes not go through, or twice?")
        };
        let part = |bytes: &[u8]| {
            String::from_utf8_lossy(&bytes[at.min(bytes.len())..bytes.len().min(at + 20)])
                .into_owned()
        };
        verdict
            .saw(format!(
                "at byte {at}, in: {:?}, expected: {:?}, out: {:?}",
                part(input),
                part(&expected),
                part(&outcome.stdout)
            ))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .replay(seed)
            .fail();
    }
    outcome.must_come_back_once("run", "all stages have ended");
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("Everything came through, and the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
}

#[test]
fn a_line_comes_through() {
    grader::worth(1);
    let (input, seed) = lines("three-stage-pipeline, line", 64);
    must_come_through(&input, &seed);
}

#[test]
fn a_mebibyte_comes_through() {
    grader::worth(2);
    let (input, seed) = lines("three-stage-pipeline, mebibyte", MEBIBYTE);
    must_come_through(&input, &seed);
}

/// Starts the program with a standard input in which nothing is yet, and waits until everybody stands still.
fn stand_still() -> (Running, Snapshot) {
    let mut running = run().stdin_later().start();
    let still = running.until(|now| {
        // Whoever looks from time to time whether a stage has ended waits for it, too.
        let sleeps = |process: &Process| process.blocked() || process.sleeping_for_time();
        let settled = |process: &Process| sleeps(process) || process.state == State::Zombie;
        (now.others().count() > 0 && now.processes.iter().all(settled)).then(|| now.clone())
    });
    match still {
        Ok(still) => (running, still),
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                outcome.must_end();
            }
            let verdict = if outcome.snapshot.others().count() == 0 {
                Verdict::new("There is no child: the program does all the work by itself.")
            } else {
                Verdict::new(
                    "The stages never came to stand still while there was nothing to read.",
                )
            };
            verdict
                .saw(outcome.ending())
                .saw_all(outcome.snapshot.explain())
                .ask("Which processes should be there while standard input lasts, and what does each of them wait for?")
                .fail()
        }
    }
}

/// Fails unless the three stages are there, each a child of the program.
fn must_be_three(still: &Snapshot) {
    let own = still.others().filter(|p| p.parent == still.program).count();
    let all = still.others().count();
    if (own, all) == (STAGES, STAGES) {
        return;
    }
    Verdict::new(if all == own {
        let are = if own == 1 { "is" } else { "are" };
        format!("While more may come, {own} of the {STAGES} stages {are} there in children of the program.")
    } else {
        format!("Of {all} processes, {own} are children of the program; all {STAGES} stages should be, and nobody else.")
    })
    .saw_all(still.explain())
    .ask("What must have happened before the program waits for the first time?")
    .fail();
}

#[test]
fn all_three_are_there_at_the_same_time_and_end_together() {
    grader::worth(2);
    let (mut running, still) = stand_still();
    must_be_three(&still);
    running.tell(b"told\n");
    let outcome = running.finish();
    must_end(&outcome);
    outcome.must_leave_nobody();
}

#[test]
fn nobody_has_an_end_that_it_does_not_use() {
    grader::worth(2);
    let (_running, still) = stand_still();
    must_be_three(&still);
    if still.processes.iter().all(|p| p.descriptors.is_empty()) {
        grader::skip("nobody has an end too many", "/proc/PID/fd cannot be read");
        return;
    }
    let pipes = still.pipes();
    for process in &still.processes {
        let reads = pipes.iter().filter(|pipe| pipe.is_read_by(process.pid)).count();
        let writes = pipes.iter().filter(|pipe| pipe.is_written_by(process.pid)).count();
        let both = pipes.iter().any(|p| p.is_read_by(process.pid) && p.is_written_by(process.pid));
        let parent = process.pid == still.program;
        if if parent { reads + writes > 0 } else { both || reads > 1 || writes > 1 } {
            let who = if parent {
                "The program".into()
            } else {
                format!("A stage, pid {},", process.pid)
            };
            let ends = pipes.iter().flat_map(|pipe| {
                let name = pipe.name.display();
                let reads = pipe.readers.iter().map(move |(pid, fd)| {
                    (*pid, format!("descriptor {fd}: the read end of {name}"))
                });
                let name = pipe.name.display();
                let writes = pipe.writers.iter().map(move |(pid, fd)| {
                    (*pid, format!("descriptor {fd}: the write end of {name}"))
                });
                reads.chain(writes)
            });
            Verdict::new(format!("{who} holds an end of a pipe that it does not use."))
                .saw_all(ends.filter(|(pid, _)| *pid == process.pid).map(|(_, end)| end))
                .saw_all(still.explain())
                .ask("What was open when it was forked, and which line closes it?")
                .fail();
        }
    }
    if pipes.len() != STAGES - 1 {
        Verdict::new(format!(
            "The three stages are connected by {} pipes, and not by 2.",
            pipes.len()
        ))
        .saw_all(still.explain())
        .ask("Who reads what whom writes?")
        .fail();
    }
}
