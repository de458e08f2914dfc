//! Whatever a program does, its run comes to an end and nothing of it stays.

use grader::{Containment, Exit, Folder, Interrupted, Run, State};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};
use std::time::{Duration, Instant};

fn subject(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args)
}

/// For programs that never end: what they do is done within a few milliseconds.
fn short(args: &[&str]) -> Run {
    subject(args).deadline(Duration::from_millis(500))
}

fn is_gone(pid: Pid) -> bool {
    kill(pid, None) == Err(Errno::ESRCH)
}

fn everybody(outcome: &grader::Outcome) -> Vec<Pid> {
    outcome.snapshot.processes.iter().map(|p| p.host).collect()
}

#[test]
fn a_daemon_in_a_session_of_its_own_is_found_and_ended() {
    let outcome = subject(&["daemon"]).finish();
    assert_eq!(outcome.exit, Exit::Code(0));
    let daemon = outcome.left_behind.first().expect("the daemon was left behind");
    assert_eq!(outcome.stdout, format!("{}\n", daemon.pid).into_bytes());
    assert!(is_gone(daemon.host));
}

#[test]
fn a_dropped_run_leaves_nobody() {
    let mut running = subject(&["many", "50"]).start();
    assert_eq!(running.line().as_deref(), Ok("ready"));
    let pids: Vec<Pid> = running.snapshot().processes.iter().map(|p| p.host).collect();
    assert_eq!(pids.len(), 51);
    drop(running);
    assert!(pids.into_iter().all(is_gone));
}

#[test]
fn a_panicking_test_leaves_nobody() {
    let running = subject(&["sleep"]).start();
    let pid = running.pid();
    let panicking = std::thread::spawn(move || {
        let _running = running;
        std::panic::resume_unwind(Box::new("as a failing test does"));
    });
    assert!(panicking.join().is_err());
    assert!(is_gone(pid));
}

#[test]
fn closing_its_output_does_not_end_a_run() {
    let outcome = short(&["close-output"]).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
    assert!(everybody(&outcome).into_iter().all(is_gone));
}

#[test]
fn endless_output_is_cut_off() {
    for run in [subject(&["write-for-ever"]), subject(&["write-for-ever"]).stdout_to_a_file()] {
        let outcome = run.output_limit(100_000).deadline(Duration::from_secs(20)).finish();
        assert_eq!(outcome.exit, Exit::TooMuchOutput);
        assert_eq!(outcome.stdout.len(), 100_001);
        assert!(everybody(&outcome).into_iter().all(is_gone));
    }
}

#[test]
fn a_program_that_ignores_every_signal_is_ended() {
    let outcome = short(&["deaf"]).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
    assert!(everybody(&outcome).into_iter().all(is_gone));
}

#[test]
fn a_stopped_program_is_seen_as_stopped_and_ended() {
    let outcome = short(&["stop"]).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
    assert_eq!(outcome.snapshot.program().map(|p| p.state), Some(State::Stopped));
    assert!(everybody(&outcome).into_iter().all(is_gone));
}

