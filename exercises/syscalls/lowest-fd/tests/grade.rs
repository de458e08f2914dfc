//! Where the numbers of `lowest-fd` must lead while it stands at its gate, and what it must have read.

use grader::{Descriptor, Exit, Folder, Gates, Outcome, Process, Run, Running, Seed, Verdict};
use nix::errno::Errno;
use std::path::Path;

/// A file that nobody has made.
const MISSING: &str = "missing.txt";

/// A file with random text.
fn file(folder: &Folder, seed: &mut Seed) -> (std::path::PathBuf, String) {
    let word: String = (0..12).map(|_| seed.random().alphabetic()).collect();
    let text = format!("the word is {word}\n");
    (folder.put(&format!("{}.txt", seed.random().u32(1000..10_000)), &text), text)
}

fn run(folder: &Folder, file: &Path, gate: &Gates) -> Run {
    arguments(Run::new(grader::program!("lowest-fd")), folder, file, gate)
}

fn arguments(run: Run, folder: &Folder, file: &Path, gate: &Gates) -> Run {
    // It needs no more than to read there; but one who opens for writing is to be told so, and not be refused.
    run.may_write(folder.path())
        .arg(file)
        .args(gate.paths())
        .stdin("this is the old standard input\n")
}

/// Where the program stands at its gate; or the verdict on what keeps it from coming there.
fn at_the_gate(running: &mut Running, gate: &mut Gates) -> Option<Process> {
    let there = running.until(|now| {
        // Once it has arrived, it holds the gate and reads: what is seen then stays so.
        let program = now.program()?;
        (gate.arrived() == 1 && waits_at_gate(program)).then(|| program.clone())
    });
    there.ok()
}

/// Whether it has the gate open and sleeps.
fn waits_at_gate(program: &Process) -> bool {
    program.blocked() && program.descriptors.iter().any(is_gate)
}

fn is_gate(descriptor: &Descriptor) -> bool {
    descriptor.target.file_name().is_some_and(|name| name == "gate-1")
}

/// Its descriptors, without the gate's: that one has got whichever number was free.
fn held(process: &Process) -> impl Iterator<Item = &Descriptor> {
    process.descriptors.iter().filter(|it| !is_gate(it))
}

/// What the grader has given to the program as its input.
fn is_old_input(descriptor: &Descriptor) -> bool {
    descriptor.target.to_string_lossy().starts_with("/memfd:stdin")
}

fn at(process: &Process, number: i32) -> Option<&Descriptor> {
    held(process).find(|it| it.number == number)
}

fn told(process: &Process) -> impl Iterator<Item = String> {
    held(process).map(|it| format!("{} leads to {}", it.number, it.target.display()))
}

fn never_came(running: Running) -> ! {
    let outcome = running.finish();
    outcome.must_end();
    Verdict::new("The program ended before it came to its gate.")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("Which call failed, and which numbers were open then?")
        .fail()
}

fn start() -> (Running, Process, Gates, std::path::PathBuf, String, Folder) {
    let mut seed = Seed::of("lowest-fd");
    let folder = Folder::new();
    let (path, text) = file(&folder, &mut seed);
    let mut gate = Gates::new(1);
    let mut running = run(&folder, &path, &gate).start();
    match at_the_gate(&mut running, &mut gate) {
        Some(stands) => (running, stands, gate, path, text, folder),
        None => never_came(running),
    }
}

#[test]
fn zero_leads_to_the_file() {
    grader::worth(2);
    let (_running, stands, _gate, path, ..) = start();
    let elsewhere = stands.descriptors.iter().find(|it| it.target == path && it.number != 0);
    let zero = at(&stands, 0);
    let verdict = match (zero, elsewhere) {
        (Some(zero), _) if zero.target == path => {
            let access = zero.flags & nix::libc::O_ACCMODE;
            if access == nix::libc::O_RDONLY && zero.offset == 0 {
                return;
            }
            if access == nix::libc::O_RDWR {
                Verdict::new("0 leads to FILE, and is open for writing, too: a FILE that may only be read could not be opened so.")
                    .ask("Who writes to a standard input, and which files may you only read?")
            } else if access == nix::libc::O_RDONLY {
                Verdict::new("0 leads to FILE, and not to its beginning any more.")
                    .saw(format!("the next read begins at byte {}", zero.offset))
                    .ask("Who has read from it, and whose are those bytes?")
            } else {
                Verdict::new("0 leads to FILE, and is not open for reading.")
                    .ask("What will the program do with its standard input?")
            }
        }
        (None, Some(found)) => {
            Verdict::new(format!("0 is closed, and FILE is at {}.", found.number)).ask(
                "Which numbers were free when the file was opened, and which of them did it get?",
            )
        }
        (None, None) => Verdict::new("0 is closed, and FILE is nowhere: it was closed again.")
            .ask("Who owned the descriptor, and what did that one do at its end?"),
        (Some(zero), _) if is_old_input(zero) => {
            Verdict::new("0 still leads where it led: nobody has made it free.")
                .ask("Which number does a file get that is opened now?")
        }
        (Some(zero), _) => {
            Verdict::new(format!("0 leads to {}, and not to FILE.", zero.target.display()))
                .ask("Which call gave 0 this meaning, and what is FILE's own descriptor?")
        }
    };
    verdict.saw_all(told(&stands)).fail()
}

