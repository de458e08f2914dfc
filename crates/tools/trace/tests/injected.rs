//! What the recorder has done to a program is not taken for the program's doing, nor for the kernel's.

mod common;

use common::*;
use trace::event::{Disposition, Injected, Outcome};
use trace::model::{Kind, Place};
use trace::rows::Rows;
use trace::text::{lanes, lanes_with_lines};
use trace::{Argument, Task, What};

fn deed(call: &str, deed: Injected) -> What {
    What::Injected { call: call.into(), deed }
}

fn failing(call: &str, arguments: &[Argument], error: &str) -> Recording {
    Recording::with_pipe(0)
        .enter(P1, call, arguments)
        .add(P1, deed(call, Injected::Fails(error.into())))
        .leave(P1, call, arguments, Outcome::Error(error.into()))
}

#[test]
fn a_close_that_is_not_made_closes_nothing() {
    let model = failing("close", &[Fd(4)], "EIO").model();
    assert_eq!(model.kind(P1, 4), Some(&Kind::WriteEnd(1)));
    // The kernel's own lets go before it fails.
    let model = Recording::with_pipe(0).fails(P1, "close", &[Fd(4)], "EIO").model();
    assert_eq!(model.kind(P1, 4), None);
}

#[test]
fn a_short_write_queues_what_it_has_moved() {
    let arguments = [Fd(4), Argument::Bytes("hello".into(), 5), Num(5)];
    let recording = Recording::with_pipe(0)
        .enter(P1, "write", &arguments)
        .add(P1, deed("write", Injected::Short(2)))
        .leave(P1, "write", &arguments, Outcome::Value(2));
    let rows = Rows::of(&recording.0);
    let row = rows.rows.last().expect("the write");
    assert!(row.injected);
    let note = row.note.as_deref().unwrap_or_default();
    assert!(note.contains("the recorder let it move only 2 bytes"), "{note}");
    assert_eq!(recording.model().queued(Place::Pipe(1)), 2);
}

#[test]
fn what_was_done_is_said_where_it_shows() {
    let text = lanes(&failing("read", &[Fd(3), Argument::Out, Num(8)], "EINTR").0, 100);
    assert!(text.contains("read(3, 8) fails: EINTR\n"), "{text}");
    assert!(text.contains("the recorder made it fail"), "{text}");
    // No signal has.
    assert!(!text.contains("a signal has interrupted it"), "{text}");
    let quiet = lanes(&failing("mmap", &[], "ENOMEM").0, 100);
    assert!(quiet.contains("mmap() fails: ENOMEM"), "{quiet}");
}

#[test]
fn a_childs_signal_may_come_from_the_recorder_without_a_child() {
    let signal = 17;
    let recording = Recording::new()
        .add(P1, deed("pause", Injected::Signal(signal)))
        .add(P1, What::Signalled { signal, by: Some(Task::OUTSIDE) })
        .add(P1, What::Delivered { signal, disposition: Disposition::Handler })
        .add(P1, What::HandlerReturns)
        .enter(P1, "pause", &[])
        .sleeps(P1);
    let text = lanes(&recording.0, 100);
    recording.model(); // contradicts itself nowhere
    assert!(text.contains("the recorder sends SIGCHLD"), "{text}");
    assert!(text.contains("before its next call: pause"), "{text}");
}

#[test]
fn a_change_to_a_call_that_has_not_begun_contradicts_the_recording() {
    let recording = Recording::new().add(P1, deed("read", Injected::Short(1)));
    let text = lanes(&recording.0, 100);
    assert!(text.contains("expected read to begin before something is done to it"), "{text}");
}

fn on(recording: Recording, call: &str, line: &str) -> Recording {
    let line = Some(line.to_owned());
    let name = call.to_owned();
    let entered = recording.add(P1, What::Enter { name, arguments: Vec::new(), line });
    entered.leave(P1, call, &[], Outcome::Value(1))
}

#[test]
fn lines_of_the_source_stand_in_a_margin() {
    let recording = on(on(Recording::new(), "umask", "src/main.rs:7"), "mkdir", "src/main.rs:12");
    let text = lanes_with_lines(&recording.0, 100);
    assert!(text.contains(" 2 7  ┃ umask() = 1\n 3 12 ┃ mkdir() = 1\n"), "{text}");
    assert!(text.ends_with("The second number is the line in src/main.rs.\n"), "{text}");
    assert!(lanes(&recording.0, 100).contains(" 2 ┃ umask() = 1\n 3 ┃ mkdir() = 1\n"));
    let more = on(recording, "umask", "fork/src/lib.rs:3");
    let text = lanes_with_lines(&more.0, 100);
    assert!(text.contains(" 3 main.rs:12 ┃ mkdir() = 1\n 4 lib.rs:3   ┃ umask() = 1\n"), "{text}");
    // Without any line, there is no margin.
    let none = Recording::with_pipe(0).0;
    assert_eq!(lanes_with_lines(&none, 100), lanes(&none, 100));
}
