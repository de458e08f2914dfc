//! What the recorder does where it is not allowed something, and where it is ended itself.

mod common;

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{OFlag, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use story::Started;

/// A folder that anybody may use, with the recorder and its program in it: where they were built, a plain user may
/// not come.
struct Place(tempfile::TempDir);

struct Seen {
    code: Option<i32>,
    stderr: String,
    events: String,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("there is room");
        let open = Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("it is ours");
        let place = Place(folder);
        for (name, program) in [
            ("recorder", env!("CARGO_BIN_EXE_recorder")),
            ("subject", env!("CARGO_BIN_EXE_recorder-subject")),
        ] {
            fs::copy(program, place.path(name)).expect("there is room");
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Records a program as a plain user, to whom these calls are refused.
    fn record(&self, refused: &[&str], options: &[&str], program: &[&str]) -> Seen {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder-refused"));
        command.args(refused).arg("--").arg(self.path("recorder")).arg("run").args(options);
        command.arg("--events").arg(self.path("events")).arg("--").args(program);
        command.current_dir(self.0.path());
        let (status, _, stderr) = Started::command(command).finish();
        let events = fs::read_to_string(self.path("events")).unwrap_or_default();
        _ = fs::remove_file(self.path("events"));
        Seen { code: status.code(), stderr, events }
    }
}

#[test]
fn without_ptrace_it_is_said_that_it_is_forbidden() {
    let place = Place::new();
    for error in ["EPERM", "ENOSYS"] {
        let seen = place.record(&[&format!("ptrace={error}")], &[], &["./subject", "pipe"]);
        assert_eq!((seen.code, seen.events.as_str()), (Some(125), ""));
        assert!(seen.stderr.starts_with("error: cannot trace the program: "), "{}", seen.stderr);
        assert!(seen.stderr.contains("may forbid ptrace"), "{}", seen.stderr);
    }
}

/// What the program does depends on what is read of its memory, whose descriptors are one, and who connects.
#[test]
fn what_is_refused_and_can_be_found_otherwise_changes_no_recording() {
    let place = Place::new();
    const OTHERWISE: [&[&str]; 4] = [
        &["process_vm_readv=EPERM"],
        &["process_vm_readv=ENOSYS", "kcmp=ENOSYS"],
        &["kcmp=EPERM"],
        &["kcmp=EPERM", "pidfd_getfd=EPERM"],
    ];
    for program in ["pipe", "handler", "vfork", "threads", "passes", "stop"] {
        let plain = place.record(&[], &["--check"], &["./subject", program]);
        assert_eq!((plain.code, plain.stderr.as_str()), (Some(0), ""), "{program}");
        for refused in OTHERWISE {
            let seen = place.record(refused, &["--check"], &["./subject", program]);
            assert_eq!((seen.code, seen.stderr.as_str()), (Some(0), ""), "{program} {refused:?}");
            assert_eq!(seen.events, plain.events, "{program} {refused:?}");
        }
    }
}

#[test]
fn a_program_that_may_not_be_read_is_recorded_as_far_as_it_can_be_seen() {
    let place = Place::new();
    fs::set_permissions(place.path("subject"), Permissions::from_mode(0o111)).expect("it is ours");
    let seen = place.record(&[], &["--all"], &["./subject", "exit", "7"]);
    assert_eq!(seen.code, Some(7), "{}", seen.stderr);
    assert!(!seen.stderr.contains("panicked"), "{}", seen.stderr);
    assert!(seen.stderr.contains("warning: ./subject may not be read"), "{}", seen.stderr);
    assert!(seen.events.contains(r#""name":"exit_group""#), "{}", seen.events);
}

/// A program on this machine that is another's when it runs.
fn set_uid_program() -> Option<PathBuf> {
    let all = ["/bin/su", "/usr/bin/su", "/bin/mount", "/usr/bin/mount", "/usr/bin/newgrp"];
    let is_set_uid = |path: &&Path| fs::metadata(path).is_ok_and(|file| file.mode() & 0o4000 != 0);
    all.iter().map(Path::new).find(is_set_uid).map(Path::to_path_buf)
}

#[test]
fn a_set_uid_program_runs_as_who_records_it_and_that_is_said() {
    let Some(program) = set_uid_program() else {
        return eprintln!("not checked: there is no set-uid program here");
    };
    let name = program.display().to_string();
    let seen = Place::new().record(&[], &[], &[&name, "--version"]);
    assert_eq!(seen.code, Some(0), "{}", seen.stderr);
    let warning = format!("warning: {name} is set-uid, and runs without its owner's rights");
    assert!(seen.stderr.contains(&warning), "{}", seen.stderr);
}

/// The recorder with a program of several processes, threads and one that is stopped.
struct Crowd {
    folder: tempfile::TempDir,
    started: Started,
    pids: Vec<Pid>,
}

impl Crowd {
    fn new(options: &[&str], program: &str) -> Crowd {
        let folder = tempfile::tempdir().expect("there is room");
        let started = Started::command(common::recorder(&folder, options, &[program]));
        Crowd::of(folder, started)
    }

    fn of(folder: tempfile::TempDir, started: Started) -> Crowd {
        let line = started.line_with("crowd");
        let pids = line.split_whitespace().skip(1).map(|pid| pid.parse().expect("an id"));
        let pids = pids.map(Pid::from_raw).collect();
        Crowd { folder, started, pids }
    }

    fn ends(self, code: Option<i32>) {
        let Crowd { folder, started, pids } = self;
        let (status, _, stderr) = started.finish();
        assert_eq!(status.code(), code, "{stderr}");
        for pid in pids {
            let gone = || matches!(story::state(pid), None | Some('Z')).then_some(());
            story::wait_until("nobody is left", gone);
        }
        let events = fs::read_to_string(folder.path().join("events"));
        if code.is_some() {
            let events = events.expect("what was recorded is written");
            assert!(events.trim_end().ends_with(r#""what":"end"}"#), "{events}");
        }
    }
}

#[test]
fn a_signal_to_the_recorder_ends_the_program_too() {
    for policy in ["run-to-block", "free"] {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT] {
            let crowd = Crowd::new(&["--policy", policy], "crowd");
            crowd.started.signal(signal);
            crowd.ends(Some(128 + signal as i32));
        }
    }
}

/// Who makes somebody may be ended before it could tell whom.
#[test]
fn whoever_is_being_made_ends_too() {
    for program in ["makes-threads", "makes-processes"] {
        for policy in ["run-to-block", "free"] {
            for _ in 0..10 {
                let crowd = Crowd::new(&["--policy", policy], program);
                crowd.started.signal(Signal::SIGTERM);
                crowd.ends(Some(128 + Signal::SIGTERM as i32));
            }
        }
    }
}

#[test]
fn a_killed_recorder_leaves_no_process_behind() {
    for policy in ["run-to-block", "free"] {
        let crowd = Crowd::new(&["--policy", policy], "crowd");
        crowd.started.signal(Signal::SIGKILL);
        crowd.ends(None);
    }
}

/// A picture of much takes long. Here it waits for whoever reads it.
#[test]
fn a_signal_ends_the_recorder_while_it_draws() {
    let folder = tempfile::tempdir().expect("there is room");
    let picture = folder.path().join("picture");
    mkfifo(&picture, Mode::S_IRWXU).expect("the folder is ours");
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--text"]).arg(&picture).args(["--", "true"]);
    let started = Started::command(command);
    started.wait_until_blocked_in(libc::SYS_openat);
    started.signal(Signal::SIGTERM);
    let (status, _, _) = started.finish();
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}

/// The first Ctrl-C is the program's, which ignores it here; the second one is the recorder's.
#[test]
fn ctrl_c_twice_ends_whatever_the_program_makes_of_it() {
    let how = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let mut keyboard = posix_openpt(how).expect("there is room");
    grantpt(&keyboard).and_then(|()| unlockpt(&keyboard)).expect("it is ours");
    let name = ptsname_r(&keyboard).expect("it has a name");
    let terminal = open(name.as_str(), how, Mode::empty()).expect("it is there");
    let folder = tempfile::tempdir().expect("there is room");
    let mut command = common::recorder(&folder, &[], &["hears-keys"]);
    let number = terminal.as_raw_fd();
    // SAFETY: system calls only, on numbers. A new session, which who leads a group may not make.
    unsafe {
        command.pre_exec(move || {
            libc::setpgid(0, libc::getpgid(libc::getppid()));
            libc::setsid();
            libc::ioctl(number, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let started = Started::command(command);
    started.line_with("ready");
    keyboard.write_all(&[3]).expect("there is room");
    started.line_with("heard");
    keyboard.write_all(&[3]).expect("there is room");
    let (status, _, stderr) = started.finish();
    assert_eq!(status.code(), Some(130), "{stderr}");
}
