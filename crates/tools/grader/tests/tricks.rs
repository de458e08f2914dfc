//! Who makes it hard to look at them is looked at all the same, and nobody waits for them longer than they may run.

use grader::{Containment, Exit, Folder, Run, State};
use std::time::Duration;

fn short(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args).deadline(Duration::from_millis(500))
}

#[test]
fn a_process_whose_first_thread_has_ended_lives() {
    let outcome = short(&["first-thread-ends"]).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
    assert_eq!(outcome.snapshot.program().map(|it| it.state), Some(State::Sleeping));
    let told = outcome.snapshot.explain().join("\n");
    assert!(told.contains("is blocked in"), "{told}");
}

#[test]
fn of_thousands_of_descriptors_some_are_looked_at() {
    let mut running = short(&["hoard-descriptors"]).deadline(Duration::from_secs(20)).start();
    for _ in 0..10 {
        assert_eq!(running.line().as_deref(), Ok("ready"));
    }
    let now = running.snapshot();
    let of_the_program = now.program().map(|it| it.descriptors.len());
    let of_all: usize = now.processes.iter().map(|it| it.descriptors.len()).sum();
    assert_eq!((now.processes.len(), of_the_program), (11, Some(3)));
    assert!((1000..8000).contains(&of_all), "{of_all}");
}

#[test]
fn input_for_which_there_is_no_room_is_not_waited_for() {
    let mut running = short(&["fill-its-input"]).stdin_later().start();
    assert_eq!(running.line().as_deref(), Ok("ready"));
    running.tell(b"hello\n");
    assert_eq!(running.finish().exit, Exit::Deadline);
}

#[test]
fn output_that_is_cut_while_it_is_read_is_no_fault() {
    let outcome = short(&["cut-its-output"]).stdout_to_a_file().finish();
    assert_eq!(outcome.exit, Exit::Deadline);
}

#[test]
fn what_a_program_has_put_in_the_place_of_a_file_is_not_waited_for() {
    let folder = Folder::new();
    let script = "mkfifo pipe; ln -s /dev/zero zeroes; echo text > file";
    let run = Run::new("/bin/sh").args(["-c", script]).folder(folder.path());
    assert_eq!(run.may_write(folder.path()).finish().exit, Exit::Code(0));
    assert_eq!(folder.read("file").as_deref(), Some(&b"text\n"[..]));
    for name in ["pipe", "zeroes"] {
        let read = std::panic::AssertUnwindSafe(|| folder.read(name));
        let told = std::panic::catch_unwind(read).expect_err("it is no file");
        let told = told.downcast_ref::<String>().expect("a verdict is text");
        assert!(told.contains("no file to be read"), "{told}");
    }
}

#[test]
fn a_name_that_a_terminal_would_obey_stays_text_on_its_line() {
    let folder = Folder::new();
    let path = folder.path().join("one\n\u{1b}[2J- two");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o644)).expect("mkfifo");
    let run = short(&["open"]).arg(path);
    let outcome = run.finish();
    if outcome.snapshot.processes.iter().any(|it| it.call == grader::Call::Hidden) {
        return grader::skip("the name of a file", "/proc/PID/syscall cannot be read");
    }
    let told = outcome.snapshot.explain().join("\n");
    assert!(told.ends_with(r"openat(2) on one\n\u{1b}[2J- two"), "{told}");
}

#[test]
fn whose_processes_come_and_go_has_no_more_time_than_others() {
    let outcome = short(&["relay"]).deadline(Duration::from_secs(4)).finish();
    assert_eq!(outcome.exit, Exit::Deadline);
}

#[test]
fn a_process_that_counts_its_pids_anew_is_known_by_the_run_s_own() {
    let run = short(&["count-anew"]).contained(Containment::Fallback);
    let mut running = run.deadline(Duration::from_secs(20)).start();
    let said = running.line().expect("a line");
    if said != "ready" {
        return grader::skip("pids in a namespace of the program's", &said);
    }
    let now = running.snapshot();
    let pids: Vec<_> = now.processes.iter().map(|it| (it.pid, it.host)).collect();
    assert!(pids.len() == 2 && pids.iter().all(|(pid, host)| pid == host), "{pids:?}");
}
