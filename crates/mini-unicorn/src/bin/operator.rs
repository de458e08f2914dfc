//! Starts a server, does to it what its arguments say, one by one, and shows the log meanwhile.
//!
//! `upgrade` alone is a scene that it knows. Else an argument is one of
//!   `toml LINES`      its configuration, read at the start and on HUP; `;` ends a line
//!   `get /PATH`       `ask /sleep/N` does not wait for it, and later there is `answer`
//!   `load`            a client that asks again and again, until `load ends`
//!   `TTIN`            any signal, to the master; also `QUIT new` (master) and `KILL worker 0`
//!   `until TEXT`      wait for a line of the log, behind the last one that was waited for
//!   `ps`, `stdout`    who is there; and where their standard output leads
//!   `mv FROM TO`      in the server's folder, which is a temporary one
//!   `end`             wait until all have gone; otherwise they are killed now

#[path = "operator/client.rs"]
mod client;
#[path = "operator/log.rs"]
mod log;

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{env, fs};

use anyhow::{Context, Result, anyhow, ensure};
use client::{Load, SOCKET, get};
use log::{DEADLINE, Log};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

const CONFIG: &str = "site.toml";
/// Whoever finds this in its environment is the server.
const SERVER: &str = "OPERATOR_IS_SERVER";

// ANCHOR: scenes
/// What is played if nothing in particular is asked for.
const SCENE: &str = "get /, TTIN, until [worker 1, ps, KILL worker 0, until [worker 0, \
                     TTOU, until reaped, QUIT, end";

/// `upgrade`: while a client asks, a new master comes, and the old one leaves.
const UPGRADE: &str = "load, USR2, until [worker 0, ps, WINCH, until reaped, \
                       QUIT, until have left, load ends, QUIT new";
// ANCHOR_END: scenes

fn main() -> ExitCode {
    if env::var_os(SERVER).is_some() {
        return mini_unicorn::serve(mini_unicorn::apps::load);
    }
    let mut operations: Vec<_> = env::args().skip(1).collect();
    let scene = match operations[..] {
        [] => SCENE,
        [ref name] if name == "upgrade" => UPGRADE,
        _ => "",
    };
    if !scene.is_empty() {
        operations = scene.split(", ").map(String::from).collect();
    }
    match operate(operations.into_iter().peekable()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Operator {
    master: Child,
    log: Arc<Log>,
    listener: Option<JoinHandle<()>>,
    asked: Option<JoinHandle<String>>,
    loader: Option<JoinHandle<()>>,
    load: Arc<Load>,
}

// ANCHOR: operate
fn operate(mut operations: std::iter::Peekable<impl Iterator<Item = String>>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    env::set_current_dir(&folder)?;
    fs::write(CONFIG, "")?;
    while let Some(lines) = operations.peek().and_then(|next| next.strip_prefix("toml ")) {
        write_config(lines)?;
        operations.next();
    }
    let mut command = Command::new(env::current_exe()?);
    command.args(["--config", CONFIG, "--listen", SOCKET]).env(SERVER, "1").process_group(0);
    let mut master = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let lines = BufReader::new(master.stderr.take().context("a pipe")?).lines();
    let log = Arc::new(Log::default());
    let to = Arc::clone(&log);
    let listener = thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| to.add(line));
        to.end();
    });
    let mut operator = Operator {
        master,
        log,
        listener: Some(listener),
        asked: None,
        loader: None,
        load: Arc::default(),
    };
    operator.log.until("[worker 0 ")?;
    operations.try_for_each(|operation| {
        operator.perform(&operation).with_context(|| format!("`{operation}`"))
    })
}
// ANCHOR_END: operate

impl Drop for Operator {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.master.id() as i32);
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.master.wait();
    }
}

impl Operator {
    // ANCHOR: perform
    fn perform(&mut self, operation: &str) -> Result<()> {
        let (verb, rest) = operation.split_once(' ').unwrap_or((operation, ""));
        match (verb, rest) {
            ("toml", lines) => write_config(lines)?,
            ("get", path) => say(&format!("get {path}: {}", get(path))),
            ("ask", path) => {
                say(operation);
                let path = path.to_string();
                self.asked = Some(thread::spawn(move || get(&path)));
                let start = Instant::now();
                while !self.a_worker_sleeps() {
                    ensure!(start.elapsed() < DEADLINE, "no worker sleeps over it");
                    thread::yield_now();
                }
            }
            ("answer", _) => say(&format!("the answer: {}", end_of(self.asked.take())?)),
            ("load", "ends") => {
                self.load.go_on();
                self.load.end();
                end_of(self.loader.take())?;
                let (good, bad) = self.load.counts();
                say(&format!("{good} answers were good, {bad} were not"));
            }
            ("load", _) => {
                say("a client asks again and again");
                let load = Arc::clone(&self.load);
                self.loader = Some(thread::spawn(move || load.run()));
                self.load.go_on();
            }
            ("ps", _) => self.for_each_process(|pid| {
                let title = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?;
                Some(format!("{}, child of pid {parent}", title.split(" --").next()?))
            }),
            ("stdout", _) => self.for_each_process(|pid| {
                let path = fs::read_link(format!("/proc/{pid}/fd/1")).ok()?;
                Some(format!("writes to {}", path.file_name()?.display()))
            }),
            ("until", text) => self.log.until(text)?,
            ("mv", names) => {
                say(operation);
                let (from, to) = names.split_once(' ').context("it takes two names")?;
                fs::rename(from, to)?;
            }
            ("end", _) => {
                end_of(self.listener.take())?;
                say(&format!("the master has ended, with {}", self.master.wait()?));
            }
            (signal, whom) => {
                let signal: Signal = format!("SIG{signal}").parse()?;
                let pid = match whom {
                    "" => Pid::from_raw(self.master.id() as i32),
                    "new" => self.log.pid_after("a new master runs as pid ")?,
                    worker => self.log.pid_after(&format!("[{worker} "))?,
                };
                say(&format!("kill -{verb}, to pid {pid}"));
                kill(pid, signal)?;
            }
        }
        Ok(())
    }
    // ANCHOR_END: perform

    /// What each process of the server that lives has to show, by age.
    fn for_each_process(&self, show: impl Fn(&str) -> Option<String>) {
        for pid in self.log.speakers("") {
            if let Some(shown) = show(&pid) {
                println!("pid {pid}: {shown}");
            }
        }
    }

    /// Whether a worker has got as far as sleeping over its request, as the trial app's /sleep does.
    fn a_worker_sleeps(&self) -> bool {
        let sleep = format!("{} ", libc::SYS_clock_nanosleep);
        let call = |pid: &String| fs::read_to_string(format!("/proc/{pid}/syscall"));
        let workers = self.log.speakers("worker");
        workers.iter().any(|pid| call(pid).is_ok_and(|call| call.starts_with(&sleep)))
    }
}

fn say(text: &str) {
    println!("[you {}] {text}", std::process::id());
}

fn write_config(lines: &str) -> Result<()> {
    Ok(fs::write(CONFIG, lines.replace(';', "\n"))?)
}

fn end_of<T>(thread: Option<JoinHandle<T>>) -> Result<T> {
    thread.context("nothing has begun that could end")?.join().map_err(|_| anyhow!("it panicked"))
}
