//! What must have come out of `exit-or-_exit`, and what the kernel must have seen of it.

use grader::facts::{leave_to_its_children, reap_every_child};
use grader::{Exit, Outcome, Recorded, Run, Seed, Seen, Verdict};

const CHILD_SAYS: &str = " | the child was here";
const PARENT_SAYS: &str = " | the parent saw it end";

fn random_text(name: &str) -> (String, Seed) {
    let mut seed = Seed::of(name);
    let text = format!("plum-{:06}", seed.random().u32(0..1_000_000));
    (text, seed)
}

fn run(text: &str) -> Run {
    Run::new(grader::program!("exit-or-_exit")).arg(text)
}

/// Fails unless each text came out once, and nothing else did.
fn must_say_each_text_once(outcome: &Outcome, text: &str, seed: &Seed) {
    outcome.must_end();
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let times = |said: &str| output.matches(said).count();
    let verdict = match (times(text), times(CHILD_SAYS), times(PARENT_SAYS)) {
        (1, 1, 1) if output.len() == text.len() + CHILD_SAYS.len() + PARENT_SAYS.len() => return,
        (1, 1, 1) => Verdict::new("Each text came out once, and something else did, too.")
            .ask("What came out that nobody was asked to say? The line that prints TEXT stays as it is given."),
        (0, _, 0) => Verdict::new("Neither TEXT nor the parent's words came out.")
            .ask("Which way of ending empties a process's buffers, and does the parent end that way?"),
        (0, _, _) => Verdict::new("TEXT never came out.").ask("Who had it last, and what became of it?"),
        (2.., _, _) => Verdict::new(format!("TEXT came out {} times, as when a fork copies a buffer with it inside.", times(text)))
            .ask("How many copies of the bytes were there after the fork, and what emptied each of them?"),
        (_, 0, _) => Verdict::new("When the program ended, the child's words had not come out of standard output.")
            .ask(if String::from_utf8_lossy(&outcome.stderr).contains(CHILD_SAYS.trim()) {
                "Which of its descriptors did the child write to?"
            } else if !outcome.reaped_a_child {
                "Was the child at its end by then, and who has waited for that?"
            } else {
                "Were they still in its buffer when it ended? What does _exit(2) leave out that exit(3) does?"
            }),
        (_, 2.., _) => Verdict::new("The child's words came out more than once.")
            .ask("Which processes run the line that says them?"),
        (_, _, 0) => Verdict::new("The parent's words never came out.").ask("How does the parent end?"),
        (_, _, _) => Verdict::new("The parent's words came out more than once.")
            .ask("Which processes run the line that says them?"),
    };
    verdict
        .saw(format!("TEXT was    {text:?}"))
        .saw(format!("came out    {output:?}"))
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail();
}

#[test]
fn every_text_comes_out_once_into_a_pipe() {
    grader::worth(1);
    let (text, seed) = random_text("exit-or-_exit, pipe");
    must_say_each_text_once(&run(&text).finish(), &text, &seed);
}

#[test]
fn every_text_comes_out_once_into_a_file() {
    grader::worth(1);
    let (text, seed) = random_text("exit-or-_exit, file");
    must_say_each_text_once(&run(&text).stdout_to_a_file().finish(), &text, &seed);
}

#[test]
fn the_child_is_a_real_one_and_the_parent_reaps_it() {
    grader::worth(1);
    let (text, _) = random_text("exit-or-_exit, child");
    let outcome = run(&text).finish();
    outcome.must_end();
    let recorded = run(&text).recorded().slow_child(&["write", "writev"]).record();
    // Without a recording, only this shows a child; one of vfork, which borrows the parent's memory, has none.
    let by_faults = outcome.reaped_a_child || !outcome.left_behind.is_empty();
    let is_born = |step: &Seen| step.process.to_string() != "P1";
    let had_a_child = recorded.as_ref().map_or(by_faults, |seen| seen.steps.iter().any(is_born));
    if !had_a_child {
        let how = match recorded {
            Some(_) => {
                "in a recording of the run there is one process, from its beginning to its end"
            }
            None => {
                "the kernel adds a child's page faults to the parent that waits for it; it added none"
            }
        };
        Verdict::new("The program has reaped no child: nothing shows that there ever was one.")
            .saw(outcome.ending())
            .saw(how)
            .ask("Which of the three texts is the child's to say?")
            .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which process ended like that, and where?")
            .fail();
    }
    if let Some(seen) = recorded {
        seen.must(leave_to_its_children(CHILD_SAYS)).must(reap_every_child());
        must_say_its_own_words(&seen);
        must_have_seen_the_end(&seen);
    }
    // Last: whom it looked for in time, it leaves only now and then.
    outcome.must_leave_nobody();
}

/// Fails if the parent says its words while the child is still there.
fn must_have_seen_the_end(seen: &Recorded) {
    let says = |step: &&Seen| {
        let writes = step.begins().is_some_and(|call| call.starts_with("write"));
        // What it tells on standard error is not said yet.
        let said = writes && !step.sentence.contains("(2, ");
        said && step.process.to_string() == "P1" && step.sentence.contains(PARENT_SAYS)
    };
    let ends = |step: &&Seen| step.is_end() && step.process.to_string() == "P2";
    let at = |step: &Seen| step.event.step;
    let (says, ends) = (seen.steps.iter().find(says), seen.steps.iter().find(ends));
    if let (Some(says), Some(ends)) = (says, ends)
        && at(says) < at(ends)
    {
        Verdict::new("The parent says that it saw the child end, and the child has not ended yet.")
            .saw_all([says, ends].map(ToString::to_string))
            .ask("What tells the parent of its child's end, and what happens before that: that a pipe has no writer any more?")
            .fail();
    }
}

/// Fails if a child says what the parent is to say.
fn must_say_its_own_words(seen: &Recorded) {
    let by_a_child = |step: &&Seen| {
        let writes = step.begins().is_some_and(|call| call.starts_with("write"));
        writes && step.process.to_string() != "P1" && step.sentence.contains(PARENT_SAYS)
    };
    if let Some(step) = seen.steps.iter().find(by_a_child) {
        Verdict::new("A child says the parent's words.")
            .saw(step.to_string())
            .ask("Which process has seen the child end, and comes to the line that says so?")
            .fail();
    }
}
