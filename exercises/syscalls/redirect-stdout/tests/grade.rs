//! Where the words of a command must have gone that `redirect-stdout` becomes, and what that command must have found open.

use grader::facts::*;
use grader::{Call, Exit, Folder, Outcome, Process, Run, Seed, Verdict};
use nix::errno::Errno;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const FILE: &str = "output.txt";
/// Where FILE leads, when it is a link.
const TARGET: &str = "target.txt";
/// What stands in it before, where it is there.
const OLD: &str = "a longer text, which stood in the file before\n";

fn run(folder: &Folder) -> Run {
    let run = Run::new(grader::program!("redirect-stdout")).may_write(folder.path());
    run.arg(folder.path().join(FILE))
}

fn word(seed: &mut Seed) -> String {
    (0..12).map(|_| seed.random().alphabetic()).collect()
}

/// Fails unless `word`, and nothing else, stands in FILE, and it went nowhere else.
fn must_have_gone_there(folder: &Folder, outcome: &Outcome, word: &str, seed: &Seed) {
    must_have_gone(folder.read(FILE), outcome, word, seed);
}

/// The same for what stands in FILE, or where it leads.
fn must_have_gone(file: Option<Vec<u8>>, outcome: &Outcome, word: &str, seed: &Seed) {
    outcome.must_end();
    let line = format!("{word}\n").into_bytes();
    let old = &OLD.as_bytes()[OLD.len() / 2..];
    let verdict = match &file {
        Some(bytes) if *bytes == line && outcome.stdout.is_empty() => return,
        _ if outcome.stdout == line => {
            Verdict::new("What the command wrote went where it went before: 1 has not changed its meaning.")
                .ask("dup(2), on dup2(oldfd, newfd): which of the two numbers means something else afterwards?")
        }
        None => Verdict::new("FILE was not there, and is not made.")
            .ask("open(2), ERRORS, on ENOENT: which flag makes a file?"),
        Some(bytes) if bytes.is_empty() => {
            Verdict::new("What the command wrote went nowhere: when it began, it could not write to 1.")
                .ask("Which descriptors does an exec close, and for what was this one opened?")
        }
        Some(bytes) if bytes == OLD.as_bytes() => {
            Verdict::new("What stood in FILE before is still there, and nothing was written: FILE was not opened for that.")
                .ask("What does open(2) do with a file that is there already, with which flags?")
        }
        Some(bytes) if bytes.windows(old.len()).any(|part| part == old) => {
            Verdict::new("What stood in FILE before is still there.")
                .ask("Which flag of open(2) empties a file, and which one goes to its end?")
        }
        Some(bytes) if *bytes == line => {
            Verdict::new("The command's words are in FILE, and the program has said something where 1 led before.")
                .ask("Who writes to 1, and when is that written which std still keeps?")
        }
        Some(_) => Verdict::new("Something else stands in FILE than what the command wrote.")
            .ask("Who writes to 1?"),
    };
    let there = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    verdict
        .saw(format!("the command was `echo {word}`"))
        .saw(
            there.map_or_else(
                || "FILE isn't there".into(),
                |text| format!("in FILE stands {text:?}"),
            ),
        )
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}

#[test]
fn what_the_command_writes_goes_into_the_file() {
    grader::worth(2);
    let mut seed = Seed::of("new file");
    let (folder, word) = (Folder::new(), word(&mut seed));
    let outcome = run(&folder).args(["/bin/echo", &word]).finish();
    must_have_gone_there(&folder, &outcome, &word, &seed);
    let made = fs::metadata(folder.path().join(FILE)).expect("it was read a moment ago");
    let mode = made.permissions().mode() & 0o777;
    if mode & 0o600 != 0o600 {
        Verdict::new("FILE is made so that not even its owner may read and write it.")
            .saw(format!("its mode is {mode:03o}"))
            .ask("open(2), on `mode`: who may do what with a file that is made?")
            .fail();
    }
}

#[test]
fn what_stood_there_before_is_gone() {
    grader::worth(1);
    let mut seed = Seed::of("old file");
    let (folder, word) = (Folder::new(), word(&mut seed));
    folder.put(FILE, OLD);
    let outcome = run(&folder).args(["/bin/echo", &word]).finish();
    must_have_gone_there(&folder, &outcome, &word, &seed);
}

