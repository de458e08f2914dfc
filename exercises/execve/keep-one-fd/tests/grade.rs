//! What a program that `keep-one-fd` runs must have open: its standard streams, one file, and nothing else.
//!
//! It runs `sh`, which says what it was told and becomes `head`, which opens a gate and reads there. So it stands still while
//! its descriptors are looked at.

use grader::facts::keep_close_on_exec;
use grader::{Exit, Folder, Gates, Interrupted, Process, Run, Running, Seed, State, Verdict};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So much processor time is none that a parent needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);

/// How `sh` says what it was told; then it becomes somebody who stands at the gate.
const PROBE: &str = r#"echo "told: $KEPT_FD"; exec head -n 1 "$0""#;

/// The program, and the one that it runs, which stands at its gate.
struct Seen {
    program: Process,
    child: Process,
    /// What was told in `KEPT_FD`.
    told: String,
    file: PathBuf,
    // Until the facts are told, nobody is ended and nothing is removed.
    _held: (Running, Gates, Folder),
}

fn start(others: u32) -> Seen {
    let folder = Folder::new();
    let file = folder.put("kept", "one line\n");
    let mut gate = Gates::new(1);
    let path = gate.paths()[0].clone();
    let run = Run::new(grader::program!("keep-one-fd")).may_write(folder.path());
    let run = run.arg(others.to_string()).arg(&file).args(["sh", "-c", PROBE]);
    let mut running = run.arg(&path).start();
    let told = match running.line_after("told: ") {
        Ok(told) => told,
        Err(why) => never_ran(running, why),
    };
    let mut stands = false;
    let both = running.until(|now| {
        // Looked at only when it stands there already.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        let at_gate = |p: &&Process| p.blocked() && p.descriptors.iter().any(|d| d.target == path);
        let mut child = now.others().find(at_gate)?.clone();
        child.descriptors.retain(|d| d.target != path);
        // What the parent does behind its fork, it has done by then.
        let program = now.program()?;
        let settled = program.state != State::Running || program.cpu >= SPINNING;
        settled.then(|| (program.clone(), child))
    });
    match both {
        Ok((program, child)) => Seen { program, child, told, file, _held: (running, gate, folder) },
        Err(why) => never_ran(running, why),
    }
}

fn never_ran(running: Running, why: Interrupted) -> ! {
    let outcome = running.finish();
    let silent = |p: &&Process| !p.descriptors.is_empty() && p.descriptor(1).is_none();
    if let Some(child) = outcome.snapshot.others().find(silent) {
        Verdict::new("The program has lost its standard output: what it says comes to nobody.")
            .saw_all(open("the program", child))
            .ask("Which descriptors does every program expect to find open, and who has closed them here?")
            .fail();
    }
    outcome.must_end();
    outcome.must_leave_nobody();
    Verdict::new("The program was never run.")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .saw(format!("{why:?} before `sh` had said anything"))
        .ask("Which process becomes the program, and did its exec succeed?")
        .fail()
}

fn open(whose: &str, process: &Process) -> Vec<String> {
    let descriptors = process.descriptors.iter();
    descriptors.map(|d| format!("{whose} has {} open: {}", d.number, d.target.display())).collect()
}

/// The number that was told, if it leads to the file.
fn must_be_told(seen: &Seen, seed: &Seed) -> i32 {
    let Seen { told, child, file, .. } = seen;
    let target = |number| child.descriptor(number).map(|d| d.target.as_path());
    let number = told.parse().unwrap_or(-1);
    let verdict = match target(number) {
        Some(target) if target == file => return number,
        _ if number < 0 => Verdict::new("The program was told no number.")
            .saw(format!("in its variable KEPT_FD stands {told:?}"))
            .ask("How does a program learn which of its descriptors is for it?"),
        None => Verdict::new(format!("What KEPT_FD says is closed in the program: {number}."))
            .ask("What has closed it, and when? Which flag says so, and in which process is it to be cleared?"),
        Some(target) => {
            Verdict::new(format!("What KEPT_FD says, {number}, leads to something else."))
                .saw(format!("to {}, and not to {}", target.display(), file.display()))
                .ask("Who chooses the number of a file that is opened, and what does it depend on?")
        }
    };
    verdict.saw_all(open("the program", child)).replay(seed).fail()
}

