//! What the kernel tells about a run, and how that is told on.

use grader::{Exit, Gates, Outcome, Run, State, Verdict};
use std::time::Duration;

fn subject(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args)
}

fn short(args: &[&str]) -> Run {
    subject(args).deadline(Duration::from_millis(500))
}

/// The verdict with which this check ends a test.
fn told(check: impl FnOnce()) -> String {
    let check = std::panic::AssertUnwindSafe(check);
    let payload = std::panic::catch_unwind(check).expect_err("the check should fail");
    payload.downcast_ref::<String>().expect("a verdict is text").clone()
}

/// The explanation of a hang, or `None` where the machine does not show in which call a process is.
fn explanation(outcome: &Outcome) -> Option<String> {
    let shown = outcome.snapshot.processes.iter().all(|p| p.call != grader::Call::Hidden);
    if !shown {
        grader::skip("the explanation of a hang", "/proc/PID/syscall cannot be read");
    }
    shown.then(|| told(|| outcome.must_end()))
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    assert_eq!(subject(&["exit", "42"]).finish().exit, Exit::Code(42));
    assert_eq!(subject(&["abort"]).finish().exit, Exit::Signal(libc::SIGABRT));
}

#[test]
fn a_zombie_and_a_living_orphan_are_told_apart() {
    let zombie = subject(&["leave-a-zombie"]).finish();
    assert_eq!(zombie.left_behind.iter().map(|p| p.state).collect::<Vec<_>>(), [State::Zombie]);
    assert!(told(|| zombie.must_leave_nobody()).contains("has exited, and nobody has reaped it"));

    let orphan = subject(&["leave-an-orphan"]).finish();
    assert_eq!(orphan.left_behind.len(), 1);
    assert!(orphan.left_behind.iter().all(|p| p.state != State::Zombie));
    assert!(told(|| orphan.must_leave_nobody()).contains("is still alive"));
}

#[test]
fn the_kernel_remembers_that_a_child_was_reaped() {
    let reaped = subject(&["reap"]).finish();
    assert!(reaped.reaped_a_child);
    assert!(reaped.left_behind.is_empty());
    assert!(!subject(&["leave-a-zombie"]).finish().reaped_a_child);
    assert!(!subject(&["exit", "0"]).finish().reaped_a_child);
}

#[test]
fn a_pipe_is_told_with_all_who_hold_its_ends() {
    let outcome = short(&["own-pipe"]).finish();
    let program = outcome.snapshot.program;
    let pipes = outcome.snapshot.pipes();
    let [pipe] = pipes.as_slice() else { panic!("one pipe is the program's own: {pipes:?}") };
    assert!(pipe.is_read_by(program) && pipe.is_written_by(program), "{pipe:?}");
    if explanation(&outcome).is_some() {
        let waiting = outcome.snapshot.waiting_readers();
        assert_eq!(
            waiting.iter().map(|(who, on)| (who.pid, on)).collect::<Vec<_>>(),
            [(program, pipe)]
        );
        assert!(outcome.snapshot.waiting_writers().is_empty());
    }
}

#[test]
fn a_hang_is_explained_by_who_waits_for_whom() {
    let outcome = short(&["wait-for-a-reader"]).finish();
    let program = outcome.snapshot.program;
    let children: Vec<_> = outcome.snapshot.others().map(|p| p.pid).collect();
    let [reading, ended] = children[..] else { panic!("two children, not {children:?}") };
    let Some(text) = explanation(&outcome) else { return };
    let waiting = format!(
        "the program (pid {program}) is blocked in wait4(2), waiting for pid {reading}, which is blocked in \
         read(2) on pipe:["
    );
    assert!(text.contains(&waiting), "{text}");
    assert!(
        text.starts_with("The program did not end within 500ms: it is blocked in wait4(2)"),
        "{text}"
    );
    assert!(text.contains(&format!("write end is held by the program (pid {program})")), "{text}");
    assert!(text.contains(&format!("pid {ended} has exited, and nobody has reaped it")), "{text}");
}

#[test]
fn a_blocked_open_is_told_with_its_path() {
    let gates = Gates::new(1);
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("open").arg(&gates.paths()[0]);
    let outcome = run.deadline(Duration::from_millis(500)).finish();
    let Some(text) = explanation(&outcome) else { return };
    assert!(text.contains("is blocked in openat(2) on gate-1"), "{text}");
}

