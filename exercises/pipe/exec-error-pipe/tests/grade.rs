//! What `exec-error-pipe` must know of the programs that it starts: whether they have begun, and if not, why.

mod child;

use child::{must_come_back_once, must_report_it_itself};
use grader::facts::{
    end_by_itself, never_sleep_by_the_clock, never_spin, reap_every_child, set_no_timeout,
};
use grader::{
    Descriptor, Exit, Injection, Outcome, Process, Recorded, Recording, Run, Seed, Snapshot,
    Verdict,
};
use nix::errno::Errno;
use nix::libc;
use std::path::Path;

fn run(argv: &[&str]) -> Run {
    Run::new(grader::program!("exec-error-pipe")).args(argv)
}

/// What a shell says first, and what it says when it goes on.
const HELLO: &str = "the shell speaks";
const GOES_ON: &str = "the shell goes on";
/// The calls by which a process becomes another program.
const EXECS: [&str; 2] = ["execve", "execveat"];

/// A shell that says so, and does this.
fn shell(script: &str) -> Run {
    run(&["/bin/sh", "-c", &format!("echo {HELLO}; {script}")])
}

fn said(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.stdout).into_owned()
}

/// The error that `main` has reported: what it says behind the program's name, last of all.
fn reported(outcome: &Outcome) -> String {
    let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
    text.rsplit_once("exec-error-pipe: ").map(|(_, error)| error.to_owned()).unwrap_or_default()
}

/// How the report of an error with this number ends.
fn numbered(error: i32) -> String {
    format!("(os error {error})")
}

/// The pipe at which the program waits.
fn waits_for(now: &Snapshot) -> Option<&Path> {
    let program = now.program()?;
    let waits = |d: &&Descriptor| !d.writable && program.waits_to_read(d.number) == Some(true);
    program.descriptors.iter().find(waits).map(|d| d.target.as_path())
}

/// Fails with what kept the program from saying that it has started another one, which runs all the time.
fn must_not_hang(outcome: &Outcome) {
    let now = &outcome.snapshot;
    let holds =
        |target: &Path, p: &Process| p.descriptors.iter().any(|d| d.writable && d.target == target);
    if outcome.exit != Exit::Deadline {
        return;
    }
    let verdict = match waits_for(now) {
        Some(pipe) if now.program().is_some_and(|p| holds(pipe, p)) => Verdict::new(
            "The program waits for a pipe to end that it keeps open itself.",
        )
        .ask("Who has a write end after the fork, and who of them will never write?"),
        Some(pipe) if now.others().any(|p| holds(pipe, p)) => Verdict::new(
            "The program that was started holds the write end: the pipe ends when that one does, and not when it begins.",
        )
        .ask("Which descriptors does an exec close, and which mark says so?"),
        None if now.program().is_some_and(|p| matches!(p.call_name(), Some("wait4" | "waitid"))) => Verdict::new(
            "The program waits for the other one's end before it says that this one has begun.",
        )
        .ask("What can be known at once, and what only when it is over?"),
        _ => return outcome.must_end(),
    };
    verdict.saw_all(now.explain()).fail()
}

