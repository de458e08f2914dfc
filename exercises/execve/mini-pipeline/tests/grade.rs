//! What `mini-pipeline` must make of `A | B > FILE`: two programs at once, with a pipe between them that nobody else holds.

mod family;
mod missing;
mod second;

use family::{Family, must_hold_no_more};
use grader::{
    Exit, Folder, Gates, Interrupted, Outcome, Process, Run, Running, Seed, State, Verdict,
};
use missing::must_run_the_other_one;
use nix::sys::signal::Signal;
use second::must_wait_for_who_is_stopped;

/// `FIRST | SECOND > out`, with the file in this folder.
fn pipeline(folder: &Folder, first: &[&str], second: &[&str]) -> Run {
    let file = folder.put("out", "what stood there before\n");
    Run::new(grader::program!("mini-pipeline"))
        .may_write(folder.path())
        .arg(file)
        .args(first)
        .arg("--")
        .args(second)
}

/// Why there are no two children at their gates.
enum Alone {
    /// The second one isn't made before the first one has ended.
    First,
    /// The program itself stands at a gate.
    Became,
}

/// Fails because the two programs never stood side by side.
fn no_family(running: Running, why: Option<Interrupted>) -> ! {
    let outcome = running.finish();
    if why != Some(Interrupted::Deadline) {
        outcome.must_end();
    }
    let children = outcome.snapshot.others().count();
    if children == 1 {
        Verdict::new("The second program is not started before the first one has ended.")
            .saw_all(outcome.snapshot.explain())
            .ask("How much can the first one say before somebody reads, and who would that be?")
            .fail();
    }
    outcome.must_end();
    Verdict::new("There were never two programs, side by side.")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .saw_all(outcome.snapshot.explain())
        .ask("Who is forked, when, and by which call does it become a program?")
        .fail()
}

#[test]
fn both_programs_run_at_once_with_a_pipe_of_their_own() {
    grader::worth(3);
    let folder = Folder::new();
    let mut gates = Gates::new(2);
    let paths = gates.paths().to_vec();
    let paths = [paths[0].as_path(), paths[1].as_path()];
    let [first, second] = paths.map(|path| path.to_string_lossy().into_owned());
    // Each of them opens its gate as one more descriptor, and reads there; then the second one reads on, from its input. `head` minds
    // no closed output before it has something to say.
    let mut running =
        pipeline(&folder, &["head", "-n", "1", &first], &["head", "-n", "1", &second, "-"]).start();
    let mut there = 0;
    let family = running.until(|now| {
        // Looked at only when they stand there already.
        let before = std::mem::replace(&mut there, gates.arrived());
        let stands = |p: &Process| {
            p.blocked() && p.descriptors.iter().any(|d| paths.contains(&d.target.as_path()))
        };
        match before {
            1 | 2 if now.program().is_some_and(stands) => Some(Err(Alone::Became)),
            2 => Family::of(now, &paths).map(|_| Ok(now.clone())),
            // It stands there, and whoever should start the other one sleeps.
            1 => {
                // One that opens a gate is about to stand there.
                let waits = now.program().is_some_and(|p| p.blocked() && p.opening.is_none());
                let first = now.others().any(stands);
                (waits && first && now.others().count() == 1).then_some(Err(Alone::First))
            }
            _ => None,
        }
    });
    let now = match family {
        Ok(Ok(now)) => now,
        Ok(Err(Alone::Became)) => Verdict::new(
            "Your program has become one of the two itself: nobody is left to wait for both.",
        )
        .saw_all(running.snapshot().explain())
        .ask(
            "How many children does a pipeline of two take, and who is there when they have ended?",
        )
        .fail(),
        Ok(Err(Alone::First)) => {
            Verdict::new("The second program is not started before the first one has ended.")
                .saw_all(running.snapshot().explain())
                .ask("How much can the first one say before somebody reads, and who would that be?")
                .fail()
        }
        Err(why) => no_family(running, Some(why)),
    };
    let file = folder.path().join("out");
    if let Some(family) = Family::of(&now, &paths) {
        must_hold_no_more(&now, &family, &paths, &file);
    }
    gates.open(1);
    gates.open(2);
    must_have_succeeded(&running.finish());
}

