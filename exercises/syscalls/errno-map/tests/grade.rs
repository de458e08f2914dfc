//! By which code `errno-map` must have told what the kernel answered.

use grader::facts::{close_nothing_twice, leave_open_only, survive_eintr};
use grader::{Exit, Folder, Injection, Outcome, Recorded, Run, Seed, Seen, Verdict};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// The codes, and what each of them stands for.
const CODES: [(i32, &str); 5] =
    [(0, "success"), (66, "ENOENT"), (77, "EACCES"), (75, "EMFILE"), (74, "anything else")];
/// How often the errors occur here that have the code 74: their own numbers.
const NUMBERS: [(&str, i32); 10] = [
    ("EPERM", 1),
    ("ENOENT", 2),
    ("ENXIO", 6),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("ENOTDIR", 20),
    ("ENFILE", 23),
    ("EMFILE", 24),
    ("ENAMETOOLONG", 36),
    ("ELOOP", 40),
];

fn run(path: &Path) -> Run {
    Run::new(grader::program!("errno-map")).arg(path)
}

fn name(seed: &mut Seed) -> String {
    (0..8).map(|_| seed.random().alphabetic()).collect()
}

/// The code that stands for this answer of the kernel's.
fn code_of(answer: &str) -> i32 {
    CODES.iter().find(|(_, it)| *it == answer).map_or(74, |(code, _)| *code)
}

/// Whether it has said that a file can't be opened; it may say other things as well.
fn announces(outcome: &Outcome) -> bool {
    String::from_utf8_lossy(&outcome.stderr).contains("cannot open")
}

