//! A recording is written and read, a line an event.

mod common;

use common::*;
use trace::event::{self, Outcome};
use trace::{Argument, What};

#[test]
fn what_was_written_is_read() {
    let recording = Recording::with_pipe(O_CLOEXEC)
        .fork(P1, P2)
        .write(P1, 4, "hello\n\"\\\u{1F984}\0")
        .reads(P2, 3)
        .add(P2, What::Held)
        .add(P2, What::Runs)
        .leave(P2, "read", &[Fd(3), Argument::Null], Outcome::Interrupted)
        .sets_handler(P1, 17, &[10, 12])
        .exec(P2, "/bin/true")
        .exit(P2, 3)
        .signalled(P1, 17, None)
        .handled(P1, 17)
        .add(P1, What::HandlerReturns)
        .waits(P1)
        .reaps(P1, P2, 3)
        .descriptors(P1, &[(0, "/dev/null", 1, false, 0)])
        .add(P1, What::Stopped { signal: 19 })
        .add(P1, What::Continued)
        .add(P1, What::Stuck)
        .add(P1, What::End);
    let mut lines = Vec::new();
    for event in &recording.0 {
        event::write(event, &mut lines).expect("a vector takes everything");
    }
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), recording.0.len());
    assert_eq!(event::read(lines.as_slice()).expect("just written"), recording.0);
}

#[test]
fn another_version_is_refused() {
    let line =
        r#"{"step":0,"task":1,"what":"begin","version":2,"argv":[],"policy":"free","seed":0}"#;
    let error = event::read(line.as_bytes()).expect_err("another version");
    assert_eq!(error.to_string(), "line 1: version 2; this program reads 1");
}

#[test]
fn what_is_no_event_is_refused_with_its_line() {
    let lines = "{\"step\":0,\"task\":1,\"what\":\"sleeps\"}\n{\"step\":1}\n";
    let error = event::read(lines.as_bytes()).expect_err("no event");
    assert!(error.to_string().starts_with("line 2: "), "{error}");
}

#[test]
fn fields_that_nobody_knows_are_skipped() {
    let line = r#"{"step":0,"task":1,"what":"sleeps","since":"yesterday"}"#;
    let events = event::read(line.as_bytes()).expect("an event");
    assert_eq!(events[0].what, What::Sleeps);
}
