//! What strace(1) sees of a program, the recorder tells too: the same calls with the same results, in the
//! same order in each process. Where there is no strace, the test says that it has compared nothing.

mod strace {
    pub(crate) mod seen;
}

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{SigHandler, Signal};
use story::Started;
use strace::seen::{Lives, by_recorder, by_strace};

/// How much of two views is held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// All calls of each process and their results, in order.
    Exact,
    /// The same, but for how many bytes were read and written: pids have more or fewer digits.
    Calls,
    /// As `Calls`; but who is ended by a signal may have come less far beside strace.
    UntilKilled,
    /// Which calls are made, by anybody.
    Names,
}

/// Programs of the system, which make the same calls each time.
const SYSTEM: [(&[&str], Depth); 4] = [
    (&["true"], Depth::Exact),
    (&["ls", "/"], Depth::Exact),
    (&["sh", "-c", "echo a | cat"], Depth::Exact),
    (&["sh", "-c", "(exit 3); echo $?; ls /no/such"], Depth::Exact),
];

/// Programs of the chapters whose calls depend neither on the order of processes nor on time. Left out is
/// `serve_two`, which serves for a minute.
const CHAPTERS: [(&str, &[&str]); 7] = [
    (
        "syscalls",
        &[
            "double_close",
            "errno_late",
            "errno_tour",
            "fd_table",
            "five_requests",
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
            "fall_through",
            "fork_prng",
            "fork_twice",
            "orphan",
            "shared_offset_fork",
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
            "sigpipe_tour",
            "wait_first",
        ],
    ),
    ("select", &["address_in_use", "echo_once", "fd_1500", "socket_kinds", "stale_set"]),
    ("signals", &["auto_reap", "disposition_table", "errno_clobbered", "mask_across_fork"]),
    (
        "self-pipe",
        &[
            "closed_too_soon",
            "full_pipe",
            "inherited_pipe_bug",
            "kept_wakeup",
            "lost_wakeup",
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
            "inplace_vs_fork_exec",
            "launch_editor",
            "ready_pipe",
            "sigpipe_leaks",
            "survive_table",
            "tiny_shell",
        ],
    ),
];

/// Those that end somebody who might not have begun to wait yet.
const KILLED_ANYWHERE: [(&str, &[&str]); 1] = [("signals", &["quit_cleanup"])];

/// Those whose calls depend on who runs first, or on when: strace lets them run as they will. Only the names
/// of all calls that they make are compared.
const IN_ANY_ORDER: [(&str, &[&str]); 7] = [
    ("syscalls", &["interrupted"]),
    ("fork", &["cow_meter", "spawn_workers", "zombie_zoo"]),
    ("pipe", &["siblings_hold_on", "torn_lines", "torn_writes", "who_holds_it"]),
    (
        "select",
        &[
            "backlog",
            "blocking_accept",
            "herd_meter",
            "select_pipe_socket",
            "shared_accept",
            "two_sockets",
        ],
    ),
    (
        "signals",
        &[
            "coalesce",
            "eintr_matrix",
            "exec_dispositions",
            "fork_window",
            "println_in_handler",
            "unsafe_handler_deadlock",
        ],
    ),
    ("self-pipe", &["busy_ppoll", "drained_too_late", "full_pipe_blocks", "master_loop"]),
    ("execve", &["fd_by_env", "spawn_vs_fork"]),
];

/// So often strace may see a program go another way than the recorder has.
const TRIES: usize = 4;

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
            Ok(1_i64..) if depth != Depth::Exact && moves_bytes(name) => "some".to_string(),
            _ => result,
        };
        let calls = |calls: Vec<(String, String)>| {
            calls.into_iter().map(|(name, result)| (name.clone(), plain(&name, result))).collect()
        };
        lives.into_iter().map(|(who, all)| (who, calls(all))).collect()
    };
    if depth == Depth::Names {
        let (strace, recorder) =
            (names(&traced(program, folder.path())), names(&recorded(program, folder.path())));
        let differs: Vec<_> = strace.symmetric_difference(&recorder).collect();
        return (!differs.is_empty()).then(|| format!("only one has seen {differs:?}"));
    }
    let (strace, recorder) =
        (view(traced(program, folder.path())), view(recorded(program, folder.path())));
    let who: Vec<_> = strace.keys().collect();
    if who != recorder.keys().collect::<Vec<_>>() {
        return Some(format!("strace has seen {who:?}, the recorder {:?}", recorder.keys()));
    }
    strace.iter().find_map(|(who, calls)| {
        let mut told = &recorder[who][..];
        let was_ended = calls.last().is_none_or(|(name, _)| !name.starts_with("exit"));
        if depth == Depth::UntilKilled && was_ended {
            told = &told[..told.len().min(calls.len())];
        }
        let at = calls.iter().zip(told).position(|(one, other)| one != other);
        let at = at.or((calls.len() != told.len()).then_some(calls.len().min(told.len())))?;
        Some(format!("{who}, call {at}: strace {:?}, recorder {:?}", calls.get(at), told.get(at)))
    })
}

/// Who has to wait for a lock yields first: that says nothing of the program.
fn names(lives: &Lives) -> BTreeSet<String> {
    let names = lives.values().flatten().map(|(name, _)| name.clone());
    names.filter(|name| !matches!(name.as_str(), "sched_yield" | "restart_syscall")).collect()
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
            // strace lets the kernel choose who runs: another order is no contradiction.
            let each: Option<Vec<_>> = (0..TRIES).map(|_| difference(program, *depth)).collect();
            Some(format!("{program:?}: {}", each?.pop()?))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), programs.len(), wrong.join("\n"));
}

/// What a background job ignores, so do its children; shells ask about that, strace and we pass it on
/// differently.
fn hear_all_signals() {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: the default needs no handler, and this process had set none.
        _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
}

#[test]
fn strace_sees_the_same_of_programs_of_the_system() {
    hear_all_signals();
    let programs: Vec<_> = SYSTEM
        .iter()
        .map(|(program, depth)| (program.iter().map(OsStr::new).collect(), *depth))
        .collect();
    the_same(&programs);
}

fn of_the_chapters(chapters: &[(&str, &[&str])], depth: Depth) {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--bins"]);
    build.args(chapters.iter().flat_map(|(chapter, _)| ["--package", chapter]));
    assert!(build.status().expect("cargo is there").success());
    let names = chapters.iter().flat_map(|(_, names)| *names);
    let paths: Vec<PathBuf> =
        names.map(|name| Path::new(env!("CARGO_BIN_EXE_recorder")).with_file_name(name)).collect();
    let programs: Vec<_> = paths.iter().map(|path| (vec![path.as_os_str()], depth)).collect();
    the_same(&programs);
}

#[test]
fn strace_sees_the_same_of_the_chapters_programs() {
    hear_all_signals();
    of_the_chapters(&CHAPTERS, Depth::Calls);
    of_the_chapters(&KILLED_ANYWHERE, Depth::UntilKilled);
}

#[test]
fn strace_sees_the_same_calls_of_programs_that_race() {
    hear_all_signals();
    of_the_chapters(&IN_ANY_ORDER, Depth::Names);
}
