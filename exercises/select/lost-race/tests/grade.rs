//! What `lost-race` does when two workers hear of one client.
//!
//! Whoever is quick hides the race. So the recorder holds each worker where it is about to accept, until nobody else can go on: then both have heard
//! of the client, and one after the other is let go.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Process, Recorded, Run, Seen, State, Verdict};
use std::collections::BTreeMap;

fn run() -> Run {
    Run::new(grader::program!("lost-race"))
}

/// Whether the client has heard one greeting, whatever else was said.
fn is_greeted(outcome: &Outcome) -> bool {
    // What more it had heard would stand behind that, in lines of its own.
    let heard = ["client: hello", "hello"];
    let said = String::from_utf8_lossy(&outcome.stdout);
    said.lines().filter(|line| heard.contains(line)).eq(["client: hello"])
}

/// Fails unless the client was greeted, and both workers report success.
fn must_have_served(outcome: &Outcome) {
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(1) && !is_greeted(outcome) {
        Verdict::new("The client was not greeted.")
            .saw(format!("standard output: {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Who has accepted it, and what has that one done with it?")
            .fail();
    }
    if outcome.exit == Exit::Code(1) {
        let lost = String::from_utf8_lossy(&outcome.stderr).contains("(os error 11)");
        Verdict::new(if lost {
            "A worker took a lost race for an error, and left."
        } else {
            "A worker has left with an error."
        })
        .saw_all(outcome.complaint())
        .saw(outcome.ending())
        .ask("What has happened to this worker that should keep it from the next client?")
        .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which process ended like that, and where?")
            .fail();
    }
}

/// Fails if a worker's sleep ends by the clock. Where both are held, a minute would have to pass, or the run would end before.
fn must_sleep_without_a_limit() {
    let Some(seen) = run().recorded().record() else { return };
    // Of who sleeps on, more is to be told than that.
    if matches!(seen.outcome.exit, Exit::Code(_)) && seen.stuck.is_empty() {
        must_not_try_to_sleep_in_accept(&seen);
        seen.must(set_no_timeout());
    }
}

/// A run in which this is done to the first accept, by either name, of those workers.
fn recorded(workers: &[&str], inject: impl Fn(&str) -> Injection) -> Option<Recorded> {
    let calls =
        workers.iter().flat_map(|who| ["accept", "accept4"].map(|call| format!("{who}:{call}")));
    // Until the client says what it has heard, who has lost has gone to sleep, or has asked often enough.
    let greeted = Injection::hold("P1:write:1=P3:poll:5").expect("it is well written");
    calls.fold(run().recorded().inject(greeted), |run, at| run.inject(inject(&at))).record()
}

#[test]
fn the_client_is_greeted_and_both_leave() {
    grader::worth(1);
    let outcome = run().finish();
    if outcome.exit == Exit::Deadline {
        must_not_sleep_in_accept(&outcome.snapshot.explain(), None);
        if outcome.snapshot.others().any(|worker| worker.state == State::Running) {
            Verdict::new("A worker never sleeps: `orders` is at its end, and it takes no notice.")
                .saw_all(outcome.snapshot.explain())
                .ask("poll(2): which event is it when nobody can write to a pipe any more? Is it the one that was looked at?")
                .fail();
        }
        let waits = |p: &&Process| {
            p.call_name().is_some_and(|it| HEARS[..3].iter().any(|call| it.contains(call)))
        };
        if let Some(worker) = outcome.snapshot.others().filter(|p| p.blocked()).find(waits) {
            Verdict::new(
                "A worker sleeps on: `orders` is at its end, and its call does not tell it.",
            )
            .saw(format!("a worker {}", outcome.snapshot.describe(worker)))
            .ask("Which descriptors does the call look at, and for which events of each?")
            .fail();
        }
    }
    must_have_served(&outcome);
}

/// Fails if the reason for a hang is that a worker sleeps in accept. `lost`: the step in which it was told of the client.
fn must_not_sleep_in_accept(sleepers: &[String], lost: Option<String>) {
    let accepts = |line: &&String| line.contains("accept");
    let Some(worker) = sleepers.iter().find(accepts) else { return };
    let verdict = match lost {
        Some(told) => Verdict::new("A worker sleeps in accept, for a client that the other worker has taken.")
            .saw(told)
            .ask("Until when is it true that a client waits? How could accept say that it is true no longer?"),
        None => Verdict::new("A worker sleeps in accept, and nobody will come any more: it does not hear that it should leave.")
            .ask("Which call sleeps for the listener and for the pipe?"),
    };
    verdict
        .saw(worker.clone())
        .saw_all(sleepers.iter().filter(|line| *line != worker).cloned())
        .fail()
}

/// Fails if a worker that was told of a client goes to sleep in accept, be it until its socket's own time is up.
fn must_not_try_to_sleep_in_accept(seen: &Recorded) {
    for (at, step) in seen.steps.iter().enumerate() {
        let accepts = step.blocked.as_ref().is_some_and(|it| it.call.starts_with("accept"));
        let tells = |it: &&Seen| it.event.task == step.event.task && it.sentence.contains(" ready");
        if accepts && let Some(told) = seen.steps[..at].iter().rev().find(tells) {
            Verdict::new("A worker goes to sleep in accept, though the other worker has taken the client.")
                .saw(told.to_string())
                .saw(step.to_string())
                .ask("What does it hear there until the next client comes, or some time is over? How could accept not sleep at all?")
                .fail();
        }
    }
}

/// The places that a sentence tells of: `pipe 1`, `socket 2`.
fn places(sentence: &str) -> Vec<String> {
    let words: Vec<&str> = sentence.split(' ').collect();
    let places = words.windows(2).filter(|it| ["pipe", "socket", "eventfd"].contains(&it[0]));
    let number = |word: &str| word.trim_end_matches(|it: char| !it.is_ascii_digit()).to_owned();
    places.map(|it| format!("{} {}", it[0], number(it[1]))).collect()
}

/// Whether another worker gives a sleeper what it sleeps for: it may be its turn to wait for a client.
fn is_handed_on(seen: &Recorded, sleep: &Seen) -> bool {
    let awaited = places(&sleep.sentence);
    let gives = |step: &Seen| {
        let other = step.process != sleep.process && step.process.to_string() != "P1";
        let told = step.sentence.split(": ").next().unwrap_or_default();
        other
            && (told.contains(" writes ") || told.contains(" adds "))
            && places(told).iter().any(|place| awaited.contains(place))
    };
    seen.steps.iter().any(gives)
}

/// Whether a sleeper waits for a client, be it by an epoll instance that it has told of the listener.
fn waits_for_a_client(seen: &Recorded, sleep: &Seen) -> bool {
    let watches = |step: &Seen| {
        step.returns() == Some("epoll_ctl")
            && [sleep.process.to_string().as_str(), "P1"].contains(&&*step.process.to_string())
            && step.sentence.contains(" socket ")
    };
    sleep.sentence.contains("connection")
        || sleep.sentence.contains("epoll instance") && seen.steps.iter().any(watches)
}

/// Fails if a worker sleeps for its orders only, in a read or another call, and nobody else, a thread or a process, could hear of a client for it.
fn must_not_sleep_for_orders_only(seen: &Recorded) {
    let known = |step: &Seen| ["P1", "P2", "P3"].contains(&step.event.task.to_string().as_str());
    let reads = |step: &&Seen| {
        step.process.to_string() != "P1"
            && step.blocked.as_ref().is_some_and(|it| {
                let hears = HEARS.iter().any(|call| it.call.contains(call));
                hears
                    && step.sentence.contains("data in pipe")
                    && !waits_for_a_client(seen, step)
                    && !is_handed_on(seen, step)
            })
    };
    if let Some(step) = seen.steps.iter().find(reads)
        && seen.steps.iter().all(known)
    {
        let call = step.blocked.as_ref().and_then(|it| it.call.split('(').next());
        let call = call.unwrap_or_default();
        Verdict::new(if step.sentence.contains(" or ") {
            format!("A worker sleeps in {call}, for what the other one never gives it: no client wakes it there.")
        } else {
            format!("A worker sleeps in {call}, for its orders only: no client wakes it there.")
        })
        .saw(step.to_string())
        .ask("Which call sleeps for the listener and for the pipe?")
        .fail();
    }
}

/// Fails if a worker asks again and again, by a call that returns at once, and never sleeps in between.
fn must_not_ask_again_and_again(seen: &Recorded) {
    let mut in_vain: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for step in &seen.steps {
        let asked = in_vain.entry(step.event.task.to_string()).or_default();
        if step.blocked.is_some() {
            asked.clear();
        }
        let nothing = ["finds nothing ready in time", "is told that nothing is ready"];
        asked.extend(nothing.iter().any(|it| step.sentence.contains(it)).then_some(step));
        if asked.len() == 3 {
            Verdict::new("A worker never sleeps: it asks again and again whether there is something, and its call returns at once.")
                .saw_all(asked.iter().map(ToString::to_string))
                .ask("How long does its call wait, and what is there to do in the meantime?")
                .fail();
        }
    }
}

/// Fails if a worker ends right after its client. Nobody has told it to: the pipe is closed when the client has heard its greeting.
fn must_stay_until_told(seen: &Recorded) {
    let greets = |step: &&Seen| step.begins().is_some() && step.sentence.contains("hello");
    let Some(at) = seen.steps.iter().position(|step| greets(&step)) else { return };
    let greeting = &seen.steps[at];
    // Who has taken the client may have a process of its own greet it.
    let takes = |step: &&Seen| {
        step.returns().is_some_and(|it| it.starts_with("accept")) && step.result().is_some()
    };
    let taken = seen.steps[..at].iter().rev().find(takes).unwrap_or(greeting);
    let last = if taken.process == greeting.process { greeting } else { taken };
    let ends = |step: &Seen| step.begins() == Some("exit_group");
    // Where it could hear of the pipe: by a call that tells, or by one that reads, or in its sleep, unless that is for a child.
    let hears = |step: &Seen| {
        let tells = |it: &str| HEARS.iter().any(|call| it.contains(call));
        step.blocked.as_ref().is_some_and(|it| !it.call.starts_with("wait"))
            || step.returns().is_some_and(tells)
    };
    let after = || seen.steps.iter().skip_while(|it| it.event.step <= last.event.step);
    let next =
        after().filter(|it| it.process == taken.process).find(|step| hears(step) || ends(step));
    // A worker may have processes of its own, each for one client, and makes a new one for the next.
    let is_worker = ["P2", "P3"].contains(&taken.process.to_string().as_str());
    let anew = !is_worker && after().any(|step| step.sentence.contains(" forks: "));
    if let Some(end) = next.filter(|step| ends(step) && !anew) {
        Verdict::new("A worker has left after its first client, and nobody had told it to.")
            .saw(greeting.to_string())
            .saw(end.to_string())
            .ask("Who greets the next client? Where does a worker go when it has served one?")
            .fail();
    }
}

/// What calls are named for that tell of a pipe's end, or read it.
const HEARS: [&str; 4] = ["poll", "select", "epoll", "read"];

/// Whether what somebody accepts from was told not to wait. Whatever else was told so has nothing to do with it.
fn has_a_listener_that_never_waits(seen: &Recorded) -> bool {
    let begins = |step: &&Seen, calls: &[&str]| step.begins().is_some_and(|it| calls.contains(&it));
    let accepts = seen.steps.iter().find(|step| begins(step, &["accept", "accept4"]));
    let told = seen.steps.iter().filter(|step| begins(step, &["ioctl", "fcntl"]));
    let never_waits = ["FIONBIO", "O_NONBLOCK"];
    told.filter(|step| never_waits.iter().any(|it| step.sentence.contains(it)))
        .any(|step| accepts.is_some_and(|it| it.description == step.description))
}

#[test]
fn who_has_lost_goes_back_to_sleep() {
    grader::worth(3);
    must_sleep_without_a_limit();
    // Both have heard of the client when the first of them accepts it.
    let hold = |at: &str| Injection::hold(at).expect("it is well written");
    let Some(seen) = recorded(&["P2", "P3"], hold) else { return };
    if !seen.stuck.is_empty() {
        let told = seen.steps.iter().filter(|step| step.sentence.contains(" ready"));
        must_not_sleep_in_accept(&seen.stuck, told.last().map(ToString::to_string));
    }
    must_not_try_to_sleep_in_accept(&seen);
    must_not_sleep_for_orders_only(&seen);
    must_not_ask_again_and_again(&seen);
    seen.must(never_spin()).must(set_no_timeout());
    must_have_served(&seen.outcome);
    seen.must(end_by_itself());
    must_stay_until_told(&seen);
    // And one that has lost while there will be more to do; who takes turns may well have a listener that waits, and never loses.
    if !has_a_listener_that_never_waits(&seen) {
        return;
    }
    let fail = |at: &str| Injection::fail(&format!("{at}=EAGAIN")).expect("it is well written");
    let Some(seen) = recorded(&["P2"], fail) else { return };
    seen.must(survive_eagain()).must(end_by_itself());
    must_have_served(&seen.outcome);
}
