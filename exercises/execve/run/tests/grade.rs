//! What must come of `run`: a program that another process runs, and one process that says how it ended.
//!
//! `main` says who speaks: `[run PID] it ended with CODE`. Whoever says that under another pid is a copy of the program.

mod told;
mod who;

use grader::{Exit, Gates, Outcome, Process, Run, Seed, Verdict};
use nix::sys::signal::{Signal, kill};
use std::time::Duration;
use told::*;
use who::{came_back, must_be_a_child, must_be_said_by_one, must_not_come_back};

/// `run sh -c SCRIPT WORDS…`.
fn run_sh(script: &str, words: &[&str]) -> Run {
    Run::new(grader::program!("run")).args(["sh", "-c", script]).args(words)
}

/// Fails if anybody but the program has come back from `run`, or nobody has; it should have relayed `expected`.
fn must_come_back_once(outcome: &Outcome, expected: u8) -> String {
    let me = outcome.snapshot.program.to_string();
    let Told { ends, .. } = told(outcome);
    let complaints = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let pid_of = |line: &str| Some(line.strip_prefix("[run ")?.split_once(']')?.0.to_owned());
    let evidence = |verdict: Verdict| {
        verdict
            .saw_all(ends.iter().map(|(pid, code)| format!("[run {pid}] it ended with {code}")))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
    };
    // A child that complains so, and leaves there, has not come back: `main` would leave with 2.
    let with_2 = expected != 2 && ends.iter().any(|(pid, code)| *pid == me && code == "2");
    let other = complaints.lines().filter_map(pid_of).find(|pid| *pid != me);
    if let Some(other) = other.filter(|_| with_2) {
        evidence(came_back(&format!("pid {other}"))).fail();
    }
    if let Some((other, _)) = ends.iter().find(|(pid, _)| *pid != me) {
        evidence(Verdict::new(format!(
            "Two processes come back from `run`: pid {other}, the child, speaks for the parent."
        )))
        .ask("Which line is the last that a child may come to, and how does it leave there?")
        .fail();
    }
    outcome.must_end();
    outcome.must_leave_nobody();
    let own = |line: &&str| pid_of(line).is_some_and(|pid| pid == me);
    if let ([], Some(line)) = (ends.as_slice(), complaints.lines().find(own)) {
        evidence(Verdict::new(format!("`run` returned an error, and not a code: {line}")))
            .ask("Who is to hear that a program can't be run, and as which number?")
            .fail();
    }
    match ends.as_slice() {
        [(_, code)] => code.clone(),
        _ => evidence(Verdict::new("The program was run. Nobody is left to say how it ended."))
            .ask("exec replaces the one who calls it. Who should be replaced here, and who should be there afterwards?")
            .fail(),
    }
}

