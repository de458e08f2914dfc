//! What must have become of the bytes, and how `write-all` must have gone on where the kernel took fewer of them, or none.
//!
//! Where nobody may trace, two checks remain: that bytes come out where there is room, and that a file at its limit is reported.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Recorded, Run, Seed, State, Verdict};

/// How often a write is interrupted, one time after the other: more often than anybody has patience for who counts.
const INTERRUPTIONS: u32 = 110;

/// Random letters, so that no piece of them is like another.
fn text(seed: &mut Seed, length: usize) -> Vec<u8> {
    (0..length).map(|_| seed.random().alphanumeric() as u8).collect()
}

fn run(text: &[u8]) -> Run {
    Run::new(grader::program!("write-all")).stdin(text)
}

/// A recorded run to which all of this happens.
fn recorded(text: &[u8], injections: impl IntoIterator<Item = Injection>) -> Option<Recorded> {
    injections.into_iter().fold(run(text).recorded(), grader::Recording::inject).record()
}

/// The write with this number, by whichever call, fails with this.
fn failing(number: u32, error: &str) -> [Injection; 2] {
    ["write", "writev"].map(|call| injection(Injection::fail, &format!("{call}:{number}={error}")))
}

/// The kernel takes so many bytes at most: of the write with this number, or of each (`*`), by whichever call.
fn short(which: &str, count: u64) -> [Injection; 2] {
    ["write", "writev"].map(|call| injection(Injection::short, &format!("{call}:{which}={count}")))
}

fn injection<E: std::fmt::Debug>(
    read: impl Fn(&str) -> Result<Injection, E>,
    text: &str,
) -> Injection {
    read(text).expect("it is well written")
}

