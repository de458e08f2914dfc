//! Programs that try to break the grader: each is held, named, and leaves nothing behind.
//!
//! The grader of these tests is the program `grader` in a process of its own, so that a broken one would be seen. It runs
//! as this user and, where this is root, as a plain user as well; with namespaces and without. Nothing here runs a hostile
//! program in a containment that does not hold.

#[path = "programs/scenes.rs"]
mod scenes;

use scenes::{SAFE, SCENES, Scene};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

#[test]
#[ignore = "real bombs: `just hostile` runs them in a pid namespace of their own"]
fn in_namespaces_every_hostile_program_is_held() {
    hold_all("namespaces", "strong");
}

#[test]
#[ignore = "real bombs: `just hostile` runs them in a pid namespace of their own"]
fn in_the_fallback_every_hostile_program_is_held() {
    hold_all("fallback", "good");
}

#[test]
fn bare_the_harmless_ones_are_held() {
    hold_all("bare", "any");
}

fn hold_all(containment: &str, needed: &str) {
    let mut complaints = Vec::new();
    for user in users() {
        let grader = Grader::new(containment, user);
        let holds = grader.containment();
        let known = needed == "any" || holds.contains(&format!("containment: {needed}"));
        if !known {
            grader::skip(&format!("hostile programs in {containment}, as {user:?}"), &holds);
            continue;
        }
        for scene in SCENES.iter().filter(|s| needed != "any" || SAFE.contains(&s.name)) {
            let only = std::env::var("HOSTILE_SCENE");
            if only.is_ok_and(|only| !only.split(',').any(|name| name == scene.name)) {
                continue;
            }
            // Alone on the machine, so that what is left can be told from what another test is doing.
            let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for complaint in grader.hold(scene) {
                complaints.push(format!("{} ({containment}, {user:?}): {complaint}", scene.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// This user, and for root somebody else as well.
fn users() -> Vec<Option<u32>> {
    if nix::unistd::geteuid().is_root() { vec![None, Some(65_533)] } else { vec![None] }
}

/// A grader with a folder for its temporary files, and a folder that its program must not touch.
struct Grader<'a> {
    containment: &'a str,
    user: Option<u32>,
    folder: TempDir,
    victim: TempDir,
}

impl<'a> Grader<'a> {
    fn new(containment: &'a str, user: Option<u32>) -> Self {
        let make = || tempfile::Builder::new().prefix("hostile-").tempdir().expect("a folder");
        let (folder, victim) = (make(), make());
        fs::write(victim.path().join("file"), "precious").expect("write");
        for path in [folder.path(), victim.path(), &victim.path().join("file")] {
            chown(path, user, user).expect("chown");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
        Self { containment, user, folder, victim }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command
            .env("GRADER_CONTAINMENT", self.containment)
            .env("TMPDIR", self.folder.path())
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn containment(&self) -> String {
        let output = self.command().arg("containment").output().expect("it starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs one scene; returns what is not as it should be.
    fn hold(&self, scene: &Scene) -> Vec<String> {
        let mounts = fs::read("/proc/self/mountinfo").expect("proc");
        let ports = listening();
        let marker = format!("marker-{}-{}", std::process::id(), fastrand::u64(..));
        let mut grader = self
            .command()
            .args(["run", "--json", "--timeout", scene.timeout(), "--"])
            .arg(env!("CARGO_BIN_EXE_grader-hostile"))
            .args([scene.name, "contained"])
            .arg(self.victim.path())
            .arg(&marker)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = grader.stdout.take().expect("a pipe");
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            sender.send(output.read_to_string(&mut text).map(|_| text))
        });
        // A bomb of a hundred sessions has a hundred times the grader's share of the processors (sched(7), autogroup): that alone was seen to take
        // half a minute.
        let Ok(text) = ended.recv_timeout(Duration::from_secs(90)) else {
            let _ = grader.kill();
            let _ = grader.wait();
            return vec!["the grader did not come to an end".into()];
        };
        let text = text.expect("text");
        let ended = grader.wait().expect("it can be reaped");
        let Ok(told) = serde_json::from_str::<Value>(&text) else {
            let mut stderr = String::new();
            let _ = grader.stderr.take().map(|mut pipe| pipe.read_to_string(&mut stderr));
            return vec![format!("the grader ended with {ended}, saying {text:?} {stderr}")];
        };
        let mut complaints = Vec::new();
        let exit = match told["status"].as_i64() {
            Some(status) => format!("{} {status}", told["exit"].as_str().unwrap_or_default()),
            None => told["exit"].as_str().unwrap_or_default().to_owned(),
        };
        if !scene.exit.contains(&exit.as_str()) || !text.contains(scene.told) {
            complaints.push(format!("it ended with {exit:?}, and this was told: {}", head(&text)));
        }
        let victim = fs::read_to_string(self.victim.path().join("file")).unwrap_or_default();
        if victim != "precious" || self.victim.path().join("new").exists() {
            complaints.push("it wrote outside of its folder".into());
        }
        let left: Vec<_> = entries(self.folder.path());
        if !left.is_empty() {
            complaints.push(format!("it left {left:?}"));
        }
        let alive = processes_with(&marker);
        if !alive.is_empty() {
            complaints.push(format!("it left the processes {alive:?}"));
        }
        if Path::new("/dev/shm").join(&marker).exists() || shared_objects() {
            complaints.push("memory that it shares is still there".into());
        }
        if fs::read("/proc/self/mountinfo").expect("proc") != mounts {
            complaints.push("the mounts are not as they were".into());
        }
        if !listening().is_subset(&ports) && scene.name == "take-port" {
            complaints.push("somebody listens on a new port".into());
        }
        complaints
    }
}

fn head(text: &str) -> String {
    text.chars().take(1500).collect()
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn processes_with(marker: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    processes
        .filter(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(marker)
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Whether an object of System V with the key of the hostile program is there (proc(5), `/proc/sysvipc`).
fn shared_objects() -> bool {
    ["shm", "msg", "sem"].iter().any(|kind| {
        let table = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        table.lines().any(|line| line.split_whitespace().next() == Some("424242"))
    })
}

/// The local addresses on which somebody listens (state 0A in proc(5), `/proc/net/tcp`).
fn listening() -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.filter(|words| words.get(3) == Some(&"0A")).map(|words| words[1].to_owned()).collect()
}