#[test]
fn a_program_that_kills_its_supervisor_is_told_so_and_dies_with_it() {
    // Every stronger containment refuses it.
    let running = subject(&["kill-the-supervisor"]).contained(Containment::Bare).start();
    let stat = format!("/proc/{}/stat", running.pid());
    assert_eq!(running.finish().exit, Exit::SupervisorGone);
    // Whoever adopts it may take its time to reap it.
    let is_dead = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    let give_up = Instant::now() + Duration::from_secs(10);
    while !is_dead() {
        assert!(Instant::now() < give_up, "it outlives its supervisor");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_program_is_given_three_descriptors_and_no_trace_of_the_test() {
    // What would leak: a descriptor, an ignored signal, a blocked one.
    let (_reader, _writer) = nix::unistd::pipe().expect("pipe");
    // SAFETY: ignoring installs no handler.
    unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) }.expect("signal");
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR2);
    blocked.thread_block().expect("sigmask");

    let outcome = subject(&["show"]).finish();
    let shown = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // Bit 12: Rust's runtime ignores SIGPIPE; that is the program's own doing.
    let expected = "open [0, 1, 2]\nleader true\n\
        SigBlk: 0000000000000000\nSigIgn: 0000000000001000\nNoNewPrivs: 1\n\
        Max file size 67108864 67108864 bytes\n\
        Max core file size 1 1 bytes\n\
        Max address space 4294967296 4294967296 bytes\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_run_ends_while_a_later_one_goes_on() {
    let first = subject(&["sleep"]).start();
    let second = subject(&["sleep"]).start();
    let pid = first.pid();
    let before = Instant::now();
    drop(first);
    // If the second run held anything of the first one, this would last until the supervisor is given up.
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    assert!(is_gone(pid) && !is_gone(second.pid()));
}

#[test]
fn a_run_ends_while_somebody_holds_a_copy_of_all_that_the_test_has_open() {
    let run = subject(&["sleep"]).start();
    let pid = run.pid();
    let (until, let_go) = nix::unistd::pipe().expect("pipe");
    // As a supervisor that the kernel takes long to make.
    // SAFETY: the child makes two calls, both safe after a fork, and leaves.
    let copy = match unsafe { nix::unistd::fork() }.expect("fork") {
        ForkResult::Child => {
            drop(let_go);
            let _ = nix::unistd::read(&until, &mut [0]);
            // SAFETY: `_exit` takes a number, and this process ends.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => child,
    };
    let before = Instant::now();
    drop(run);
    let took = before.elapsed();
    drop(let_go);
    waitpid(copy, None).expect("a child of ours");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(is_gone(pid));
}

#[test]
fn who_signals_itself_does_not_wait_for_the_supervisor() {
    let script = "trap 'echo heard' USR1; read line; kill -s USR1 $$";
    let run = Run::new("/bin/sh").args(["-c", script]).contained(Containment::Fallback);
    let mut running = run.stdin_later().start();
    let supervisor = running.until(|now| now.program().map(|p| p.parent)).expect("it is there");
    kill(supervisor, Signal::SIGSTOP).expect("a child of ours");
    running.tell(b"go on\n");
    let heard = running.line();
    kill(supervisor, Signal::SIGCONT).expect("a child of ours");
    assert_eq!(heard.as_deref(), Ok("heard"));
}

#[test]
fn input_reaches_the_program() {
    let outcome = subject(&["cat"]).stdin("one\ntwo\n").finish();
    assert_eq!(
        (outcome.exit, outcome.stdout.as_slice()),
        (Exit::Code(0), b"one\ntwo\n".as_slice())
    );
}

#[test]
fn a_file_and_a_pipe_hold_the_same_output() {
    let outcome = subject(&["cat"]).stdin("one\ntwo\n").stdout_to_a_file().finish();
    assert_eq!(outcome.stdout, b"one\ntwo\n");
}

#[test]
fn the_standard_streams_can_be_opened_by_their_names() {
    let script =
        "cat /dev/stdin > /dev/stdout; echo err > /dev/stderr; echo out >> /proc/self/fd/1";
    for containment in [Containment::Bare, Containment::Fallback, Containment::Namespaces] {
        let run = || Run::new("/bin/sh").args(["-c", script]).contained(containment);
        let mut piped = run().stdin_later().start();
        piped.tell(b"in\n");
        for outcome in [piped.finish(), run().stdin("in\n").stdout_to_a_file().finish()] {
            let said = [&outcome.stdout, &outcome.stderr].map(|text| String::from_utf8_lossy(text));
            assert_eq!(said, ["in\nout\n", "err\n"], "{containment:?}");
        }
    }
}

#[test]
fn input_that_comes_later_finds_the_program_waiting_for_it() {
    let mut running = subject(&["cat"]).stdin_later().start();
    let waits = running.until(|now| match now.program()?.waits_to_read(0) {
        Some(true) | None => Some(()),
        Some(false) => None,
    });
    assert_eq!(waits, Ok(()));
    running.say(b"one\n");
    running.tell(b"two\n");
    let outcome = running.finish();
    outcome.must_end();
    assert_eq!(outcome.stdout, b"one\ntwo\n");
}

#[test]
fn what_is_said_without_an_end_leaves_the_input_open() {
    let mut running = short(&["cat"]).stdin_later().start();
    running.say(b"one\n");
    assert_eq!(running.finish().exit, Exit::Deadline);
}

#[test]
fn a_line_that_never_comes_is_interrupted_by_the_end_and_by_the_deadline() {
    let mut ended = subject(&["exit", "0"]).start();
    assert_eq!(ended.line(), Err(Interrupted::Ended));
    let mut late = short(&["sleep"]).start();
    assert_eq!(late.line(), Err(Interrupted::Deadline));
}

#[test]
fn a_program_that_is_not_there_is_no_failure_of_the_learner() {
    let missing = std::panic::catch_unwind(|| Run::new("/nonexistent/program").start());
    let message = missing.expect_err("there is no such program");
    let message = message.downcast_ref::<String>().expect("it is text");
    assert!(message.contains("execve(2): ENOENT"), "{message}");
    assert!(message.contains("says nothing about your program"), "{message}");
}

#[test]
fn sixteen_runs_at_once_do_not_hold_each_other() {
    // Each supervisor is forked while the others' pipes are open; a copy left open would outlast its run.
    let one = || {
        let outcome = subject(&["daemon"]).finish();
        (outcome.exit, outcome.left_behind.len(), everybody(&outcome).into_iter().all(is_gone))
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
        for run in runs {
            assert_eq!(run.join().expect("no panic"), (Exit::Code(0), 1, true));
        }
    });
}

