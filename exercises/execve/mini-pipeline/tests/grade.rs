//! What `mini-pipeline` must make of `A | B > FILE`: two programs at once, with a pipe between them that nobody else holds.

use grader::{
    Descriptor, Exit, Folder, Gates, Interrupted, Outcome, Process, Run, Running, Seed, Snapshot,
    Verdict,
};
use std::path::Path;

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

/// What this descriptor leads to, in words.
fn leads_to(descriptor: Option<&Descriptor>) -> String {
    descriptor.map_or_else(|| "nothing: it is closed".into(), |d| d.target.display().to_string())
}

/// The program and its two children, each of which stands at a gate that is open as one of its descriptors.
struct Family<'a> {
    program: &'a Process,
    first: &'a Process,
    second: &'a Process,
}

impl Family<'_> {
    fn of<'a>(now: &'a Snapshot, gates: &[&Path; 2]) -> Option<Family<'a>> {
        let holder = |gate: &Path| {
            now.others().find(|p| p.blocked() && p.descriptors.iter().any(|d| d.target == gate))
        };
        let program = now.program().filter(|p| p.blocked())?;
        Some(Family { program, first: holder(gates[0])?, second: holder(gates[1])? })
    }
}

/// A process's descriptors but for the gate that it has opened itself.
fn given<'a>(process: &'a Process, gate: &Path) -> Vec<&'a Descriptor> {
    process.descriptors.iter().filter(|d| d.target != gate).collect()
}

fn told(verdict: Verdict, whose: &str, open: &[&Descriptor]) -> Verdict {
    let lines = open.iter().map(|d| {
        let way = if d.writable { "to write" } else { "to read" };
        format!("{whose} has descriptor {} {way}: {}", d.number, d.target.display())
    });
    verdict.saw_all(lines)
}

/// Fails unless each of the three holds what it should.
fn must_hold_no_more(now: &Snapshot, family: &Family, gates: &[&Path; 2], file: &Path) {
    let Family { program, first, second } = family;
    let (of_first, of_second) = (given(first, gates[0]), given(second, gates[1]));
    let at =
        |open: &[&Descriptor], number| open.iter().find(|d| d.number == number).copied().cloned();
    let [output, input, result] = [at(&of_first, 1), at(&of_second, 0), at(&of_second, 1)];
    for (open, who, what, number) in [
        (&output, "first", "output", 1),
        (&input, "second", "input", 0),
        (&result, "second", "output", 1),
    ] {
        if open.is_none() {
            Verdict::new(format!("The {who} program starts with its standard {what} closed."))
                .saw(format!("its descriptor {number} leads to {}", leads_to(open.as_ref())))
                .ask("What does dup2 do with close-on-exec, what does dup3 do with it, and what does exec do?")
                .fail();
        }
    }
    let (pipe, end) = match (&output, &input) {
        (Some(output), Some(input)) => (&output.target, input),
        _ => return,
    };
    let swapped = |open: &[&Descriptor], number: i32| {
        let own = open.iter().find(|d| d.number == number);
        open.iter().any(|d| d.number > 2 && own.is_some_and(|own| own.target == d.target))
    };
    let misplaced = [
        (pipe.to_string_lossy().starts_with("pipe:") && *pipe == end.target, &of_first, 1, "first"),
        (*pipe == end.target, &of_second, 0, "second"),
        (result.as_ref().is_some_and(|d| d.target == file), &of_second, 1, "second"),
    ];
    for (holds, open, number, who) in misplaced {
        if holds {
            continue;
        }
        let verdict = if swapped(open, number) {
            Verdict::new(format!(
                "The {who} program's descriptor {number} is as it was, and another one is its copy: as if dup2's two arguments had changed places."
            ))
            .ask("dup2(2): which of the two numbers means something else afterwards?")
        } else {
            Verdict::new(format!(
                "What should be the {who} program's descriptor {number} has not got to its place."
            ))
            .ask("Which descriptors were open when dup2 was called, and what did it return?")
        };
        told(told(verdict, "the first", &of_first), "the second", &of_second).fail();
    }
    // What nobody was to change is as it is in your program.
    for (open, who, number, what) in [
        (&of_first, "first", 0, "input"),
        (&of_first, "first", 2, "error"),
        (&of_second, "second", 2, "error"),
    ] {
        let before = program.descriptor(number).map(|d| &d.target);
        if at(open, number).as_ref().map(|d| &d.target) != before {
            told(Verdict::new(format!("The {who} program has another standard {what} than your program.")), "it", open)
                .saw(format!("your program's descriptor {number} leads to {}", leads_to(program.descriptor(number))))
                .ask("Which three descriptors does the pipeline replace, of all the six that the two programs have?")
                .fail();
        }
    }
    for (process, who) in [(first, "first"), (second, "second")] {
        if process.parent != program.pid {
            Verdict::new(format!("The {who} program is no child of yours: somebody else runs it."))
                .saw(format!("it is a child of pid {}; your program is pid {}", process.parent, program.pid))
                .ask("Who makes the pipe, and who starts the two? What is left for your program to do?")
                .fail();
        }
    }
    // Each process's own copies of the ends.
    let writes = |open: &[&Descriptor]| open.iter().any(|d| d.writable && d.target == *pipe);
    let reads = |open: &[&Descriptor]| open.iter().any(|d| !d.writable && d.target == *pipe);
    let of_program: Vec<&Descriptor> = program.descriptors.iter().collect();
    if writes(&of_second) {
        told(
            Verdict::new(
                "The second program could write to the pipe that it reads: it waits for itself.",
            ),
            "it",
            &of_second,
        )
        .ask("When is a pipe at its end, and whose copy of the write end was this one before?")
        .fail();
    }
    if writes(&of_program) {
        told(Verdict::new(format!("{} holds a write end of the pipe that the second program reads: its end will not come.", now.title(program))), "it", &of_program)
            .ask("When is a pipe at its end, and who needs this end of it?")
            .fail();
    }
    if reads(&of_program) {
        told(Verdict::new("The first program can't be told when the second one is gone: there is another reader, your program."), "it", &of_program)
            .ask("When does a writer get SIGPIPE, and who needs this end of the pipe?")
            .fail();
    }
    for (who, open) in [("first", &of_first), ("second", &of_second)] {
        if open.iter().any(|d| d.number > 2) {
            told(
                Verdict::new(format!("The {who} program has more open than it should.")),
                "it",
                open,
            )
            .ask("Which descriptors does exec close, and which of these has which flag?")
            .fail();
        }
    }
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
    let folder = Folder::new();
    let mut seed = Seed::of("codes");
    let (first, second) = (seed.random().u8(3..60), seed.random().u8(60..120));
    let scripts = [format!("exit {first}"), format!("cat; exit {second}")];
    let outcome =
        pipeline(&folder, &["sh", "-c", &scripts[0]], &["sh", "-c", &scripts[1]]).finish();
    outcome.must_end();
    outcome.must_leave_nobody();
    let code = match outcome.exit {
        Exit::Code(code) if code == i32::from(second) => return,
        Exit::Code(code) => code,
        _ => -1,
    };
    let cause = format!("The second program exited with {second}, and yours does not.");
    let verdict = if code == i32::from(first) {
        Verdict::new(format!("{cause} That is the first program's code."))
    } else {
        Verdict::new(cause)
    };
    verdict
        .saw(format!("the first exited with {first}, the second with {second}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("What does a shell's `$?` tell after a pipeline, and which pid is whose?")
        .replay(&seed)
        .fail();
}
