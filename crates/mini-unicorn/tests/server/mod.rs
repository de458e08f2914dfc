//! A server that a test has started, and a client for it. Everything has a deadline, and nothing
//! outlives the test: whatever runs in the server's folder is killed when this is dropped.
#![allow(dead_code, unused_imports)] // each test file uses a part of it

mod client;
mod process;
mod waiting;

use std::fs::{self, File};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use story::{DEADLINE, children, wait_until};
use tempfile::TempDir;

pub(crate) use client::{Answer, Pending, connect, exchange, get, get_at};
pub(crate) use process::{
    descriptors, is_close_on_exec, leads_to, living_in, number_of, pid_in, send, socket_at,
    sockets, stop, title, wait_until_gone,
};
pub(crate) use waiting::successor_of;

/// The server.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mini-unicorn");

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
        Server::start_in(folder(), args)
    }

    /// The same, in a folder that the test has prepared.
    #[track_caller]
    pub(crate) fn start_in(folder: TempDir, args: &[&str]) -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0"]).args(args);
        Server::run(folder, command)
    }

    /// Starts it with this configuration, in the file `site.toml`, on a free port.
    #[track_caller]
    pub(crate) fn configured(text: &str) -> Server {
        Server::configured_in(folder(), text)
    }

    /// The same, in a folder that the test has prepared.
    #[track_caller]
    pub(crate) fn configured_in(folder: TempDir, text: &str) -> Server {
        let server = Server::configured_without_waiting(folder, text);
        server.when_ready()
    }

    /// The same, for one that may not get as far as being ready.
    #[track_caller]
    pub(crate) fn configured_without_waiting(folder: TempDir, text: &str) -> Server {
        fs::write(folder.path().join("site.toml"), on_a_free_port(text)).expect("a file");
        let mut command = Command::new(PROGRAM);
        command.args(["-c", "site.toml"]);
        Server::run_without_waiting(folder, command)
    }

    /// Writes another configuration, to be read at the next SIGHUP.
    #[track_caller]
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.path("site.toml"), on_a_free_port(text)).expect("a file");
    }

    /// Runs a command that ends up as a master, and waits until it listens and is ready. The log is
    /// its standard error, in the file `log`.
    #[track_caller]
    pub(crate) fn run(folder: TempDir, command: Command) -> Server {
        Server::run_without_waiting(folder, command).when_ready()
    }

    /// Waits until it listens and is ready.
    #[track_caller]
    pub(crate) fn when_ready(mut self) -> Server {
        self.wait_for("ready, with");
        let log = self.log();
        let at = log.split_once("listening on ").or_else(|| log.split_once("inherited "));
        let address = at.and_then(|(_, after)| after.split(' ').next());
        self.address = address.unwrap_or_default().to_string();
        self
    }

    /// Runs a command, and leaves it to the test to wait for something.
    #[track_caller]
    pub(crate) fn run_without_waiting(folder: TempDir, command: Command) -> Server {
        Server::run_reading(folder, command, Stdio::null())
    }

    /// The same, with that as its standard input.
    #[track_caller]
    pub(crate) fn run_reading(folder: TempDir, mut command: Command, stdin: Stdio) -> Server {
        let log = File::create(folder.path().join("log")).expect("a log");
        command.current_dir(folder.path()).stdin(stdin).stderr(log).process_group(0);
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

    /// Its folder, as /proc shows it.
    pub(crate) fn canonical_folder(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there")
    }

    /// Another one in the same folder, with the same configuration, once this one has ended.
    #[track_caller]
    pub(crate) fn again(mut self) -> Server {
        self.finish();
        let folder = mem::replace(&mut self.folder, folder());
        let mut command = Command::new(PROGRAM);
        command.args(["-c", "site.toml"]);
        Server::run(folder, command)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The inode of a file in its folder.
    pub(crate) fn inode(&self, name: &str) -> Option<u64> {
        fs::metadata(self.path(name)).ok().map(|meta| meta.ino())
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

    /// Sends a signal to the master.
    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.master(), signal).expect("the master was not reaped");
    }

    /// Asks for a path, and leaves the answer for later.
    #[track_caller]
    pub(crate) fn ask(&self, path: &str) -> Pending {
        Pending::ask(&self.address, path)
    }

    /// Asks for a path, and returns the whole answer.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&self.address, path)
    }

    /// What the server has to say when it does not start: its log, after an exit with 1.
    #[track_caller]
    pub(crate) fn refused(&mut self) -> String {
        let status = self.finish();
        assert_eq!(status.code(), Some(1), "{}", self.log());
        self.log()
    }

    /// Waits for the master's end.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> ExitStatus {
        wait_until("the master ends", || self.child.try_wait().expect("our child"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Daemons and second masters too: in a folder that has one test, all is that test's.
        let folder = self.folder.path().canonicalize().unwrap_or_default();
        while let living @ [_, ..] = &living_in(&folder)[..] {
            for &pid in living {
                let _ = kill(pid, Signal::SIGKILL);
            }
            let _ = self.child.try_wait(); // a zombie has no directory
        }
        let _ = self.child.wait();
    }
}

/// An empty one.
pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("there is room in the directory for such")
}

/// Without a word on where to listen, that is a free port.
fn on_a_free_port(text: &str) -> String {
    let listen = if text.contains("listen") { "" } else { "listen = \"127.0.0.1:0\"\n" };
    format!("{listen}{text}")
}
