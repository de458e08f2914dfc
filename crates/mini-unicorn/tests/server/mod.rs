//! A server that a test has started, and a client for it. Everything has a deadline, and nothing
//! outlives the test: the whole process group is killed when this is dropped.
#![allow(dead_code)] // each test file uses a part of it

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use story::{DEADLINE, children, wait_until};
use tempfile::TempDir;

/// A running master, in a folder of its own, which is also its current directory.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    address: String,
}

impl Server {
    /// Starts `mini-unicorn` on a free port, with these arguments besides; returns when it is ready.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Server {
        Server::start_in(TempDir::new().expect("a folder"), args)
    }

    /// The same, in a folder that the test has prepared.
    #[track_caller]
    pub(crate) fn start_in(folder: TempDir, args: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mini-unicorn"));
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        Server::run(folder, command)
    }

    /// Runs a command that ends up as a master, and waits until it listens and is ready. The log is
    /// its standard error, in the file `log`.
    #[track_caller]
    pub(crate) fn run(folder: TempDir, command: Command) -> Server {
        let mut server = Server::run_without_waiting(folder, command);
        server.wait_for("ready, with");
        let log = server.log();
        let (_, after) = log.split_once("listening on ").unwrap_or_default();
        server.address = after.split(' ').next().unwrap_or_default().to_string();
        server
    }

    /// Runs a command, and leaves it to the test to wait for something.
    #[track_caller]
    pub(crate) fn run_without_waiting(folder: TempDir, mut command: Command) -> Server {
        let log = File::create(folder.path().join("log")).expect("a log");
        command.current_dir(folder.path()).stdin(Stdio::null()).stderr(log).process_group(0);
        command.env_remove("RUST_BACKTRACE");
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Server { child, folder, address: String::new() }
    }

    /// Where it listens: `127.0.0.1:4321`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the log has this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_for_times(text, 1);
    }

    /// Waits until the log has this text so often.
    #[track_caller]
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) {
        let started = std::time::Instant::now();
        wait_until(&format!("`{text}` is in the log {times} times"), || {
            if started.elapsed() + std::time::Duration::from_secs(1) > DEADLINE {
                panic!("no `{text}` ({times} times) in the log:\n{}", self.log());
            }
            (self.log().matches(text).count() >= times).then_some(())
        });
    }

    /// The process that was started, which is the master unless it daemonized.
    pub(crate) fn master(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// A master's workers, by number: those whose title says so.
    pub(crate) fn workers_of(master: Pid) -> Vec<(usize, Pid)> {
        let slot = |pid: Pid| {
            let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            let number = title.strip_prefix("mini-unicorn worker[")?.split(']').next()?;
            Some((number.parse().ok()?, pid))
        };
        let mut workers: Vec<_> = children(master).into_iter().filter_map(slot).collect();
        workers.sort_unstable_by_key(|&(slot, _)| slot);
        workers
    }

    /// The pids of the workers, by number.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        Server::workers_of(self.master()).into_iter().map(|(_, pid)| pid).collect()
    }

    /// Waits until the workers are so many; returns them.
    #[track_caller]
    pub(crate) fn wait_for_workers(&self, count: usize) -> Vec<Pid> {
        wait_until(&format!("there are {count} workers"), || {
            Some(self.workers()).filter(|workers| workers.len() == count)
        })
    }

    /// Sends a signal to the master.
    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.master(), signal).expect("the master was not reaped");
    }

    /// Asks for a path, and returns the whole answer.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&self.address, path)
    }

    /// Waits for the master's end.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> ExitStatus {
        wait_until("the master ends", || self.child.try_wait().expect("our child"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The group may live on without its leader, whose pid stays taken while it does.
        let _ = killpg(self.master(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// An answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status code; 0 if no whole head came.
    pub(crate) status: u16,
    /// Head and empty line.
    pub(crate) head: String,
    /// What came behind it.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Takes apart what came over a connection.
    pub(crate) fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let (head, body) = bytes.split_at(end.unwrap_or(0));
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Answer { status, head, body: body.to_vec() }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connects, with a deadline for whatever follows.
#[track_caller]
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("connect {address}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    stream
}

/// Sends these bytes, and returns all that comes back.
#[track_caller]
pub(crate) fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).expect("the server takes it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server closes, and not abruptly");
    answer
}

/// Asks for a path, over a connection of its own.
#[track_caller]
pub(crate) fn get(address: &str, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Answer::of(&exchange(address, request.as_bytes()))
}

/// The pid in a file, once there is one.
#[track_caller]
pub(crate) fn pid_in(path: &Path) -> Pid {
    wait_until(&format!("a pid is in {}", path.display()), || {
        let text = fs::read_to_string(path).ok()?;
        Some(Pid::from_raw(text.trim_end().parse().ok()?))
    })
}