fn must_have_succeeded(outcome: &Outcome) {
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("Both programs succeeded, and yours does not.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
}

#[test]
fn more_than_a_pipe_holds_comes_through() {
    grader::worth(1);
    let folder = Folder::new();
    let mut seed = Seed::of("bytes");
    let count = seed.random().u32(200_000..2_000_000).to_string();
    let outcome = pipeline(&folder, &["head", "-c", &count, "/dev/zero"], &["wc", "-c"]).finish();
    must_have_succeeded(&outcome);
    let found = String::from_utf8_lossy(&folder.read("out").unwrap_or_default()).trim().to_owned();
    if found != count {
        Verdict::new("What the first program has written is not what came to the file through the second one.")
            .saw(format!("`head -c {count} /dev/zero | wc -c > FILE` should write {count}"))
            .saw(format!("in FILE stands {found:?}"))
            .saw_all(outcome.complaint())
            .ask("Which descriptor does each of them write to, and what does that lead to?")
            .replay(&seed)
            .fail();
    }
}

#[test]
fn the_second_programs_exit_code_counts() {
    grader::worth(1);
    let mut seed = Seed::of("codes");
    // None of them is a signal's number here.
    let (first, second) = (seed.random().u8(20..60), seed.random().u8(60..120));
    must_return(second, (first, &format!("exit {second}")), &seed);
    // As a shell tells a death by signal.
    must_return(128 + Signal::SIGTERM as u8, (first, "kill -s TERM $$"), &seed);
    must_return_though_the_first_ends_last(first, second, &seed);
    must_wait_for_who_is_stopped(second, &seed);
    must_run_the_other_one(&mut seed);
}

/// Runs two scripts. One of them stands at the gate until the other one has ended, and whoever waits for that has heard of it; whether it was so.
fn one_after_the_other(folder: &Folder, scripts: [&str; 2], mut gate: Gates) -> (bool, Outcome) {
    let [one, other] = scripts.map(|script| ["sh", "-c", script]);
    let mut running = pipeline(folder, &one, &other).start();
    let (mut stands, mut ended) = (false, false);
    let over = running.until(|now| {
        // Looked at only when it stands there already: the other one was made, or will be soon.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        let alive = now.others().filter(|p| p.state != State::Zombie).count();
        let made = now.others().count() == 2 || now.program().is_some_and(|p| p.reaped_a_child);
        // Whoever waits for it has heard of its end when it sleeps again.
        let before = std::mem::replace(&mut ended, made && alive == 1);
        now.program().filter(|p| before && p.blocked()).map(drop)
    });
    gate.open(1);
    (over.is_ok(), running.finish())
}

/// Fails unless the second program's exit code counts when the first one has closed its output, and ends after the second one.
fn must_return_though_the_first_ends_last(first: u8, second: u8, seed: &Seed) {
    let (folder, gate) = (Folder::new(), Gates::new(1));
    let (path, passed) = (gate.paths()[0].display(), folder.path().join("passed"));
    let one = format!("exec >&-; read line < '{path}'; : > '{}'; exit {first}", passed.display());
    let other = format!("cat; exit {second}");
    let (over, outcome) = one_after_the_other(&folder, [&one, &other], gate);
    outcome.must_end();
    outcome.must_leave_nobody();
    if folder.read("passed").is_none() {
        Verdict::new("The second program has ended, and the first one had no time to end by itself: it was ended.")
            .saw(format!("the first program was `sh -c {one:?}`, and the last that it should do was not done"))
            .saw(outcome.ending())
            .ask("By what is a program told that nobody reads any more, and what may it do then?")
            .fail();
    }
    if over && outcome.exit != Exit::Code(second.into()) {
        let cause = if outcome.exit == Exit::Code(first.into()) {
            "The exit code of the program that ended last is returned, and not the second one's."
        } else {
            "The second program exited before the first one, and your exit code is not its own."
        };
        Verdict::new(cause)
            .saw(format!("the first program was `sh -c {one:?}`, the second one `sh -c {other:?}`"))
            .saw(format!("the second one ended first; expected: exit code {second}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("In which order do the two end? By what does one know whose end a wait has told?")
            .replay(seed)
            .fail();
    }
}

/// Fails unless that is the program's exit code when the first one's is this, and the second one ends so, as the last.
fn must_return(expected: u8, (first, end): (u8, &str), seed: &Seed) {
    let (folder, gate) = (Folder::new(), Gates::new(1));
    let path = gate.paths()[0].display();
    let scripts = [format!("exit {first}"), format!("cat; read line < '{path}'; {end}")];
    let (_, outcome) = one_after_the_other(&folder, scripts.each_ref().map(String::as_str), gate);
    outcome.must_end();
    outcome.must_leave_nobody();
    let killed = expected > 128;
    let verdict = match outcome.exit {
        Exit::Code(code) if code == i32::from(expected) => return,
        Exit::Code(code) if code == i32::from(first) => {
            Verdict::new("The first program's exit code is returned, and not the second one's.")
        }
        _ if killed => Verdict::new(
            "The second program was killed by a signal, and your exit code doesn't say so.",
        ),
        _ => Verdict::new("The second program exited, and your exit code is not its own."),
    };
    verdict
        .saw(format!("the first program was `sh -c {:?}`, the second one `sh -c {:?}`", scripts[0], scripts[1]))
        .saw(format!("expected: exit code {expected}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask(if killed {
            "What does a shell's `$?` tell of a death by signal, and which answer of wait says which signal it was?"
        } else {
            "What does a shell's `$?` tell after a pipeline, and which pid is whose?"
        })
        .replay(seed)
        .fail();
}
