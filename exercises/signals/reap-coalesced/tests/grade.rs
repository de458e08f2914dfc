//! What `reap-coalesced` must say of its children's ends, and that it leaves no zombie.
//!
//! Each child stands at a gate until the test opens that, and so does the program while it is busy: so the test knows who has ended
//! when SIGCHLD comes through.

mod family;

use family::Family;
use grader::facts::{end_by_itself, set_no_timeout};
use grader::{Exit, Injection, Recorded, Run, Seen, Snapshot, State, Verdict};
use nix::sys::signal::{Signal, kill};

const CHILDREN: usize = 5;
/// More than fit into a table that somebody thought large enough.
const MANY: usize = 20;
/// The gate at which the program is busy; the children's are the next ones.
const BUSY: usize = 1;
/// What is to be reported of a child that SIGKILL has ended.
const KILLED: usize = 128 + Signal::SIGKILL as usize;

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
    family.stopped = Some(number);
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