/// Fails unless the program has told by its code what the kernel said, and announced it.
fn must_tell(outcome: &Outcome, said: &str) {
    outcome.must_end();
    let announced = announces(outcome);
    let code = match outcome.exit {
        Exit::Code(code) => code,
        _ => -1,
    };
    let own = NUMBERS.iter().find(|(name, _)| *name == said).map(|(_, number)| *number);
    let stands_for = CODES.iter().find(|(it, _)| *it == code).map(|(_, name)| *name);
    let verdict = if said == "success" && (code != 0 || announced) {
        Verdict::new(
            "The file may be read, and the program tells of an error, though no opening for reading fails.",
        )
        .ask("For what was it to be opened? Which answer of open says that it has failed, and does a success set errno to 0?")
    } else if code == code_of(said) && (announced || code == 0) {
        return;
    } else if code == code_of(said) {
        Verdict::new("The file can't be opened, and the program says nothing of it.")
            .ask("Who calls `announce`?")
    } else if code == 0 {
        Verdict::new(format!(
            "The file can't be opened, and the program says that it was. Who opens it is told {said}."
        ))
        .ask("Which call has the program asked, and was that one the opening?")
    } else if own == Some(code) {
        Verdict::new(format!("The program exits with {code}, the error's own number."))
            .ask("What does a script know of errno's numbers, and which codes are in the table?")
    } else if code == 74 {
        Verdict::new(format!("Who opens it for reading is told {said}, and the program tells of something else (74)."))
            .ask("Which code stands for that in the table? And which calls were made between the failure and the question for its reason, `announce` included?")
    } else {
        let meaning = stands_for.unwrap_or("nothing in the table");
        Verdict::new(format!(
            "Who opens it for reading is told {said}, and the program exits with {code}, which stands for {meaning}."
        ))
        .ask("For what was it to be opened? And what does the program decide by: a number, words, or a guess?")
    };
    verdict
        .saw(format!(
            "an opening for reading has this answer: {said}; expected was exit code {}",
            code_of(said)
        ))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

#[test]
fn what_was_opened_is_closed_again() {
    grader::worth(1);
    let folder = Folder::new();
    let file = folder.put("file", "text");
    let Some(seen) = run(&file).recorded().record() else { return };
    must_tell(&seen.outcome, "success");
    seen.must(leave_open_only(&[0, 1, 2])).must(close_nothing_twice());
    // Whatever is made of its answer: a close that was interrupted is not made again.
    let interrupted = Injection::fail("close:1=EINTR").expect("it is well written");
    let Some(seen) = run(&file).recorded().inject(interrupted).record() else { return };
    seen.must(survive_eintr());
}

/// A file that nobody may read.
fn closed(folder: &Folder, name: &str) -> std::path::PathBuf {
    let path = folder.put(name, "a secret");
    fs::set_permissions(&path, Permissions::from_mode(0)).expect("it is our file");
    path
}

/// The same, where the program may read everything all the same.
fn is_beyond_permissions(outcome: &Outcome) -> bool {
    let beyond = outcome.exit == Exit::Code(0) && !announces(outcome);
    if beyond {
        grader::skip("a file that may not be read", "here, the program may read every file");
    }
    beyond
}

#[test]
fn what_can_be_opened_is_and_what_is_not_there_is_not() {
    grader::worth(1);
    let mut seed = Seed::of("there");
    let folder = Folder::new();
    let (there, missing) = (name(&mut seed), name(&mut seed));
    // Nobody has asked for what stands in it.
    must_tell(&run(&folder.put(&there, [0xff, 0xfe])).finish(), "success");
    must_tell(&run(&folder.path().join(missing)).finish(), "ENOENT");
    // A folder can be opened for reading, too: what counts is what the kernel says.
    must_tell(&run(folder.path()).finish(), "success");
    let no_link = Verdict::new(
        "A symbolic link leads to a file that may be read, and the program does not follow it.",
    );
    let follow = no_link.ask("What does open(2) do with a link, and which flag forbids it?");
    must_open(&folder, &there, name(&mut seed).as_ref(), follow);
    let no_text = Verdict::new(
        "A file may be read whose name is no UTF-8, and the program does not open it.",
    );
    let bytes = no_text.ask("Of what is a path made, and what is left of it in a `String`?");
    must_open(&folder, &there, OsStr::from_bytes(b"caf\xe9"), bytes);
}

/// Fails with that unless the file is opened under this name as well, which is a link's.
fn must_open(folder: &Folder, file: &str, name: &OsStr, otherwise: Verdict) {
    let link = folder.path().join(name);
    symlink(file, &link).expect("a link in our folder");
    let outcome = run(&link).finish();
    outcome.must_end();
    if outcome.exit != Exit::Code(0) {
        otherwise.saw(outcome.ending()).saw_all(outcome.complaint()).fail();
    }
    must_tell(&outcome, "success");
}

#[test]
fn who_may_not_and_who_has_no_number_left_are_told_apart() {
    grader::worth(2);
    let mut seed = Seed::of("refused");
    let folder = Folder::new();
    let outcome = run(&closed(&folder, &name(&mut seed))).finish();
    if !is_beyond_permissions(&outcome) {
        must_tell(&outcome, "EACCES");
    }
    must_tell(&run(&folder.put(&name(&mut seed), "text")).arg("3").finish(), "EMFILE");
}

#[test]
fn other_errors_are_others_though_they_sound_alike() {
    grader::worth(2);
    let mut seed = Seed::of("others");
    let folder = Folder::new();
    let file = folder.put(&name(&mut seed), "text");
    must_tell(&run(&file.join("beneath")).finish(), "ENOTDIR");
    // Its words: no such device or address.
    let socket = folder.path().join(name(&mut seed));
    let _listener = UnixListener::bind(&socket).expect("a socket in our folder");
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("it is our socket");
    must_tell(&run(&socket).finish(), "ENXIO");
    // There is something of that name, and it leads round in a circle.
    let circle = folder.path().join(name(&mut seed));
    symlink(&circle, &circle).expect("a link in our folder");
    must_tell(&run(&circle).finish(), "ELOOP");
    must_tell(&run(&folder.path().join("n".repeat(300))).finish(), "ENAMETOOLONG");
}

#[test]
fn what_the_kernel_seldom_says_is_another_error() {
    grader::worth(1);
    let mut seed = Seed::of("seldom");
    let folder = Folder::new();
    let file = folder.put(&name(&mut seed), "text");
    // In words: too many open files in system; operation not permitted, which std puts together with EACCES; cannot allocate memory.
    for error in ["ENFILE", "EPERM", "ENOMEM"] {
        let fails = ["open", "openat", "openat2"]
            .map(|call| Injection::fail(&format!("{call}:1={error}")).expect("it is well written"));
        let recording = fails.into_iter().fold(run(&file).recorded(), grader::Recording::inject);
        let Some(seen) = recording.record() else { return };
        must_not_open_again(&seen, error);
        must_tell(&seen.outcome, error);
    }
}

/// Fails if a file was opened after one of the openings has failed, and the program tells of that.
fn must_not_open_again(seen: &Recorded, error: &str) {
    let is_open = |step: &&Seen| step.returns().is_some_and(|call| call.starts_with("open"));
    let opens: Vec<_> = seen.steps.iter().filter(is_open).collect();
    let failed = opens.iter().position(|step| step.sentence.contains(error));
    let after = failed.map(|at| &opens[at..]).unwrap_or_default();
    if seen.outcome.exit == Exit::Code(0) && after.iter().any(|step| step.result().is_some()) {
        Verdict::new(format!("An opening has failed with {error}, and the program opens once more instead of telling that."))
            .saw_all(after.iter().map(ToString::to_string))
            .saw(seen.outcome.ending())
            .ask("How many openings were asked for, and who is to decide what is done about one that has failed?")
            .fail();
    }
}

#[test]
fn a_name_is_no_reason() {
    grader::worth(2);
    let folder = Folder::new();
    let name = "No such file or directory, Permission denied, Too many open files";
    let missing = format!("{name}, not there");
    let cases = [
        (run(&folder.path().join(missing)).finish(), "ENOENT"),
        (run(&folder.put("Permission denied: No such file", "text")).arg("3").finish(), "EMFILE"),
        (run(&closed(&folder, name)).finish(), "EACCES"),
    ];
    for (outcome, said) in cases {
        outcome.must_end();
        if said == "EACCES" && is_beyond_permissions(&outcome) {
            continue;
        }
        let others = CODES.iter().filter(|(_, other)| *other != said && *other != "success");
        if others.into_iter().any(|(code, _)| outcome.exit == Exit::Code(*code) && *code != 74) {
            Verdict::new(format!(
                "Who opens it for reading is told {said}, and the program is misled by the name of the file."
            ))
            .saw(format!("expected was exit code {}", code_of(said)))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Whose words does the program look at, and for whom are they meant?")
            .fail();
        }
        must_tell(&outcome, said);
    }
}
