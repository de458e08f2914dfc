//! A supervisor begins as a copy of the test, with all that it has open: what the test closes then must not seem to be held by it.

use grader::Run;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

fn cat() -> Run {
    Run::new("/bin/cat").stdin_later()
}

/// Says that it is enough, also when the test fails.
struct Enough<'a>(&'a AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn what_is_closed_while_another_run_begins_is_closed_to_who_is_looked_at_next() {
    let enough = AtomicBool::new(false);
    let sleep_on = thread::scope(|scope| {
        let _said_at_the_end = Enough(&enough);
        for _ in 0..4 {
            scope.spawn(|| {
                while !enough.load(SeqCst) {
                    Run::new("/bin/true").finish().must_end();
                }
            });
        }
        (0..50).filter(|_| sleeps_on()).count()
    });
    assert_eq!(sleep_on, 0, "of 50 sleep on at their standard input, which has ended");
}

/// Whether a program still sleeps at its standard input when that has ended.
fn sleeps_on() -> bool {
    let mut running = cat().start();
    let reads = running.until(|now| (now.program()?.waits_to_read(0) == Some(true)).then_some(()));
    reads.expect("it waits for its input");
    running.tell(b"");
    let now = running.snapshot();
    now.program().is_some_and(|program| program.waits_to_read(0) == Some(true))
}
