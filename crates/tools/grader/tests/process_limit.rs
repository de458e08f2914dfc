//! The limit on processes counts all of a user's, so this has a test process, and a time, of its own.

use grader::Run;
use std::time::Duration;

#[test]
fn a_user_has_room_for_a_limited_number_of_processes() {
    let holds = grader::containment(grader::Containment::wanted());
    if holds.contains("the number of processes") {
        grader::skip("the limit on the number of processes", &holds);
        return;
    }
    let outcome = Run::new(env!("CARGO_BIN_EXE_grader-subject"))
        .args(["many", "600"])
        .deadline(Duration::from_secs(20))
        .finish();
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("EAGAIN"), "{outcome:?}");
}
