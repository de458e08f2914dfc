//! What strace(1) sees of a program, the recorder tells too: the same calls with the same results, in the
//! same order in each process. Where there is no strace, the test says that it has compared nothing.

mod strace {
    pub(crate) mod seen;
}

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use story::Started;
use strace::seen::{Lives, by_recorder, by_strace};

/// How much of two views is held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// All calls of each process and their results, in order.
    Exact,
    /// The same, but for how many bytes were read and written: pids have more or fewer digits.
    Calls,
}

/// Programs of the system, which make the same calls each time.
const SYSTEM: [(&[&str], Depth); 4] = [
    (&["true"], Depth::Exact),
    (&["ls", "/"], Depth::Exact),
    (&["sh", "-c", "echo a | cat"], Depth::Exact),
    (&["sh", "-c", "(exit 3); echo $?; ls /no/such"], Depth::Exact),
];

/// Programs of the chapters whose calls depend neither on the order of processes nor on time.
const CHAPTERS: [(&str, &[&str]); 7] = [
    (
        "syscalls",
        &[
            "double_close",
            "errno_late",
            "errno_tour",
            "fd_table",
            "five_requests",
            "interrupted",
            "raw_write",
            "redirect",
            "shared_offset",
            "short_write",
            "what_std_hides",
        ],
    ),
    (
        "fork",
        &[
            "buffered_dup",
            "cow_meter",
            "fall_through",
            "fork_prng",
            "fork_twice",
            "orphan",
            "shared_offset_fork",
            "spawn_workers",
            "zombie_zoo",
        ],
    ),
    (
        "pipe",
        &[
            "both_ways",
            "cloexec_leak",
            "fill_it",
            "master_command",
            "pipe_hello",
            "shell_pipe",
            "siblings_hold_on",
            "sigpipe_tour",
            "torn_lines",
            "torn_writes",
            "wait_first",
            "who_holds_it",
        ],
    ),
    (
        "select",
        &[
            "address_in_use",
            "backlog",
            "blocking_accept",
            "echo_once",
            "fd_1500",
            "herd_meter",
            "select_pipe_socket",
            "shared_accept",
            "socket_kinds",
            "stale_set",
            "two_sockets",
        ],
    ),
    (
        "signals",
        &[
            "auto_reap",
            "coalesce",
            "disposition_table",
            "eintr_matrix",
            "errno_clobbered",
            "exec_dispositions",
            "fork_window",
            "mask_across_fork",
            "println_in_handler",
            "quit_cleanup",
            "unsafe_handler_deadlock",
        ],
    ),
    (
        "self-pipe",
        &[
            "busy_ppoll",
            "closed_too_soon",
            "drained_too_late",
            "inherited_pipe_bug",
            "kept_wakeup",
            "lost_wakeup",
            "master_loop",
            "ppoll_equiv",
            "renewed_pipe",
            "selfpipe_min",
            "signalfd_equiv",
        ],
    ),
    (
        "execve",
        &[
            "argv0",
            "exec_fails_wrong",
            "fd_by_env",
            "inplace_vs_fork_exec",
            "launch_editor",
            "ready_pipe",
            "sigpipe_leaks",
            "spawn_vs_fork",
            "survive_table",
            "tiny_shell",
        ],
    ),
];

fn setarch() -> Command {
    // The same addresses, as under the recorder: how much of its own maps a program reads depends on them.
    let mut command = Command::new("setarch");
    command.arg("--addr-no-randomize");
    command
}

fn is_installed() -> bool {
    let version = setarch().args(["strace", "--version"]).output();
    let installed = version.is_ok_and(|version| version.status.success());
    if !installed {
        eprintln!("strace, or setarch, is not installed: nothing was compared");
    }
    installed
}

fn traced(program: &[&OsStr], folder: &Path) -> Lives {
    let file = folder.join("strace");
    let mut command = setarch();
    command.args(["strace", "-f", "-qq", "-s", "0", "-o"]).arg(&file).args(program);
    Started::command(command).finish();
    by_strace(&fs::read_to_string(file).expect("strace has written"))
}

fn recorded(program: &[&OsStr], folder: &Path) -> Lives {
    let file = folder.join("events");
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--all", "--events"]).arg(&file).arg("--").args(program);
    Started::command(command).finish();
    let events = fs::read(file).expect("the recorder has written");
    by_recorder(&trace::event::read(&events[..]).expect("each line is an event"))
}

/// Where two views of a program differ first.
fn difference(program: &[&OsStr], depth: Depth) -> Option<String> {
    let folder = tempfile::tempdir().expect("there is room");
    let view = |lives: Lives| -> BTreeMap<String, Vec<(String, String)>> {
        let plain = |name: &str, result: String| match result.parse() {
            Ok(1_i64..) if depth == Depth::Calls && moves_bytes(name) => "some".to_string(),
            _ => result,
        };
        let calls = |calls: Vec<(String, String)>| {
            calls.into_iter().map(|(name, result)| (name.clone(), plain(&name, result))).collect()
        };
        lives.into_iter().map(|(who, all)| (who, calls(all))).collect()
    };
    let (strace, recorder) =
        (view(traced(program, folder.path())), view(recorded(program, folder.path())));
    let who: Vec<_> = strace.keys().collect();
    if who != recorder.keys().collect::<Vec<_>>() {
        return Some(format!("strace has seen {who:?}, the recorder {:?}", recorder.keys()));
    }
    strace.iter().find_map(|(who, calls)| {
        let told = &recorder[who];
        let at = calls.iter().zip(told).position(|(one, other)| one != other);
        let at = at.or((calls.len() != told.len()).then_some(calls.len().min(told.len())))?;
        Some(format!("{who}, call {at}: strace {:?}, recorder {:?}", calls.get(at), told.get(at)))
    })
}

fn moves_bytes(name: &str) -> bool {
    matches!(name, "read" | "write" | "readv" | "writev" | "pread64" | "recvfrom" | "sendto")
}

#[track_caller]
fn the_same(programs: &[(Vec<&OsStr>, Depth)]) {
    if !is_installed() {
        return;
    }
    let wrong: Vec<_> = programs
        .iter()
        .filter_map(|(program, depth)| {
            Some(format!("{program:?}: {}", difference(program, *depth)?))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), programs.len(), wrong.join("\n"));
}

#[test]
fn strace_sees_the_same_of_programs_of_the_system() {
    let programs: Vec<_> = SYSTEM
        .iter()
        .map(|(program, depth)| (program.iter().map(OsStr::new).collect(), *depth))
        .collect();
    the_same(&programs);
}

#[test]
fn strace_sees_the_same_of_the_chapters_programs() {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bins"]);
    build.args(CHAPTERS.iter().flat_map(|(chapter, _)| ["--package", chapter]));
    assert!(build.status().expect("cargo is there").success());
    let names = CHAPTERS.iter().flat_map(|(_, names)| *names);
    let paths: Vec<PathBuf> =
        names.map(|name| Path::new(env!("CARGO_BIN_EXE_recorder")).with_file_name(name)).collect();
    let programs: Vec<_> =
        paths.iter().map(|path| (vec![path.as_os_str()], Depth::Calls)).collect();
    the_same(&programs);
}