/// Fails unless the program has this file and its standard streams, and nothing else.
fn must_have_no_more(seen: &Seen, number: i32, seed: &Seed) {
    let Seen { child, program, file, .. } = seen;
    let streams = program.descriptors.iter().filter(|d| d.number <= 2);
    for (stream, name) in streams.zip(["standard input", "standard output", "standard error"]) {
        let found = child.descriptor(stream.number).map(|d| d.target.as_path());
        if found != Some(stream.target.as_path()) {
            Verdict::new(format!("The program has lost its {name}."))
                .saw_all(open("the program", child))
                .ask("Which numbers are taken already, and by whom?")
                .replay(seed)
                .fail();
        }
    }
    let mut extra = child.descriptors.iter().filter(|d| d.number > 2 && d.number != number);
    let Some(first) = extra.next() else { return };
    let verdict = if first.target == *file && extra.next().is_none() {
        Verdict::new("The program has the file, and it has it twice.")
            .ask("How many descriptors lead to the file in the child, and which of them does exec close?")
    } else {
        Verdict::new("The program has more open than the one file.")
            .ask("Whose are the others, and what would have closed them at the exec?")
    };
    verdict.saw_all(open("the program", child)).replay(seed).fail()
}

#[test]
fn the_program_has_the_file_and_nothing_else() {
    grader::worth(3);
    let mut seed = Seed::of("how many others");
    // Behind the last ones, the file has a number that does not fit into a byte.
    for others in [0, seed.random().u32(1..8), seed.random().u32(280..320)] {
        let seen = start(others);
        let number = must_be_told(&seen, &seed);
        must_have_no_more(&seen, number, &seed);
    }
}

#[test]
fn nobody_else_will_inherit_it() {
    grader::worth(2);
    let mut seed = Seed::of("nobody else");
    let seen = start(seed.random().u32(1..8));
    must_be_told(&seen, &seed);
    let is_kept = |target: &Path| target == seen.file;
    let own = seen.program.descriptors.iter().filter(|d| is_kept(&d.target));
    for descriptor in own {
        if descriptor.flags & nix::libc::O_CLOEXEC == 0 {
            Verdict::new("In your program itself the file is not close-on-exec any more: whoever it runs next inherits it.")
                .saw(format!("while the child runs, your program's descriptor {} leads to {}, and exec would keep it", descriptor.number, descriptor.target.display()))
                .ask("A child has descriptors of its own, with flags of their own. From which call on?")
                .replay(&seed)
                .fail();
        }
    }
    // Nor was it otherwise before, when nobody looked.
    let folder = Folder::new();
    let file = folder.put("kept", "one line\n");
    let run = Run::new(grader::program!("keep-one-fd")).arg("2").arg(&file).arg("true");
    let Some(recorded) = run.recorded().record() else { return };
    recorded.must(keep_close_on_exec(file.display().to_string()));
}

#[test]
fn the_parent_waits_and_relays_the_status() {
    grader::worth(1);
    let folder = Folder::new();
    let file = folder.put("kept", "one line\n");
    let mut seed = Seed::of("codes");
    // What a program gives up with is smaller, or 101.
    let code = seed.random().u8(20..100);
    let script = format!("exit {code}");
    let run = Run::new(grader::program!("keep-one-fd")).may_write(folder.path());
    let outcome = run.arg("2").arg(file).args(["sh", "-c", &script]).finish();
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(code.into()) {
        Verdict::new(format!("The program exited with {code}, and yours does not."))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Who waits for the child, and what is returned from `run_with`?")
            .replay(&seed)
            .fail();
    }
}
