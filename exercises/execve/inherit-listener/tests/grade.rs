//! What a server that hands over must keep: its socket, and with it everybody who waits there.
//!
//! The test is the client. It connects to the old program, which never accepts it; then the old one passes its gate, and its
//! successor runs somebody who stands at the second gate while the descriptors of all are looked at.

mod kept;

use grader::{
    Descriptor, Exit, Folder, Gates, Interrupted, Outcome, Process, Run, Running, Snapshot, State,
    Verdict,
};
use kept::{must_accept_from, must_be_open_at_exec, must_take_what_it_was_told, was_told};
use nix::libc::O_NONBLOCK;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The moment in which somebody whom the successor runs stands at the second gate.
struct Moment {
    running: Running,
    second_gate: Gates,
    folder: Folder,
    now: Snapshot,
    /// The old program's listening socket.
    socket: PathBuf,
    successor: Process,
    somebody: Process,
    /// What `sh` was told in `LISTENER_FD`.
    told: String,
    /// The client that has connected to the old program.
    client: UnixStream,
}

fn connect(folder: &Folder, when: &str) -> UnixStream {
    UnixStream::connect(folder.path().join("socket")).unwrap_or_else(|error| {
        Verdict::new(format!("A client that connects {when} is refused."))
            .saw(format!("connect(2): {error}"))
            .ask("Who holds the listening socket at that moment, and does the path lead there?")
            .fail()
    })
}

fn listening(process: &Process) -> impl Iterator<Item = &Path> {
    let open = process.descriptors.iter().map(|d| d.target.as_path());
    open.filter(|to| to.to_string_lossy().starts_with("socket:"))
}

/// The old program's socket, when it stands at its gate.
fn bound(running: &mut Running, gate: &mut Gates) -> Result<PathBuf, Interrupted> {
    running.line()?;
    running.until(|now| {
        let socket =
            now.program().and_then(|program| listening(program).next().map(Path::to_owned));
        socket.filter(|_| gate.arrived() == 1)
    })
}