#[test]
fn nothing_else_has_changed() {
    grader::worth(2);
    let (_running, stands, _gate, path, ..) = start();
    let leads = |number| at(&stands, number).map(|it| it.target.to_string_lossy());
    // A pipe each, of which the grader has the other end.
    let is_there = |number| leads(number).is_some_and(|to| to.starts_with("pipe:"));
    let verdict = if let Some(number) = [1, 2].into_iter().find(|number| !is_there(*number)) {
        Verdict::new(format!("{number} does not lead where it led."))
            .ask("Which number was to be made free, and which were?")
    } else if leads(1) == leads(2) {
        Verdict::new("1 and 2 lead to the same, and each of them led elsewhere.")
            .ask("Which number was to be given another meaning, and which one was?")
    } else if let Some(also) =
        stands.descriptors.iter().find(|it| it.target == path && it.number != 0)
    {
        Verdict::new(format!(
            "{} leads to FILE as well: who opened it there has not closed it.",
            also.number
        ))
        .ask("How many numbers lead to the file, and how many are needed?")
    } else if let Some(new) = held(&stands).find(|it| it.number > 2) {
        Verdict::new(format!("{} is open, that was not open before.", new.number))
            .ask("Who will close it, and when?")
    } else if at(&stands, 0).is_none_or(|it| it.target != path) {
        Verdict::new("0 does not lead to FILE.")
            .ask("Which number does a file get that is opened, and how long does it keep it?")
    } else {
        return;
    };
    verdict.saw_all(told(&stands)).fail()
}

#[test]
fn numbers_that_are_taken_stay_so() {
    grader::worth(1);
    let mut seed = Seed::of("taken");
    let folder = Folder::new();
    let (path, _) = file(&folder, &mut seed);
    let mut gate = Gates::new(1);
    // A shell that has 3 open, and becomes the program.
    let shell = Run::new("/bin/sh").args(["-c", r#"exec 3< /dev/null; exec "$@""#, "sh"]);
    let program = shell.arg(folder.put_program(grader::program!("lowest-fd")));
    let mut running = arguments(program, &folder, &path, &gate).start();
    let Some(stands) = at_the_gate(&mut running, &mut gate) else { never_came(running) };
    let leads = |number, to: &Path| at(&stands, number).is_some_and(|it| it.target == to);
    let verdict = if !leads(3, Path::new("/dev/null")) {
        Verdict::new("3 was open from the beginning, and does not lead where it led.")
            .ask("Which numbers were free, and who says which one `open` returns?")
    } else if !leads(0, &path) {
        Verdict::new("3 was open from the beginning, and 0 does not lead to FILE.")
            .ask("Which number has FILE got, and who says so?")
    } else if let Some(new) = held(&stands).find(|it| it.number > 3) {
        Verdict::new(format!("{} is open beside 3, and was not before.", new.number))
            .ask("Who will close it, and when?")
    } else {
        return;
    };
    verdict.saw_all(told(&stands)).fail()
}

#[test]
fn what_is_read_is_what_stands_in_the_file() {
    grader::worth(1);
    let (running, _, mut gate, path, text, _folder) = start();
    gate.open(1);
    let outcome = running.finish();
    outcome.must_end();
    let came = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // Whatever it has said of its own accord before.
    if std::fs::read(&path).ok().is_some_and(|now| now != text.as_bytes()) {
        Verdict::new("What stood in FILE is gone: it was emptied when it was opened.")
            .saw(format!("in FILE stood {text:?}, and the program read {came:?}"))
            .ask("For what is an input opened, and which flag of open(2) empties a file?")
            .fail();
    }
    if !came.ends_with(&text) || outcome.exit != Exit::Code(0) {
        Verdict::new("The program did not read what stands in FILE.")
            .saw(format!("in FILE stands {text:?}, and the program read {came:?}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Where does 0 lead when the program reads from it, and for what was that opened?")
            .fail();
    }
}

#[test]
fn a_file_that_is_not_there_is_reported() {
    grader::worth(1);
    let folder = Folder::new();
    let mut gate = Gates::new(1);
    let mut running = run(&folder, &folder.path().join(MISSING), &gate).start();
    if let Some(stands) = at_the_gate(&mut running, &mut gate) {
        let made = folder.read(MISSING).is_some();
        Verdict::new(if made {
            "FILE wasn't there, and the program has made it."
        } else {
            "FILE isn't there, and the program goes on as if it were."
        })
        .saw_all(told(&stands))
        .ask("What does open(2) answer, with which flags, and who is told?")
        .fail();
    }
    let outcome: Outcome = running.finish();
    outcome.must_end();
    if !outcome.reports(Errno::ENOENT) {
        Verdict::new("FILE isn't there, and the program ends otherwise than by reporting that.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which error does `become_input` return, and whose is it?")
            .fail();
    }
}