/// Fails unless the program has written these bytes, and says so.
fn must_have_written(outcome: &Outcome, text: &[u8], seed: &Seed) {
    outcome.must_end();
    let (came, length) = (&outcome.stdout, text.len());
    let same = came.iter().zip(text).take_while(|(one, other)| one == other).count();
    let verdict = if came == text && outcome.exit == Exit::Code(0) {
        return;
    } else if came == text && text.is_empty() {
        Verdict::new("There is nothing to write, and the program takes that for a failure.")
            .ask("What does a write of no bytes return, and who has to ask for one?")
    } else if came == text {
        Verdict::new("All bytes have been written, and the program does not report success.")
            .ask("Which call's answer was taken for an error?")
    } else if same == came.len() {
        Verdict::new(format!("Bytes are lost: {} of {length} came out.", came.len()))
            .ask("What does write return, and who looks at it?")
    } else if (0..=same.min(2)).any(|back| came[same - back..].starts_with("\u{fffd}".as_bytes())) {
        // What a String has in the place of bytes that are no UTF-8; the replaced one may begin like it.
        Verdict::new("Bytes that are no text came out as others.")
            .ask("Who has said that these bytes are text, and what becomes of those that are none?")
    } else if came.len() == length {
        Verdict::new("So many bytes came out as should, and not the same ones.")
            .ask("From where on does the next write take its bytes?")
    } else {
        Verdict::new(format!(
            "Other bytes came out than should: {} of them, and not {length}.",
            came.len()
        ))
        .ask("Which bytes has the kernel not taken yet, and where do they begin?")
    };
    verdict
        .saw(format!("the first {same} bytes are right"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}

/// Fails unless the program reports that the kernel refused: by code 1, and with the kernel's own reason.
fn must_have_reported(outcome: &Outcome, reason: &str, text: &[u8]) {
    outcome.must_end();
    let verdict = if outcome.exit == Exit::Code(0) {
        Verdict::new("The program says that all is written, and it is not.")
            .saw(format!("{} of {} bytes came out", outcome.stdout.len(), text.len()))
            .ask("Who was told that the rest could not be written, and what became of that?")
    } else if outcome.exit != Exit::Code(1)
        || !String::from_utf8_lossy(&outcome.stderr).contains(reason)
    {
        Verdict::new("The kernel refused, and what the program reports is something else.")
            .saw(format!("the kernel's reason: {reason}"))
            .ask("Which error does `write_all` return, and whose is it?")
    } else {
        return;
    };
    verdict.saw(outcome.ending()).saw_all(outcome.complaint()).fail()
}

#[test]
fn all_bytes_come_out_where_there_is_room() {
    grader::worth(1);
    let mut seed = Seed::of("room");
    // More than a pipe holds.
    let length = 100_000 + seed.random().usize(..1000);
    // Any bytes: few files are text.
    let bytes: Vec<u8> = (0..length).map(|_| seed.random().u8(..)).collect();
    must_have_written(&run(&bytes).finish(), &bytes, &seed);
    // The smallest texts: one byte, which is the first and the last, and none.
    for few in [1, 0] {
        must_have_written(&run(&bytes[..few]).finish(), &bytes[..few], &seed);
    }
}

#[test]
fn no_byte_is_lost_where_the_kernel_takes_a_few() {
    grader::worth(2);
    let mut seed = Seed::of("short writes");
    let text = text(&mut seed, 80);
    let few = seed.random().u64(5..15);
    let Some(seen) = recorded(&text, short("*", few)) else { return };
    seen.must(survive_short_writes());
    must_have_written(&seen.outcome, &text, &seed);
    seen.must(keep_open(1)).must(leave_open_only(&[0, 1, 2]));
}

#[test]
fn an_interrupted_write_is_made_again() {
    grader::worth(1);
    let mut seed = Seed::of("interrupted");
    let text = text(&mut seed, 80);
    let few = seed.random().u64(5..15);
    // Many times in a row: a signal may come as soon as the last one is over, and nobody knows how often.
    let interrupted = (2..2 + INTERRUPTIONS).flat_map(|nth| failing(nth, "EINTR"));
    let Some(seen) = recorded(&text, interrupted.chain(short("1", few))) else { return };
    seen.must(survive_eintr()).must(survive_short_writes());
    must_have_written(&seen.outcome, &text, &seed);
}

#[test]
fn a_file_at_its_limit_is_reported() {
    grader::worth(2);
    let mut seed = Seed::of("limit");
    let limit = seed.random().usize(1000..2000);
    let text = text(&mut seed, 3000);
    let outcome = run(&text).arg(limit.to_string()).stdout_to_a_file().finish();
    let busy = |program: &grader::Process| program.state == State::Running;
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(busy) {
        Verdict::new("The file can grow no more, and the program offers the rest again and again.")
            .saw_all(outcome.snapshot.explain())
            .ask("EFBIG: what would have to change before the answer is another one?")
            .fail();
    }
    must_have_reported(&outcome, "os error 27", &text);
}

#[test]
fn a_full_disk_is_reported_and_not_asked_again() {
    grader::worth(1);
    let mut seed = Seed::of("full");
    let text = text(&mut seed, 80);
    let refusals = failing(2, "ENOSPC");
    let few = short("1", seed.random().u64(5..15));
    let Some(seen) = recorded(&text, refusals.iter().cloned().chain(few)) else { return };
    seen.must(survive_short_writes()).must(give_up_after("ENOSPC"));
    // Who writes by other calls than these has been refused nothing.
    if refusals.iter().all(|refusal| seen.unmet.contains(refusal)) {
        return must_have_written(&seen.outcome, &text, &seed);
    }
    must_have_reported(&seen.outcome, "os error 28", &text);
}

#[test]
fn a_write_that_takes_nothing_is_no_progress() {
    grader::worth(1);
    let mut seed = Seed::of("nothing");
    let text = text(&mut seed, 80);
    // As often as makes a loop without end stand out, and then no more. The last failure was an interruption, and nothing has failed since.
    let nothing = (3..11).flat_map(|nth| short(&nth.to_string(), 0));
    let before = short("1", 7).into_iter().chain(failing(2, "EINTR"));
    let Some(seen) = recorded(&text, nothing.chain(before)) else { return };
    seen.must(survive_short_writes()).must(survive_writes_of_nothing());
    if seen.outcome.stdout != text {
        seen.outcome.must_end();
        // What `main` says of it comes last; before, the program may have told of the interruption.
        let said = String::from_utf8_lossy(&seen.outcome.stderr);
        let reported = said.lines().rfind(|line| line.starts_with("write-all: "));
        let reported = reported.unwrap_or_default();
        let took_nothing = short("3", 0).iter().any(|write| !seen.unmet.contains(write));
        if took_nothing && reported.contains("os error") {
            Verdict::new("The write took nothing and did not fail, and the program reports a reason that the kernel has not given.")
                .saw(seen.outcome.ending())
                .saw(format!("on standard error: {reported}"))
                .ask("What stands in errno when a call returns 0, and which error of std's is for this?")
                .fail();
        }
        must_have_reported(&seen.outcome, "write-all:", &text);
    }
}