/// Number 3 is what the first file gets that a program opens: here it may be taken when the old program begins.
fn hand_over(three_is_taken: bool) -> Moment {
    let folder = Folder::new();
    let (mut gate, mut second_gate) = (Gates::new(1), Gates::new(1));
    // It may go by its path when it runs itself again.
    let program = folder.put_program(grader::program!("inherit-listener"));
    let run = if three_is_taken {
        let shell = Run::new("/bin/sh").args(["-c", r#"exec 3< /dev/null; exec "$0" "$@""#]);
        shell.arg(program)
    } else {
        Run::new(program)
    };
    let run = run.may_write(folder.path());
    let run = run.arg(folder.path().join("socket")).args(gate.paths()).args(second_gate.paths());
    let mut running = run.start();
    let socket = match bound(&mut running, &mut gate) {
        Ok(socket) => socket,
        Err(_) => {
            let outcome = running.finish();
            outcome.must_end();
            Verdict::new("The old program did not come to its gate.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What does `inherited` return to a program for which nothing was left?")
                .fail()
        }
    };
    let client = connect(&folder, "to the old program");
    gate.open(1);
    let second = second_gate.paths()[0].clone();
    let told = match running.line_after("[sh] LISTENER_FD=") {
        Ok(told) => told,
        Err(_) => never_served(running),
    };
    let mut stands = false;
    let found = running.until(|now| {
        // Looked at only when it stands there already.
        if !std::mem::replace(&mut stands, second_gate.arrived() == 1) {
            return None;
        }
        let at_gate =
            |p: &&Process| p.blocked() && p.descriptors.iter().any(|d| d.target == second);
        let somebody = now.processes.iter().find(at_gate)?;
        let successor = now.get(somebody.parent).filter(|p| p.blocked())?;
        Some((now.clone(), successor.clone(), somebody.clone()))
    });
    let Ok((now, successor, mut somebody)) = found else { never_served(running) };
    somebody.descriptors.retain(|d| d.target != second);
    Moment { running, second_gate, folder, now, socket, successor, somebody, told, client }
}

fn never_served(running: Running) -> ! {
    let outcome = running.finish();
    must_be_open_at_exec();
    outcome.must_end();
    outcome.must_leave_nobody();
    Verdict::new("The new program did not come to serve.")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .saw_all(
            String::from_utf8_lossy(&outcome.stdout)
                .lines()
                .map(|line| format!("it said {line:?}")),
        )
        .ask("What was left for it, how does it learn of that, and what did it try instead?")
        .fail()
}

fn open(who: &str, process: &Process) -> Vec<String> {
    let descriptors = process.descriptors.iter();
    let line = |(number, target): (i32, &Path)| {
        format!("{who}, pid {}, has {number} open: {}", process.pid, target.display())
    };
    descriptors.map(|d| line((d.number, &d.target))).collect()
}

/// Fails unless it is another process than the old one, with the old one's socket.
fn must_be_the_same_socket(moment: &Moment) {
    let Moment { now, socket, successor, .. } = moment;
    if successor.pid == now.program {
        Verdict::new(
            "The old program has replaced itself: there is no child, and nobody to go back to.",
        )
        .saw(format!("pid {} was the old program, and is the new one", successor.pid))
        .ask("If the new one fails now, who serves?")
        .fail();
    }
    if successor.parent != now.program {
        Verdict::new(
            "The new program is not the old one's own child: somebody stands between them.",
        )
        .saw(format!(
            "the old program is pid {}, the new one's parent is pid {}",
            now.program, successor.parent
        ))
        .ask("What does a fork within a child make, and who can wait for that?")
        .fail();
    }
    if listening(successor).any(|target| target == socket) {
        return;
    }
    let verdict = match listening(successor).next() {
        Some(other) => Verdict::new("The new program has a socket of its own, and not the old one's.")
            .saw(format!("the old program's was {}, the new one's is {}", socket.display(), other.display()))
            .ask("Who has connected to the old one and was not accepted yet, and where does that client wait?"),
        None => Verdict::new("The new program has no listening socket, whatever number it was told.")
            .saw(format!("the old program's was {}", socket.display()))
            .ask("What has closed it, and in which process is the flag for that to be cleared?"),
    };
    verdict.saw_all(open("the new program", successor)).fail()
}

/// What a client was answered, after everybody has ended.
fn answer(mut client: UnixStream) -> io::Result<String> {
    let mut text = String::new();
    client.read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

#[test]
fn the_new_program_goes_on_with_the_same_socket() {
    grader::worth(3);
    let moment = hand_over(true);
    must_be_the_same_socket(&moment);
    let told = was_told(&moment.successor);
    let Moment { mut running, mut second_gate, folder, successor, socket, client, .. } = moment;
    second_gate.open(1);
    // It has answered all who waited, and sleeps until somebody comes.
    let waits = |p: &&Process| p.blocked() && matches!(p.call_name(), Some("accept" | "accept4"));
    let goes_on = running.until(|now| match now.get(successor.pid) {
        Some(p) if p.state != State::Zombie => Some(p).filter(waits).cloned().map(Some),
        _ => Some(None),
    });
    if let Ok(Some(waiting)) = &goes_on {
        must_accept_from(waiting, &socket);
    }
    let second_client =
        (!matches!(goes_on, Ok(None))).then(|| connect(&folder, "to the new program"));
    let outcome = running.finish();
    let expected = format!("served by pid {}", successor.pid);
    let first = answer(client);
    // Whom the old one has accepted, the new one waits for.
    if first.as_ref().is_ok_and(|text| !text.is_empty()) {
        must_be(&expected, &first, "before", &outcome);
    }
    outcome.must_end();
    outcome.must_leave_nobody();
    if !first.as_ref().is_ok_and(|text| text == &expected) {
        must_take_what_it_was_told(&successor, told, &socket, &outcome);
    }
    must_be(&expected, &first, "before", &outcome);
    let Some(second_client) = second_client else {
        let never_blocks = |d: &Descriptor| d.target == socket && d.flags & O_NONBLOCK != 0;
        let ask = if successor.descriptors.iter().any(never_blocks) {
            "What does accept say when nobody waits, and what does that depend on? Who shares that flag?"
        } else {
            "What did accept say? Both programs have the same socket: what has the old one done with it that closing its own descriptor would not do?"
        };
        Verdict::new("The new program ended when nobody waited, and did not sleep until its next client came.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask(ask)
            .fail()
    };
    must_be(&expected, &answer(second_client), "after", &outcome);
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The new program succeeded, and the old one does not say so.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does `hand_over` return?")
            .fail();
    }
    must_relay_a_failure();
}

/// Fails unless the client that has connected before or after the change got the expected answer.
fn must_be(expected: &str, answer: &io::Result<String>, which: &str, outcome: &Outcome) {
    if answer.as_ref().is_ok_and(|answer| answer == expected) {
        return;
    }
    Verdict::new(format!(
        "The client that has connected {which} the change is not answered by the new program."
    ))
    .saw(format!("expected {expected:?}, got {answer:?}"))
    .saw(outcome.ending())
    .saw_all(outcome.complaint())
    .ask("In whose queue does this client wait, and who accepts from there?")
    .fail();
}

/// Fails unless the old program exits as a new one that fails: where there is no `sh`, it does, with 2.
fn must_relay_a_failure() {
    let (folder, mut gates) = (Folder::new(), Gates::new(2));
    let program = folder.put_program(grader::program!("inherit-listener"));
    let run = Run::new(program).may_write(folder.path());
    let run = run.arg(folder.path().join("socket")).args(gates.paths());
    let mut running = run.env("PATH", "/dev/null").start();
    if bound(&mut running, &mut gates).is_ok() {
        gates.open(1);
    }
    let outcome = running.finish();
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(2) {
        Verdict::new("The new program has failed, and the old one does not say so.")
            .saw("the new one finds no `sh` to run, and exits with 2")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does `hand_over` return, and by what does it hear of the new one's end?")
            .fail();
    }
}

#[test]
fn it_is_left_for_nobody_else() {
    grader::worth(2);
    let moment = hand_over(false);
    must_be_the_same_socket(&moment);
    let Moment { socket, somebody, told, .. } = &moment;
    if !told.is_empty() {
        Verdict::new("A program that the new one runs is told LISTENER_FD, too.")
            .saw(format!("`sh` said LISTENER_FD={told}"))
            .ask("Who inherits an environment, and for whom was this variable meant?")
            .fail();
    }
    // That it is empty is said by `sh`, and this says whether it is there.
    let environment = std::fs::read(format!("/proc/{}/environ", somebody.host)).unwrap_or_default();
    if environment.split(|byte| *byte == 0).any(|line| line.starts_with(b"LISTENER_FD=")) {
        Verdict::new("A program that the new one runs finds LISTENER_FD in its environment: it is empty, and it is there.")
            .saw("`sh` was told LISTENER_FD=, with nothing behind it")
            .ask("What would a program of this kind make of an empty variable? How does one go away?")
            .fail();
    }
    if somebody.descriptors.iter().any(|d| d.target == *socket) {
        Verdict::new("A program that the new one runs inherits the listener.")
            .saw_all(open("it", somebody))
            .ask("What was done to the flag so that this exec's predecessor kept the socket, and who undoes it?")
            .fail();
    }
}
