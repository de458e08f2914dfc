//! What facts say of programs that met with a fault, and of the descriptors that they leave.

use grader::facts::*;
use grader::{Injection, Recorded, Run, Seen};
use predicates_core::Predicate;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn run(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args).stdin("a few words")
}

/// A recording of the program `what`, in one of its ways, that meets with these failures: `read:1=EINTR`.
fn failing(what: &str, how: &str, failures: &[&str]) -> Option<Recorded> {
    let recording = run(&[what, how]).deadline(std::time::Duration::from_secs(1)).recorded();
    let well = |text: &&str| Injection::fail(text).expect("it is well written");
    failures.iter().map(well).fold(recording, grader::Recording::inject).record()
}

/// The same, with a call that is made short.
fn short(what: &str, how: &str, text: &str) -> Option<Recorded> {
    run(&[what, how])
        .recorded()
        .inject(Injection::short(text).expect("it is well written"))
        .record()
}

#[track_caller]
fn told(seen: &Recorded, fact: impl Predicate<Recorded>, words: &str) {
    let failed = catch_unwind(AssertUnwindSafe(|| _ = seen.must(fact)));
    let failed = failed.err().unwrap_or_else(|| {
        panic!("nothing is told against {:#?}", seen.steps.iter().map(Seen::to_string))
    });
    let text = *failed.downcast::<String>().expect("a text");
    assert!(text.starts_with(words), "{text}");
}

#[test]
fn an_interrupted_call_is_made_again_or_that_is_told() {
    let Some(seen) = failing("reads", "again", &["read:1=EINTR"]) else { return };
    seen.must(meet_every_injection()).must(survive_eintr()).must(exit_with(0));
    let Some(seen) = failing("reads", "dies", &["read:2=EINTR"]) else { return };
    seen.must(meet_every_injection());
    told(&seen, survive_eintr(), "P1 takes EINTR for a failure: its read was interrupted");
}

#[test]
fn a_fault_that_never_came_is_told() {
    let Some(seen) = failing("reads", "again", &["read:7=EINTR"]) else { return };
    seen.must(survive_eintr());
    told(&seen, meet_every_injection(), "The program never came to what it is tested by: number 7");
}

#[test]
fn after_eagain_one_waits_or_that_is_told() {
    let Some(seen) = failing("reads", "waits", &["read:1=EAGAIN"]) else { return };
    seen.must(survive_eagain()).must(exit_with(0));
    let Some(seen) = failing("reads", "for-ever", &["read:1=EAGAIN", "read:2=EAGAIN"]) else {
        return;
    };
    told(&seen, survive_eagain(), "P1 asks again at once after EAGAIN");
    let Some(seen) = failing("reads", "dies", &["read:1=EAGAIN"]) else { return };
    told(&seen, survive_eagain(), "P1 takes EAGAIN for a failure");
}

#[test]
fn without_a_free_number_one_makes_room_or_that_is_told() {
    let Some(seen) = failing("opens", "closes", &["openat:2=EMFILE"]) else { return };
    seen.must(survive_emfile()).must(exit_with(0));
    let Some(seen) = failing("opens", "dies", &["openat:2=EMFILE"]) else { return };
    told(&seen, survive_emfile(), "P1 gives up because of EMFILE");
    let each = ["openat:2=EMFILE", "openat:3=EMFILE", "openat:4=EMFILE", "openat:5=EMFILE"];
    let Some(seen) = failing("opens", "spins", &each) else { return };
    told(&seen, survive_emfile(), "P1 makes its openat again and again after EMFILE");
}

#[test]
fn an_error_that_stays_is_not_asked_for_again_or_that_is_told() {
    let Some(seen) = failing("reads", "again", &["read:1=EBADF"]) else { return };
    seen.must(give_up_after("EBADF")).must(exit_with(1));
    assert!(seen.steps.iter().any(|step| step.to_string().contains("read(0) fails with EBADF")));
    let Some(seen) = failing("reads", "for-ever", &["read:*=EBADF"]) else { return };
    told(&seen, give_up_after("EBADF"), "P1 asks again after EBADF");
}

#[test]
fn after_a_short_write_comes_exactly_the_rest_or_that_is_told() {
    let Some(seen) = short("writes", "all", "write:*=7") else { return };
    seen.must(meet_every_injection()).must(survive_short_writes()).must(exit_with(0));
    for (how, words) in [
        ("once", "P1 loses the rest: the kernel took 7 of 43 bytes"),
        ("twice", "P1 writes the beginning twice: the kernel took 7 of 43 bytes"),
        ("skips", "P1 leaves a hole: the kernel took 7 of 43 bytes"),
    ] {
        let Some(seen) = short("writes", how, "write:1=7") else { return };
        told(&seen, survive_short_writes(), words);
    }
}

#[test]
fn a_write_that_takes_nothing_is_not_offered_for_ever_or_that_is_told() {
    let nothing = |how| {
        let each = (1..=8).map(|nth| Injection::short(&format!("write:{nth}=0")));
        let run = run(&["writes", how]).recorded();
        each.map(|it| it.expect("it is well written")).fold(run, grader::Recording::inject).record()
    };
    let Some(seen) = nothing("once") else { return };
    seen.must(survive_writes_of_nothing());
    let Some(seen) = nothing("all") else { return };
    told(&seen, survive_writes_of_nothing(), "P1 offers the same bytes for ever");
}

#[test]
fn after_a_short_read_one_reads_on_or_that_is_told() {
    let Some(seen) = short("reads", "again", "read:1=3") else { return };
    seen.must(survive_short_reads()).must(exit_with(0));
    let Some(seen) = short("reads", "once", "read:1=3") else { return };
    told(&seen, survive_short_reads(), "P1 takes a short read for all there is: it got 3 bytes");
}

#[test]
fn what_is_open_at_the_end_is_told_with_where_it_leads() {
    let Some(seen) = run(&["leads", "well"]).recorded().record() else { return };
    seen.must(leave_open_only(&[0, 1, 2])).must(lead_to(1, "/dev/null")).must(keep_open(1));
    told(&seen, keep_open(3), "The program has closed descriptor 3, which was only lent");
    told(&seen, lead_to(1, "a-file"), "In the end, descriptor 1 leads to /dev/null");
    told(&seen, lead_to(3, "a-file"), "In the end, descriptor 3 is closed");
    let Some(seen) = run(&["leads", "leaks"]).recorded().record() else { return };
    told(&seen, leave_open_only(&[0, 1, 2]), "The program leaves descriptor 3, /dev/null, open");
}
