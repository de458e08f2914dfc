//! Whose deadline moves on: a program's that wants to run while others have the processor. And whose is not waited for: one's that spins.

use grader::{Exit, Injection, Run};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_millis(400);

fn subject(name: &str) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg(name).deadline(DEADLINE)
}

/// Some processor on which this test may run.
fn a_processor() -> CpuSet {
    let allowed = sched_getaffinity(Pid::this()).expect("one's own can be asked for");
    let first = (0..CpuSet::count()).find(|&cpu| allowed.is_set(cpu) == Ok(true));
    let mut one = CpuSet::new();
    one.set(first.expect("it runs somewhere")).expect("it is in the set");
    one
}

/// Keeps a processor busy for as long as `work` takes.
fn beside_who_spin<T>(on: &CpuSet, work: impl FnOnce() -> T) -> T {
    // Four, or whoever is shy among them gets more in the end than it takes to be told that it has spun.
    let spinning = [(); 4].map(|()| {
        let long = subject("spin-when-told").deadline(Duration::from_secs(600)).may_compute();
        let mut running = long.stdin_later().start();
        place(running.pid(), on, false);
        running.tell(b"");
        running
    });
    let done = work();
    drop(spinning);
    done
}

/// Lets this process run on that processor only, and where `shy`, only while nobody else wants to.
fn place(pid: Pid, on: &CpuSet, shy: bool) {
    sched_setaffinity(pid, on).expect("the test may say where its program runs");
    let policy = if shy { libc::SCHED_IDLE } else { libc::SCHED_OTHER };
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters live through the call.
    let set = unsafe { libc::sched_setscheduler(pid.as_raw(), policy, &raw const parameters) };
    Errno::result(set).expect("the test may say how its program runs");
    // Where each session has a share of its own (sched(7), autogroup), that counts as well.
    let share = format!("/proc/{pid}/autogroup");
    while std::fs::exists(&share).expect("proc") {
        match std::fs::write(&share, if shy { "19" } else { "0" }) {
            // The kernel hears of ten in a second.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            set => return set.expect("the test may say how much its program gets"),
        }
    }
}

#[test]
fn who_wants_to_run_while_others_have_the_processor_has_more_time() {
    let on = a_processor();
    let mut running = subject("spin-when-told").stdin_later().start();
    let began = Instant::now();
    // In vain, in the end: nobody knows what it would do.
    let waited = beside_who_spin(&on, || {
        place(running.pid(), &on, true);
        running.tell(b"");
        let waited = catch_unwind(AssertUnwindSafe(|| running.until(|_| None::<()>)));
        // It needs a processor for its end, too.
        place(running.pid(), &on, false);
        waited
    });
    let told = waited.expect_err("it had no processor");
    let told = told.downcast_ref::<String>().expect("a verdict is text");
    assert!(told.contains("this machine is too busy: within 8.4s"), "{told}");
    assert!(told.contains("this says nothing about your program"), "{told}");
    assert!(began.elapsed() > 20 * DEADLINE, "{:?}", began.elapsed());
}

#[test]
fn who_answers_late_for_want_of_a_processor_is_waited_for() {
    let on = a_processor();
    let (client, mut server) = UnixStream::pair().expect("two sockets");
    let mut running = subject("spin-when-told").stdin_later().start();
    let mut client = running.client(client, DEADLINE);
    let began = Instant::now();
    beside_who_spin(&on, || {
        place(running.pid(), &on, true);
        running.tell(b"");
        thread::scope(|scope| {
            // As the program would, after many times the client's patience.
            scope.spawn(|| {
                while began.elapsed() < 5 * DEADLINE {
                    thread::yield_now();
                }
                server.write_all(b"!").expect("the client is there");
            });
            client.read_exact(&mut [0]).expect("it waits");
        });
        place(running.pid(), &on, false);
    });
}

#[test]
fn who_sleeps_and_does_not_answer_is_not_waited_for() {
    let (client, _server) = UnixStream::pair().expect("two sockets");
    let running = subject("own-pipe").deadline(20 * DEADLINE).start();
    let answer = running.client(client, DEADLINE).read(&mut [0]);
    assert_eq!(answer.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
}

#[test]
fn who_sleeps_has_no_more_than_its_time() {
    let outcome = subject("own-pipe").finish();
    assert_eq!((outcome.exit, outcome.deadline), (Exit::Deadline, DEADLINE));
}

#[test]
fn who_is_held_by_its_recorder_does_not_want_to_run() {
    // Until its parent waits for it, which is a minute away.
    let hold = Injection::hold("P2:exit_group=P1:wait4:1").expect("it is well written");
    let Some(seen) = subject("sleep-first").recorded().inject(hold).record() else { return };
    assert_eq!(seen.outcome.exit, Exit::Deadline);
    // On a busy machine it may have been late in coming there, but not four times.
    assert!(seen.outcome.deadline < 4 * DEADLINE, "{:?}", seen.outcome.deadline);
}

#[test]
fn who_spins_is_ended_by_its_own_time_whatever_its_deadline() {
    let outcome = subject("spin").deadline(Duration::from_secs(600)).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
    assert!(outcome.cpu >= Duration::from_secs(1), "{:?}", outcome.cpu);
    assert!(outcome.limits.concat().contains("1s of processor time"), "{:?}", outcome.limits);
    let told = outcome.ending();
    assert!(!told.contains("600s"), "{told}");
}

#[test]
fn who_may_compute_may_do_so_until_its_deadline() {
    let mut running = subject("spin").deadline(Duration::from_secs(600)).may_compute().start();
    let more =
        running.until(|now| (now.program()?.cpu > Duration::from_millis(1500)).then_some(()));
    assert_eq!(more, Ok(()));
}