/// Fails unless the program has ended with this code, and has said so.
fn must_relay(outcome: &Outcome, expected: u8, otherwise: impl FnOnce(&str) -> Verdict) {
    let code = must_come_back_once(outcome, expected);
    if !matches!(expected, 126 | 127) {
        must_be_found(outcome);
    }
    if code != expected.to_string() || outcome.exit != Exit::Code(expected.into()) {
        // Whose `sh` has another script than ours has another end.
        if !matches!(expected, 126 | 127) {
            must_be_told_its_words("last", &Seed::of("words"));
        }
        otherwise(&code)
            .saw(format!("`run` returned {code}; expected: {expected}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .fail();
    }
}

#[test]
fn the_programs_exit_code_is_relayed() {
    grader::worth(2);
    let mut seed = Seed::of("codes");
    // Among them the numbers of ENOENT and EACCES, and a panic's code: whoever tells of exec by an exit code must not take it for the program's.
    for expected in [0, 1, 2, 13, 101, 255, seed.random().u8(2..126)] {
        let outcome = run_sh(&format!("exit {expected}"), &[]).finish();
        must_relay(&outcome, expected, |code| {
            let verdict = match code {
                "126" | "127" => Verdict::new(format!(
                    "`sh` exited with {expected}, and `run` says that there is no such program, or that it can't be executed."
                ))
                .saw("by its exit code alone, a program that ran can't be told from a child whose exec failed"),
                "0" => Verdict::new(format!(
                    "`sh` exited with {expected}, and `run` returned 0. That is a part of wait's packed status, \
                     or nobody's answer at all."
                )),
                _ => {
                    Verdict::new(format!("`sh` exited with {expected}, and `run` says otherwise."))
                }
            };
            verdict
                .ask("What does wait(2) fill in, and which of its bytes is the exit code?")
                .replay(&seed)
        });
    }
}

#[test]
fn the_program_is_told_what_the_command_line_says() {
    grader::worth(1);
    let mut seed = Seed::of("words");
    let random = format!("word-{}", seed.random().u32(..));
    let outcome = must_be_told_its_words(&random, &seed);
    must_relay(&outcome, 0, |_| Verdict::new("The program succeeded, and `run` says otherwise."));
    must_be_told_its_own_name();
    must_be_told_each_byte();
}

#[test]
fn a_death_by_signal_is_no_exit() {
    grader::worth(1);
    for signal in [Signal::SIGTERM, Signal::SIGKILL, Signal::SIGUSR1, Signal::SIGHUP] {
        let name = signal.as_str().trim_start_matches("SIG");
        let outcome = run_sh(&format!("kill -s {name} $$"), &[]).finish();
        must_relay(&outcome, 128 + signal as u8, |code| {
            Verdict::new(format!("A program that was killed is reported as {code}."))
                .saw(format!("`sh` was killed by {signal}, number {}", signal as u8))
                .ask("Which two ways are there for a process to end, and how does a shell put both into one number?")
        });
    }
}

#[test]
fn who_is_stopped_has_not_ended() {
    grader::worth(1);
    let mut seed = Seed::of("stopped");
    // Neither what a program gives up with nor a signal's number.
    let expected = seed.random().u8(30..100);
    let mut running = run_sh(&format!("kill -s STOP $$; exit {expected}"), &[]).start();
    // It has heard of the stop, if it asked for such news, when it sleeps again.
    let mut had_stopped = false;
    let stopped = running.until(|now| {
        let sh = now.others().find(|p| p.has_stopped())?;
        let program = now.program().filter(|p| p.blocked());
        program.filter(|_| std::mem::replace(&mut had_stopped, true)).map(|_| sh.host)
    });
    if let Ok(sh) = stopped {
        // Who gives up on it has ended it.
        let _ = kill(sh, Signal::SIGCONT);
    }
    let outcome = running.finish();
    if outcome.exit == Exit::Code(128 + Signal::SIGSTOP as i32) {
        Verdict::new("A program that was stopped for a moment is reported as if it had ended.")
            .saw(outcome.ending())
            .ask("What does waitpid tell of besides an end, and who asks it to? Which of its answers is the end?")
            .fail();
    }
    must_relay(&outcome, expected, |_| {
        Verdict::new("A program was stopped, went on, and exited, and `run` says otherwise.")
            .ask("What does waitpid tell of besides an end? Which of its answers is the end?")
            .replay(&seed)
    });
}

#[test]
fn what_is_not_there_is_127_and_said_by_one_process() {
    grader::worth(2);
    let mut seed = Seed::of("not there");
    // By its path, and to be looked for in PATH.
    let name = format!("no-such-program-{}", seed.random().u32(..));
    for missing in [format!("/{name}"), name] {
        // A folder that this user may not search would be another reason.
        let run = || Run::new(grader::program!("run")).arg(&missing).env("PATH", "/usr/bin:/bin");
        must_relay(&run().finish(), 127, |code| {
            let verdict = if code == "0" {
                Verdict::new("The program was never run, and a success was reported.")
            } else {
                Verdict::new(format!("There is no program {missing}, and that is 127, not {code}."))
            };
            verdict
                .ask("In which process does exec fail, and by what does the other one hear of it?")
                .replay(&seed)
        });
        let Some(seen) = run().recorded().record() else { return };
        must_not_come_back(&seen);
        must_be_said_by_one(&seen);
    }
}

#[test]
fn who_exits_as_exec_would_have_failed_was_run() {
    grader::worth(1);
    // A code that says nothing but itself, and those that are exec's when it fails: whatever else is said, it is as much.
    let lines = |code: u8| {
        let outcome = run_sh(&format!("exit {code}"), &[]).finish();
        must_relay(&outcome, code, |_| {
            Verdict::new(format!("`sh` exited with {code}, and `run` says otherwise."))
        });
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        (said.lines().count(), outcome.complaint())
    };
    let (usual, _) = lines(42);
    for code in [126, 127] {
        let (count, complaint) = lines(code);
        if count != usual {
            Verdict::new(format!(
                "`sh` was run, and exited with {code}; and a failure of exec is complained of."
            ))
            .saw_all(complaint)
            .ask("Who alone knows that exec has failed? Who else may end with that number?")
            .fail();
        }
    }
}

#[test]
fn what_can_not_be_executed_is_126() {
    grader::worth(1);
    // A folder: nobody can execute that, not even root.
    let outcome = Run::new(grader::program!("run")).arg("/").finish();
    must_relay(&outcome, 126, |code| {
        let cause = if code == "127" {
            "`/` is not what is missing: there is such a program, and it may not be executed."
        } else {
            "`/` can't be executed, and that is 126."
        };
        Verdict::new(cause)
            .ask("Which error does exec report here, and which one where there is no such file?")
    });
    for error in ["ETXTBSY", "EIO", "E2BIG"] {
        let Some(outcome) = no_exec(error) else { return };
        must_relay(&outcome, 126, |_| {
            Verdict::new(format!(
                "There is a program that can't be executed, for another reason than EACCES: {error}. That is 126, too."
            ))
            .ask("Which one error says that there is no such program, and what do all others say?")
        });
    }
}

#[test]
fn the_parent_sleeps_until_the_program_has_ended() {
    grader::worth(1);
    let mut gate = Gates::new(1);
    let path = gate.paths()[0].display().to_string();
    let mut running = run_sh(r#"read line < "$0"; exit 0"#, &[&path]).start();
    // So much processor time is none that a parent needs for going to sleep.
    let spins = |p: &Process| p.cpu >= Duration::from_millis(200);
    let mut stands = false;
    let parent = running.until(|now| {
        // It is looked at only when `sh` stands there already.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        must_be_a_child(now, &path);
        let parent = now.program().filter(|_| now.others().count() == 1)?;
        let settled = parent.blocked() || parent.sleeping_for_time() || spins(parent);
        settled.then(|| (parent.clone(), now.describe(parent)))
    });
    if let Ok((parent, does)) = parent
        && !parent.blocked()
    {
        let cause = if parent.sleeping_for_time() {
            "The parent goes by the clock: it sleeps for a time, whatever the program does."
        } else {
            "The parent spins: it asks again and again whether the program has ended."
        };
        Verdict::new(cause)
            .saw(format!("`sh` stands at a gate, and the parent, pid {}, {does}", parent.pid))
            .ask("Which call, or which flag of this one, sleeps exactly until a child has ended?")
            .fail();
    }
    gate.open(1);
    must_relay(&running.finish(), 0, |_| {
        Verdict::new("`sh` passed the gate and exited with 0, and `run` says otherwise.")
    });
}
