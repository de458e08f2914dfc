//! A grader that is killed in the middle of a run leaves nothing.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_killed_grader_leaves_nobody_and_its_folders_go_with_the_next_one() {
    for containment in ["bare", "fallback", "namespaces"] {
        let temporary = tempfile::tempdir().expect("a folder");
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("proc");
        let groups = fs::read_to_string("/proc/self/cgroup").expect("proc");
        let in_it = |program: &str| {
            let mut command = Command::new(program);
            command.env("TMPDIR", temporary.path()).env("GRADER_CONTAINMENT", containment);
            command
        };
        let mut host = in_it(env!("CARGO_BIN_EXE_grader-subject"))
            .arg("host")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = host.stdout.take().expect("it is a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("it is text");
        assert_eq!(folders(temporary.path()).len(), 2, "gates, and a folder for the run");
        let (daemon, port) = line.trim().split_once(' ').expect("a pid and a port");
        let daemon = Pid::from_raw(daemon.parse().expect("a pid"));
        let port = (Ipv4Addr::LOCALHOST, port.parse().expect("a port"));
        assert!(TcpStream::connect(port).is_ok(), "the daemon listens");
        host.kill().expect("it can be killed");
        host.wait().expect("it can be reaped");

        let give_up = Instant::now() + Duration::from_secs(10);
        while kill(daemon, None) != Err(Errno::ESRCH) {
            assert!(Instant::now() < give_up, "{containment}: pid {daemon} outlives its test");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Who has started the daemon has the listener as well, and may be ended after it.
        let refused = loop {
            match TcpStream::connect(port) {
                Ok(_) => assert!(Instant::now() < give_up, "{containment}: somebody listens still"),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{containment}");
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").expect("proc"), mounts);
        assert_eq!(fs::read_to_string("/proc/self/cgroup").expect("proc"), groups);
        let next = in_it(env!("CARGO_BIN_EXE_grader")).args(["run", "--", "true"]).output();
        assert!(next.expect("it starts").status.success());
        assert_eq!(folders(temporary.path()), [] as [String; 0], "{containment}");
    }
}

#[test]
fn a_folder_in_use_is_not_taken_for_an_abandoned_one() {
    let temporary = tempfile::tempdir().expect("a folder");
    let graders: Vec<_> = (0..20)
        .map(|_| {
            Command::new(env!("CARGO_BIN_EXE_grader"))
                .args(["run", "--", "sh", "-c", "echo x > $TMPDIR/file && cat $TMPDIR/file"])
                .env("TMPDIR", temporary.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts")
        })
        .collect();
    for grader in graders {
        let output = grader.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(folders(temporary.path()), [] as [String; 0]);
}

fn folders(of: &Path) -> Vec<String> {
    let entries = fs::read_dir(of).expect("it is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
