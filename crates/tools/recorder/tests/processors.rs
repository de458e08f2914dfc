//! All run on one processor, and the program can't see it.

use std::process::Command;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use story::{Started, status, wait_until};

fn recorder(policy: &str, program: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--policy", policy, "--text", "/dev/null", "--"]).args(program);
    command
}

#[track_caller]
fn told(command: Command) -> String {
    let (status, stdout, stderr) = Started::command(command).finish();
    assert!(status.success() && stderr.is_empty(), "{status} {stderr}");
    stdout
}

fn several_processors() -> bool {
    let several = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
    if !several {
        eprintln!("skipped: here is one processor only");
    }
    several
}

const ASKS: &str = env!("CARGO_BIN_EXE_recorder-processors");

#[test]
fn the_program_can_run_where_it_could_without_the_recorder_as_far_as_it_can_see() {
    let plain = told(Command::new(ASKS));
    assert_eq!(plain.lines().count(), 9, "{plain}");
    for policy in ["run-to-block", "child-first", "parent-first", "random", "free"] {
        assert_eq!(told(recorder(policy, &[ASKS])), plain, "{policy}");
    }
}

#[test]
fn who_has_one_processor_only_keeps_it() {
    // The thread's choice is its children's, and ends with it.
    let one = || {
        let all = sched_getaffinity(Pid::from_raw(0)).expect("it can be told");
        let last = (0..CpuSet::count()).rfind(|&cpu| all.is_set(cpu) == Ok(true));
        let mut one = CpuSet::new();
        one.set(last.expect("this runs somewhere")).expect("it was in a set");
        sched_setaffinity(Pid::from_raw(0), &one).expect("it may");
        assert_eq!(told(recorder("run-to-block", &[ASKS])), told(Command::new(ASKS)));
    };
    thread::spawn(one).join().expect("it doesn't panic");
}

#[test]
fn program_and_recorder_share_a_processor() {
    if !several_processors() {
        return;
    }
    let endless = [env!("CARGO_BIN_EXE_recorder-load"), "writes", "4000000000"];
    let recorder = Started::command(recorder("run-to-block", &endless));
    // On a busy machine they don't, for a while.
    wait_until("they share one", || {
        let program = *story::children(recorder.pid()).first()?;
        let of = |whose| status(whose, "Cpus_allowed_list");
        let (ours, theirs) = (of(recorder.pid())?, of(program)?);
        (ours.parse::<usize>().is_ok() && ours == theirs).then_some(())
    });
}

#[test]
fn a_real_time_program_leaves_a_processor_to_the_recorder() {
    if !several_processors() {
        return;
    }
    let real_time = || {
        let lowest = libc::sched_param { sched_priority: 1 };
        // SAFETY: reads a variable of ours, and changes this thread only, and what it starts.
        if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &lowest) } != 0 {
            return eprintln!("skipped: this user may not run real-time programs");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        command.args(["run", "--deadline", "1", "--text", "/dev/null", "--"]);
        command.args([env!("CARGO_BIN_EXE_recorder-hangs"), "spins"]);
        let (status, _, stderr) = Started::command(command).finish();
        assert_eq!(status.code(), Some(128 + libc::SIGKILL), "{stderr}");
    };
    thread::spawn(real_time).join().expect("it doesn't panic");
}
