//! The program and what it runs, side by side: what each of them has open.

use grader::{Descriptor, Process, Snapshot, Verdict};
use std::path::Path;

/// What this descriptor leads to, in words.
fn leads_to(descriptor: Option<&Descriptor>) -> String {
    descriptor.map_or_else(|| "nothing: it is closed".into(), |d| d.target.display().to_string())
}

/// The program and its two children, each of which stands at a gate that is open as one of its descriptors.
pub(crate) struct Family<'a> {
    pub(crate) program: &'a Process,
    pub(crate) first: &'a Process,
    pub(crate) second: &'a Process,
}

impl Family<'_> {
    pub(crate) fn of<'a>(now: &'a Snapshot, gates: &[&Path; 2]) -> Option<Family<'a>> {
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
pub(crate) fn must_hold_no_more(now: &Snapshot, family: &Family, gates: &[&Path; 2], file: &Path) {
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
    if [pipe, &end.target].into_iter().all(|it| it.to_string_lossy().starts_with("socket:")) {
        let verdict = Verdict::new("What connects the two programs is a pair of sockets, and no pipe.")
            .ask("open(2): what does a program get that opens its input once more, as /dev/stdin, when that is a socket?");
        told(told(verdict, "the first", &of_first), "the second", &of_second).fail();
    }
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
