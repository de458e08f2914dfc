//! Two masters, and a pid file that is watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal::*;
use nix::unistd::Pid;
use story::{parent, state, wait_until};

use crate::server::{PROGRAM, Server, folder, pid_in, send};

/// A server with a pid file in the folder, which runs a copy of the program: that can be replaced.
#[track_caller]
pub(crate) fn upgradable(workers: usize) -> Server {
    let folder = folder();
    install(&folder.path().join("unicorn"));
    let text = format!("listen = '127.0.0.1:0'\npid = 'u.pid'\nworker_processes = {workers}\n");
    fs::write(folder.path().join("site.toml"), text).expect("a file");
    let mut command = Command::new("./unicorn");
    command.args(["-c", "site.toml"]);
    let server = Server::run(folder, command);
    server.wait_for_fresh(&[], workers);
    server
}

/// Puts a copy of the program there, as a new file. A child of another thread that has it open for
/// writing must not keep it from being run, so it is `cp` that does.
#[track_caller]
pub(crate) fn install(path: &Path) {
    let aside = path.with_extension("new");
    let copied = Command::new("cp").arg(PROGRAM).arg(&aside).status().expect("there is a cp");
    assert!(copied.success());
    fs::rename(aside, path).expect("the same folder");
}

/// The second master, once it and so many workers of it are ready.
#[track_caller]
pub(crate) fn successor(server: &Server, of: Pid, workers: usize) -> Pid {
    let new = wait_until("the pid file has the new master's pid", || {
        let pid = pid_in(&server.path("u.pid"));
        (pid != of && parent(pid) == Some(of)).then_some(pid)
    });
    wait_until("its workers are ready", || {
        let all = Server::workers_of(new);
        let log = server.log();
        let ready = |&(_, pid): &(usize, Pid)| log.contains(&format!(" {pid}] ready"));
        (all.len() == workers && all.iter().all(ready)).then_some(())
    });
    new
}

/// Upgrades, and returns the second master.
#[track_caller]
pub(crate) fn upgrade(server: &Server, old: Pid, workers: usize) -> Pid {
    send(old, SIGUSR2);
    let new = successor(server, old, workers);
    assert_eq!(pid_in(&server.path("u.pid.oldbin")), old);
    new
}

/// Waits until a request is answered by a worker of that master.
#[track_caller]
pub(crate) fn answered_by(server: &Server, master: Pid) {
    wait_until(&format!("a worker of {master} answers"), || {
        (server.get("/ppid").text() == format!("{master}\n")).then_some(())
    });
}

/// A thread that reads the pid file again and again, and remembers what was wrong with it.
pub(crate) struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Option<String>)>,
}

impl Reader {
    pub(crate) fn of(path: PathBuf) -> Reader {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut reads, mut wrong) = (0, None);
            while !until.load(SeqCst) {
                reads += 1;
                wrong = wrong.or_else(|| look(&path).err());
            }
            (reads, wrong)
        });
        Reader { stop, thread }
    }

    #[track_caller]
    pub(crate) fn found_nothing_wrong(self) {
        self.stop.store(true, SeqCst);
        let (reads, wrong) = self.thread.join().expect("it does not panic");
        assert_eq!(wrong, None, "after {reads} reads");
        assert!(reads > 100, "{reads} reads are too few to tell");
    }
}

/// Whether the file names a living master, or did when it was read: it may end in between, so what
/// counts against it is a second look that finds the same.
fn look(path: &Path) -> Result<(), String> {
    let read = || fs::read_to_string(path).map_err(|error| format!("{error}"));
    let text = read()?;
    let pid = text.strip_suffix('\n').and_then(|text| text.parse().ok()).map(Pid::from_raw);
    let pid = pid.ok_or(format!("not a pid: {text:?}"))?;
    match state(pid) {
        None | Some('Z') if read()? == text => Err(format!("nobody is {pid}")),
        _ => Ok(()),
    }
}