/// Fails unless the program was started, as was said, and has ended with this code.
fn must_have_started(outcome: &Outcome, code: i32) {
    must_not_hang(outcome);
    outcome.must_end();
    let said = said(outcome);
    let (begun, spoken) = (said.contains("started\n"), said.contains(HELLO));
    let reported = reported(outcome);
    let verdict = if begun && spoken && outcome.exit == Exit::Code(code) {
        return outcome.must_leave_nobody();
    } else if begun && outcome.exit == Exit::Code(125) && reported.contains(&numbered(libc::ECHILD))
    {
        Verdict::new(
            "There is nobody to wait for behind the pid that `start` has returned: ECHILD.",
        )
        .ask("Whose child is that, and has somebody reaped it before?")
    } else if begun && !spoken {
        Verdict::new("What was started has not done what its arguments say.")
            .saw(format!("the arguments: /bin/sh, -c, and a script that begins with: echo {HELLO}"))
            .ask("execve(2): which word of argv comes first, and how many are there?")
    } else if code == 127 || reported.contains(&numbered(code)) {
        Verdict::new(format!("The other program has begun and ended with {code}, and that is taken for a failed exec."))
            .ask("Which codes can a program end with, and how could one of them say that it has never begun?")
    } else if !begun {
        Verdict::new("`started` was not said of a program that can be started.")
            .ask("What does the parent read from the pipe if exec succeeds, and how many bytes are that?")
    } else {
        Verdict::new("The other program's exit code has got lost.")
            .ask("Which codes can a program end with, and who may say what they mean?")
    };
    verdict
        .saw(format!("the other program was to end with code {code}"))
        .saw(format!("said: {said:?}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

/// Fails unless it was reported, that the program could not be started because of this error.
fn must_have_failed(outcome: &Outcome, error: i32, why: &str, seed: &Seed) {
    must_not_hang(outcome);
    outcome.must_end();
    let said = said(outcome);
    // Of a child that it has made, a program may say more in a line than this word.
    let verdict = if said.lines().any(|line| line == "started") {
        Verdict::new("`started` was said of a program that has never begun.").ask(
            "What does the parent know when fork has returned, and what does it have to wait for?",
        )
    } else if !outcome.left_behind.is_empty() {
        Verdict::new("The child whose exec failed was never reaped.")
            .saw_all(outcome.who_was_left())
            .ask("There is no pid to return. Who can wait for this child, if not `start`?")
    } else if outcome.exit != Exit::Code(125) {
        Verdict::new("The program could not be started, and that was not reported.")
            .ask("Which process ends here, and with whose code?")
    } else if !reported(outcome).contains(&numbered(error)) {
        Verdict::new(
            "The cause has got lost: another error was reported than the one that exec had.",
        )
        .ask("In which process did exec fail, and what did that one hand on?")
    } else {
        return;
    };
    verdict
        .saw(why.to_owned())
        .saw(format!("said: {said:?}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}

#[test]
fn what_was_started_passes_its_code_on() {
    grader::worth(1);
    let mut seed = Seed::of("code");
    for code in [0, seed.random().i32(1..=99), 127] {
        must_have_started(&shell(&format!("exit {code}")).finish(), code);
    }
}

#[test]
fn it_has_the_arguments_and_the_environment_that_it_should() {
    grader::worth(1);
    let mut seed = Seed::of("environment");
    let [word, argument] = [(); 2].map(|()| format!("word-{}", seed.random().u32(..)));
    let run = shell("echo $WORD $1").args(["sh", &argument]);
    let outcome = run.env("WORD", &word).finish();
    must_have_started(&outcome, 0);
    let said = said(&outcome);
    if !said.contains(&format!("{word} {argument}\n")) {
        Verdict::new("The program that was started has other arguments, or another environment, than it should.")
            .saw(format!("WORD is {word} in the environment, and {argument} is an argument"))
            .saw(format!("it was to say both, and said: {said:?}"))
            .ask("execve(2): where does a program have its environment from, and which call hands it on by itself?")
            .replay(&seed)
            .fail();
    }
}

#[test]
fn it_is_said_while_the_other_program_runs() {
    grader::worth(2);
    let mut running = shell(&format!("read line; echo {GOES_ON}; exit 3")).stdin_later().start();
    // Whatever was said before, in the same line, too.
    let starts = |line: &str| line.ends_with("started");
    while !match running.line() {
        Ok(line) => starts(&line),
        Err(_) => return must_have_started(&running.finish(), 3),
    } {}
    let mut there = None;
    let runs = running.until(|now| {
        // Until its exec, a child has the name of who made it; afterwards the one by which it was found: a path's, a descriptor's.
        let own = now.program().map(|program| program.name.as_str());
        let begun = |p: &&Process| p.blocked() && Some(p.name.as_str()) != own;
        let other = now.others().next().filter(begun).cloned();
        // The program is looked at only when the other one waits already: there is nothing more that it could be about to say.
        let there = std::mem::replace(&mut there, other.clone())?;
        other.filter(|other| other.pid == there.pid && now.program().is_some_and(Process::blocked))
    });
    if let Ok(other) = runs
        && let Some(more) = other.descriptors.iter().find(|d| d.number > 2)
    {
        Verdict::new("The program that was started holds an end of your pipe.")
            .saw(format!("its descriptor {} leads to {}", more.number, more.target.display()))
            .ask("Which descriptors does an exec close, and which mark says so?")
            .fail();
    }
    running.tell(b"");
    let outcome = running.finish();
    must_have_started(&outcome, 3);
    let said = said(&outcome);
    let late = said.split_once(GOES_ON).is_some_and(|(_, late)| late.lines().any(starts));
    if late {
        Verdict::new(
            "`started` is said only when the other program goes on, which has begun long ago.",
        )
        .saw(format!("said: {said:?}"))
        .ask("What can be known at once, and what only when it is over?")
        .fail();
    }
}

#[test]
fn a_program_that_is_not_there_or_is_none_is_told_by_its_error() {
    grader::worth(2);
    let mut seed = Seed::of("missing");
    let name = format!("./no-such-program-{}", seed.random().u32(1..999_999));
    let cases = [(name.as_str(), libc::ENOENT), ("/", libc::EACCES)];
    for (path, error) in cases {
        let why = format!("{path} can't be executed: {}", std::io::Error::from_raw_os_error(error));
        must_have_failed(&run(&[path]).finish(), error, &why, &seed);
    }
}

#[test]
fn so_is_any_other_error() {
    grader::worth(2);
    let mut seed = Seed::of("error");
    let errors = [Errno::ENOMEM, Errno::E2BIG, Errno::ELOOP, Errno::EIO];
    let refused = |error: Errno| {
        let fail =
            |call| Injection::fail(&format!("{call}:*={error:?}")).expect("it is well written");
        EXECS.into_iter().map(fail).fold(shell("exit 0").recorded(), Recording::inject)
    };
    let error = errors[seed.random().usize(..errors.len())];
    let recording = refused(error);
    // The child takes its time before its exec: who goes by the clock does so meanwhile.
    let hold = |call| Injection::hold(&format!("P2:{call}:1")).expect("it is well written");
    let holds = EXECS.into_iter().map(hold);
    let Some(seen) = holds.fold(recording.clone(), Recording::inject).record() else { return };
    seen.must(never_spin()).must(never_sleep_by_the_clock()).must(set_no_timeout());
    // And it takes still more, for who asks again and again; and before it ends: who has not waited for that has not reaped it.
    let Some(seen) = recording.slow_child(&[EXECS[0], EXECS[1], "exit_group"]).record() else {
        return;
    };
    seen.must(never_spin());
    must_report_it_itself(&seen, error as i32);
    must_come_back_once(&seen, error as i32);
    seen.must(end_by_itself());
    let must_tell = |seen: &Recorded, error: Errno| {
        let why = format!("each exec was made to fail: {}", error.desc());
        must_have_failed(&seen.outcome, error as i32, &why, &seed);
    };
    must_tell(&seen, error);
    seen.must(reap_every_child());
    // Who knows some of them by name is told of the others, whichever was chosen.
    for error in errors {
        let Some(seen) = refused(error).record() else { return };
        must_tell(&seen, error);
    }
}