#[test]
fn a_spinning_program_is_told_by_its_processor_time() {
    let mut running = subject(&["spin"]).deadline(Duration::from_secs(60)).start();
    // On a busy machine it has to wait for its turns.
    let spent = running.until(|now| {
        let long = now.program()?.cpu >= Duration::from_millis(50);
        long.then(|| now.explain().concat())
    });
    assert!(spent.as_ref().is_ok_and(|text| text.contains("is running, after 0.")), "{spent:?}");
    assert!(told(|| short(&["spin"]).finish().must_end()).contains("is running, after 0."));
}

#[test]
fn a_program_that_asks_with_wnohang_is_never_taken_for_a_sleeper() {
    // In the middle of each call the kernel marks it as asleep for a moment; a few hundred looks meet that.
    let mut running = subject(&["ask-again"]).deadline(Duration::from_secs(20)).start();
    assert_eq!(running.line().as_deref(), Ok("ready"));
    let mut looks = 0;
    let seen = running.until(|now| {
        let program = now.program()?;
        looks += 1;
        let hidden = program.call == grader::Call::Hidden;
        (hidden || program.blocked() || looks == 300).then(|| program.clone())
    });
    let seen = seen.expect("it goes on");
    if seen.call == grader::Call::Hidden {
        grader::skip("telling WNOHANG from sleep", "/proc/PID/syscall cannot be read");
        return;
    }
    assert!(!seen.blocked(), "{seen:?}");
}

#[test]
fn a_sleeper_waits_for_time_and_counts_as_not_blocked() {
    let outcome = short(&["sleep"]).finish();
    let Some(text) = explanation(&outcome) else { return };
    assert!(text.contains("is blocked in clock_nanosleep(2), waiting for time to pass"), "{text}");
    let program = outcome.snapshot.program().expect("it is there");
    assert!(program.sleeping_for_time() && !program.blocked());
}

#[test]
fn a_stopped_program_is_explained() {
    let text = told(|| short(&["stop"]).finish().must_end());
    assert!(text.contains("is stopped by a signal, and nobody has continued it"), "{text}");
}

#[test]
fn a_panic_is_told_by_its_message_and_never_passes_for_an_exit() {
    let text = told(|| subject(&["panic"]).finish().must_end());
    assert!(text.contains("The program panicked"), "{text}");
    assert!(text.contains("as ordered"), "{text}");
    assert!(!text.contains("RUST_BACKTRACE"), "{text}");
}

#[test]
fn a_crowd_is_counted_after_the_first_few() {
    let text = told(|| short(&["many", "50"]).finish().must_end());
    assert!(text.contains("… and 45 more"), "{text}");
}

#[test]
fn a_gate_holds_its_reader_until_it_is_opened() {
    let mut gates = Gates::new(1);
    let program = env!("CARGO_BIN_EXE_grader-subject");
    let mut running = Run::new("/bin/cat").arg(&gates.paths()[0]).start();
    assert!(running.until(|_| (gates.arrived() == 1).then_some(())).is_ok());
    let reads = |name: Option<&str>| matches!(name, Some("read" | "splice" | "copy_file_range"));
    let asleep =
        running.until(|now| now.program().filter(|p| p.blocked()).cloned()).expect("it blocks");
    assert!(asleep.call == grader::Call::Hidden || reads(asleep.call_name()), "{asleep:?}");
    gates.open(1);
    assert_eq!(running.finish().exit, Exit::Code(0), "{program}");
}

#[test]
fn an_opened_gate_is_not_shut_again_by_a_look() {
    let mut gates = Gates::new(1);
    let mut running = subject(&["open-and-stay"]).arg(&gates.paths()[0]).start();
    assert!(running.until(|_| (gates.arrived() == 1).then_some(())).is_ok());
    gates.open(1);
    assert_eq!(running.line().as_deref(), Ok("through"));
    // It has the gate open, and a write end could be had.
    assert_eq!(gates.arrived(), 0);
}

#[test]
fn a_verdict_says_cause_then_evidence_then_question() {
    let verdict = Verdict::new("It hangs.").saw("pid 1 waits").saw("two\nlines").ask("Why?");
    let expected = "It hangs.\n\n  What was seen:\n  - pid 1 waits\n  - two\n    lines\n\n  To think about: Why?\n";
    assert_eq!(verdict.to_string(), expected);
}

#[test]
fn a_reader_that_has_left_is_noticed_by_the_next_write() {
    let mut running = subject(&["write-for-ever"]).output_limit(1 << 30).start();
    running.stop_listening();
    // When a write has failed, it waits for a signal.
    let failed =
        |p: &grader::Process| p.call_name() == Some("pause") || p.call == grader::Call::Hidden;
    let noticed = running.until(|now| now.program().filter(|p| p.blocked() && failed(p)).map(drop));
    assert_eq!(noticed, Ok(()), "{:?}", running.snapshot());
}