#[test]
fn a_file_is_emptied_and_not_replaced() {
    grader::worth(1);
    let mut seed = Seed::of("link");
    let (folder, word) = (Folder::new(), word(&mut seed));
    let target = folder.put(TARGET, OLD);
    let link = folder.path().join(FILE);
    symlink(&target, &link).expect("a link in our folder");
    let outcome = run(&folder).args(["/bin/echo", &word]).finish();
    outcome.must_end();
    let now = String::from_utf8_lossy(&fs::read(&target).unwrap_or_default()).into_owned();
    let refused = String::from_utf8_lossy(&outcome.stderr).contains("(os error 40)");
    let verdict = if outcome.exit == Exit::Code(1) && refused {
        Verdict::new("FILE is a symbolic link to a file, and the program does not follow it.")
            .ask("What does open(2) do with a link, and which flag forbids it?")
    } else if now == OLD && !fs::symlink_metadata(&link).is_ok_and(|it| it.is_symlink()) {
        Verdict::new("Another file stands in FILE's place: what was there has its old text, and nobody writes to it.")
            .ask("Who else may know that file, by another name or by a descriptor? And which flag empties a file?")
    } else {
        return must_have_gone(folder.read(TARGET), &outcome, &word, &seed);
    };
    verdict
        .saw(format!("FILE was a symbolic link to {TARGET}, and there stands {now:?}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

#[test]
fn numbers_that_are_taken_stay_so() {
    grader::worth(1);
    let mut seed = Seed::of("taken");
    let (folder, word) = (Folder::new(), word(&mut seed));
    // A shell that has 3 open, and becomes the program.
    let shell = Run::new("/bin/sh").args(["-c", r#"exec 3< /dev/null; exec "$@""#, "sh"]);
    let run =
        shell.may_write(folder.path()).arg(folder.put_program(grader::program!("redirect-stdout")));
    let run = run.arg(folder.path().join(FILE)).args(["/bin/sh", "-c"]);
    let outcome = run.arg(format!("echo {word}; [ -e /proc/self/fd/3 ]")).finish();
    outcome.must_end();
    let line = format!("{word}\n").into_bytes();
    let verdict = if folder.read(FILE).is_some_and(|text| text != line) {
        Verdict::new("3 was open from the beginning, and 1 does not lead to FILE in the command.")
            .ask("Which number has FILE got, and who says so?")
    } else if outcome.exit != Exit::Code(0) {
        Verdict::new("3 was open from the beginning, and the command does not find it.")
            .ask("Which numbers has the program made itself, and which were there?")
    } else {
        return must_have_gone_there(&folder, &outcome, &word, &seed);
    };
    verdict.saw(outcome.ending()).saw_all(outcome.complaint()).fail()
}

/// A command that has begun and stays; `None`: this machine doesn't show that.
fn command(folder: &Folder) -> Option<Process> {
    // It looks at none of its descriptors, and is still there when the test is over.
    let mut running = run(folder).args(["/bin/sleep", "1000"]).start();
    let stays = running.until(|now| {
        let program = now.program()?;
        let stays = program.name == "sleep" && program.sleeping_for_time();
        (stays || program.call == Call::Hidden).then(|| program.clone())
    });
    match stays {
        Ok(stays) => Some(stays).filter(|program| program.call != Call::Hidden),
        Err(_) => {
            let outcome = running.finish();
            if outcome.snapshot.others().count() > 0 {
                Verdict::new("The command runs in another process: this one was to become it.")
                    .saw_all(outcome.snapshot.explain())
                    .ask("Whose descriptors should `redirect` change, and who runs COMMAND after that?")
                    .fail();
            }
            outcome.must_end();
            Verdict::new("The command was not run, or ended at once.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What does `redirect` return, and what did the command find?")
                .fail()
        }
    }
}

#[test]
fn the_command_finds_one_number_that_leads_there() {
    grader::worth(2);
    let folder = Folder::new();
    let Some(stands) = command(&folder) else {
        return grader::skip(
            "where the command's numbers lead",
            "/proc/PID/syscall cannot be read",
        );
    };
    let file = folder.path().join(FILE);
    let held = || stands.descriptors.iter();
    let leads = |number, path: &Path| held().any(|it| it.number == number && it.target == path);
    let other = held().find(|it| it.number != 1 && it.target == file);
    let verdict = if held().all(|it| it.number != 1) {
        Verdict::new("1 was gone at the exec: it was closed before, or marked close-on-exec.")
            .ask("Which calls mark a descriptor that they make, and does dup2 copy the mark? And who owned 1 when `redirect` returned?")
    } else if let Some(other) = other.filter(|it| it.number == 0 || it.number == 2) {
        Verdict::new(format!("{} does not lead where it led, but to FILE.", other.number))
            .ask("Which number was to be led elsewhere?")
    } else if let Some(other) = other.filter(|_| leads(1, &file)) {
        Verdict::new(format!(
            "The command inherits one descriptor too many: FILE is at {} as well.",
            other.number
        ))
        .ask("Who owns that number, and when is it closed?")
    } else if let Some(other) = other {
        Verdict::new(format!("1 leads where it led, and FILE is at {}.", other.number))
            .ask("Which call lets you choose the number of a duplicate?")
    } else if !leads(1, &file) {
        Verdict::new("No number of the command's leads to FILE.")
            .ask("Where does 1 lead, and which number did the last call give another meaning?")
    } else if let Some(other) = held().find(|it| it.number > 2) {
        Verdict::new(format!("The command inherits one descriptor too many: {}.", other.number))
            .ask("Who made it, and who was to close it?")
    } else {
        return the_others_must_lead_where_they_led();
    };
    let told =
        held().map(|it| format!("in the command, {} leads to {}", it.number, it.target.display()));
    verdict.saw_all(told).fail()
}

/// Fails unless a command reads from 0 what was put there, and what it writes to 2 comes out there.
fn the_others_must_lead_where_they_led() {
    let mut seed = Seed::of("0 and 2");
    let (folder, word) = (Folder::new(), word(&mut seed));
    let command = r#"read -r line; echo "read: $line" >&2"#;
    let run = run(&folder).args(["/bin/sh", "-c", command]).stdin(format!("{word}\n"));
    let outcome = run.finish();
    outcome.must_end();
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    let number = match (said.contains("read: "), said.contains(&word)) {
        (_, true) => return,
        (true, false) => 0,
        (false, false) => 2,
    };
    Verdict::new(format!("{number} does not lead where it led."))
        .saw(format!("the input was {word:?}, and the command: sh -c {command:?}"))
        .saw(format!("on standard error came {said:?}"))
        .saw(outcome.ending())
        .ask("Which number was to be led elsewhere, and which ones were not?")
        .replay(&seed)
        .fail()
}

#[test]
fn one_is_led_to_the_file_and_nothing_else_survives() {
    grader::worth(1);
    let folder = Folder::new();
    let Some(seen) = run(&folder).arg("/bin/true").recorded().record() else {
        return;
    };
    let from_one = |step: &&grader::Seen| {
        [" calls dup2(1, ", " calls dup3(1, "].iter().any(|call| step.sentence.contains(call))
    };
    let ends = seen.steps.iter().filter_map(|step| step.open.as_ref());
    let leads = ends.flatten().any(|it| it.number == 1 && Path::new(&it.leads_to).ends_with(FILE));
    if !leads && let Some(step) = seen.steps.iter().find(from_one) {
        Verdict::new("This call has its arguments the other way round: it gives the file's number the meaning of 1.")
            .saw(step.to_string())
            .ask("Which of dup2's two arguments is closed first, and then means something else?")
            .fail();
    }
    seen.outcome.must_end();
    seen.must(have_open_at_exec(&[0, 1, 2])).must(exit_with(0));
}

#[test]
fn a_file_that_cannot_be_made_is_reported() {
    grader::worth(1);
    let folder = Folder::new();
    let missing = folder.path().join("no-such-folder").join(FILE);
    let run = Run::new(grader::program!("redirect-stdout")).may_write(folder.path());
    let outcome = run.arg(missing).args(["/bin/echo", "hello"]).finish();
    outcome.must_end();
    if !outcome.stdout.is_empty() || !outcome.reports(Errno::ENOENT) {
        Verdict::new("FILE can't be made, and the program does otherwise than to report that.")
            .saw(outcome.ending())
            .saw(format!("on standard output: {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw_all(outcome.complaint())
            .ask("What does `redirect` return, and where does 1 lead by then?")
            .fail();
    }
}