#[test]
fn the_test_can_trace_the_program_whatever_contains_it() {
    use nix::sys::ptrace;
    for containment in [Containment::Bare, Containment::Fallback, Containment::Namespaces] {
        let running = subject(&["sleep"]).contained(containment).start();
        let pid = running.pid();
        ptrace::seize(pid, ptrace::Options::empty()).expect("seize");
        ptrace::interrupt(pid).expect("interrupt");
        let stopped = waitpid(pid, Some(WaitPidFlag::__WALL)).expect("wait");
        assert!(matches!(stopped, WaitStatus::PtraceEvent(..)), "{containment:?}: {stopped:?}");
        ptrace::detach(pid, None).expect("detach");
    }
}

#[test]
fn a_program_knows_its_own_pids_and_the_test_can_use_them_too() {
    for containment in [Containment::Fallback, Containment::Namespaces] {
        let outcome = subject(&["daemon"]).contained(containment).finish();
        let daemon = outcome.left_behind.first().expect("the daemon was left behind");
        assert_eq!(outcome.stdout, format!("{}\n", daemon.pid).into_bytes(), "{containment:?}");
        assert!(is_gone(daemon.host));
    }
}

#[test]
fn the_test_and_the_program_write_in_one_folder() {
    let folder = Folder::new();
    let given = folder.put("given", "from the test\n");
    let script = r#"cat "$0" > made; echo "from the program" >> "$0""#;
    let run = Run::new("/bin/sh").folder(folder.path()).may_write(folder.path());
    let outcome = run.args(["-c", script]).arg(given).finish();
    assert_eq!(outcome.exit, Exit::Code(0), "{:?}", outcome.complaint());
    assert_eq!(folder.read("made").as_deref(), Some(&b"from the test\n"[..]));
    assert_eq!(folder.read("given").as_deref(), Some(&b"from the test\nfrom the program\n"[..]));
    assert_eq!(folder.read("other"), None);
}
