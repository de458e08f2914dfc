//! The server, its clients, and who is there.

use grader::{Client, Exit, Folder, Outcome, Process, Run, Running, Snapshot, State, Verdict};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const WORKERS: usize = 4;
/// How long a client waits for a word; a right answer never comes near.
const PATIENCE: Duration = Duration::from_secs(2);

/// So much processor time is none that somebody needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(300);

/// The server, and the folder with its socket.
pub(crate) struct Server {
    pub(crate) running: Running,
    folder: Folder,
}

impl Server {
    /// Starts it, and waits until everybody sleeps. Fails unless there are as many workers as there should be.
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        let run = Run::new(grader::program!("prefork-accept")).arg(folder.path().join("socket"));
        let run = run.arg(WORKERS.to_string()).may_write(folder.path());
        let mut running = run.deadline(Duration::from_secs(4)).start();
        let everybody = running.until(|now| {
            let rests = |p: &Process| p.state != State::Running && !p.sleeping_for_time();
            // Who sleeps for a time, or not at all, may never be seen at rest.
            if now.processes.iter().any(|p| p.sleeping_for_time() || spins(p)) {
                return Some(now.clone());
            }
            let all = now.processes.iter().all(rests);
            let one = now.program().is_some_and(Process::blocked);
            (all && one).then(|| now.clone())
        });
        let Ok(now) = everybody else {
            let outcome = running.finish();
            must_sleep(&outcome);
            outcome.must_end();
            Verdict::new("The server has left: it does not wait for clients.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("Which process came back from `run`, and with what?")
                .fail()
        };
        if now.processes.iter().any(spins) {
            never_sleep(&now).fail();
        }
        if now.processes.iter().any(Process::goes_by_the_clock) {
            by_the_clock(&now).fail();
        }
        let alive = now.others().filter(|p| p.state != State::Zombie).count();
        if alive != WORKERS {
            not_so_many(running, &now, alive);
        }
        must_be_children(&now);
        Self { running, folder }
    }

    pub(crate) fn connect(&self) -> io::Result<BufReader<Client>> {
        match connect(&self.folder.path().join("socket")) {
            Ok(client) => Ok(BufReader::new(self.running.client(client, PATIENCE))),
            Err(Errno::EAGAIN) => self.fail(
                Verdict::new("A client can't even stand in the queue: it is full.")
                    .ask("listen(2): how many clients may wait while all workers are busy?"),
            ),
            Err(error) => Err(error.into()),
        }
    }

    /// What each process has that may be a client, or the listener.
    pub(crate) fn sockets(&self) -> BTreeMap<Pid, BTreeSet<PathBuf>> {
        let now = self.running.snapshot();
        let alive = now.processes.iter().filter(|p| p.state != State::Zombie);
        alive.map(|p| (p.pid, sockets(p).into_iter().cloned().collect())).collect()
    }

    /// As many clients as there are workers, at the same time: who serves each of them, until it is dropped.
    pub(crate) fn serve_all(&self) -> BTreeMap<Pid, BufReader<Client>> {
        let clients = (1..=WORKERS).map(|number| self.connect().map(|client| (number, client)));
        let clients: Vec<_> = match clients.collect() {
            Ok(clients) => clients,
            Err(error) => self.fail(
                Verdict::new("A client can't connect to the socket.")
                    .saw(error.to_string())
                    .ask("Who listens there, and since when?"),
            ),
        };
        let mut served = BTreeMap::new();
        // Who serves two at once is told so below: the first of them stays.
        let mut staying = Vec::new();
        for (number, mut client) in clients {
            if let Some(pid) = who_serves(&mut client) {
                staying.extend(served.insert(pid, client));
                continue;
            }
            let served = served.into_keys().collect();
            must_not_be_the_master(self, &served);
            self.fail(
                Verdict::new(format!("Client {number} of {WORKERS} is connected, and nobody serves it."))
                    .saw(format!("the others are served by {}", names(&served)))
                    .ask("Who is free, and in which call does it wait? And in whose queue is this client?"),
            );
        }
        served
    }

    /// Waits until everybody sleeps or has left, the master, too: it may make another worker. How many workers are there then.
    pub(crate) fn settled(&mut self) -> usize {
        let mut rest = false;
        let settled = self.running.until(|now| {
            let all = now.processes.iter().all(|p| p.blocked() || p.state == State::Zombie);
            // Twice: who slept when a worker ended is about to get up.
            (std::mem::replace(&mut rest, all) && all).then(|| now.clone())
        });
        let now = settled.unwrap_or_else(|_| self.running.snapshot());
        now.others().filter(|p| p.state != State::Zombie).count()
    }

    pub(crate) fn fail(&self, verdict: Verdict) -> ! {
        verdict.saw_all(self.running.snapshot().explain()).fail()
    }
}

/// Who says to this client that it serves it.
pub(crate) fn who_serves(client: &mut BufReader<Client>) -> Option<Pid> {
    let mut line = String::new();
    client.read_line(&mut line).ok()?;
    line.trim().strip_prefix("worker ")?.parse().ok().map(Pid::from_raw)
}

/// Connects to a socket; EAGAIN: its queue has had no room for a client, for as long as one waits.
fn connect(path: &Path) -> nix::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let client = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let patience = TimeVal::milliseconds(PATIENCE.as_millis() as i64);
    socket::setsockopt(&client, sockopt::SendTimeout, &patience)?;
    socket::connect(client.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(client.into())
}

pub(crate) fn names(pids: &BTreeSet<Pid>) -> String {
    if pids.is_empty() {
        "nobody".into()
    } else {
        pids.iter().map(|pid| format!("pid {pid}")).collect::<Vec<_>>().join(", ")
    }
}

/// Its end, and at once: nobody else will say anything.
fn ended(running: Running) -> Outcome {
    kill(running.pid(), Signal::SIGKILL).expect("a process of ours may be signalled");
    running.finish()
}

fn not_so_many(running: Running, now: &Snapshot, alive: usize) -> ! {
    // Who binds for itself gets in the others' way, and some of them fail for that.
    must_share(now);
    // What those have said who are gone is told at the end.
    let said = (alive < WORKERS).then(|| ended(running).complaint()).flatten();
    let ask = match said {
        Some(_) => "Which call has failed in them, and which process should make it?",
        None => "Which processes come to the fork, how often, and when?",
    };
    let are = if alive == 1 { "worker is" } else { "workers are" };
    Verdict::new(format!("{alive} {are} there, and not {WORKERS}, before the first client comes."))
        .saw_all(said)
        .saw_all(now.explain().into_iter().take(6))
        .ask(ask)
        .fail()
}

/// Why not everybody has come to sleep until something happens, where that can be seen.
fn must_sleep(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit != Exit::Deadline {
        return;
    }
    if now.others().any(|p| p.state == State::Running) {
        never_sleep(now).fail();
    }
    if now.processes.iter().any(Process::sleeping_for_time) {
        by_the_clock(now).fail();
    }
}

fn spins(process: &Process) -> bool {
    process.state == State::Running && process.cpu >= SPINNING
}

fn never_sleep(now: &Snapshot) -> Verdict {
    Verdict::new("The workers never sleep: they ask again and again, and keep the processors busy.")
        .saw_all(now.explain().into_iter().take(6))
        .ask("Which call sleeps until there is a client, and what makes it return before?")
}

fn by_the_clock(now: &Snapshot) -> Verdict {
    let sleepers = now.processes.iter().filter(|p| p.goes_by_the_clock());
    let sleepers =
        sleepers.map(|p| format!("{} {}, with a timeout", now.title(p), now.describe(p)));
    Verdict::new(
        "The server sleeps by the clock: it gets up to look whether something has happened.",
    )
    .saw_all(sleepers.take(2))
    .ask("What is it waiting for, and which call sleeps exactly until that has happened?")
}

/// Fails unless each worker is a child of the program.
fn must_be_children(now: &Snapshot) {
    let others = now.others().filter(|p| p.state != State::Zombie);
    let (own, not): (Vec<_>, Vec<_>) = others.partition(|p| p.parent == now.program);
    if !not.is_empty() {
        let not: BTreeSet<Pid> = not.iter().map(|p| p.pid).collect();
        Verdict::new(format!(
            "Not all workers are children of the program: {} of {WORKERS} are.",
            own.len()
        ))
        .saw(format!("not its children: {}", names(&not)))
        .ask(
            "Which processes come to the fork? And who hears of it when one of these workers ends?",
        )
        .fail();
    }
}

/// The sockets that a process has.
fn sockets(process: &Process) -> BTreeSet<&PathBuf> {
    let target = |target: &&PathBuf| target.to_string_lossy().starts_with("socket:");
    process.descriptors.iter().map(|d| &d.target).filter(target).collect()
}

/// Fails unless the workers have a socket in common.
pub(crate) fn must_share(now: &Snapshot) {
    let mut shared: Option<BTreeSet<&PathBuf>> = None;
    for worker in now.others().filter(|p| p.state != State::Zombie) {
        let own = sockets(worker);
        let both =
            shared.take().map_or(own.clone(), |all| all.intersection(&own).copied().collect());
        if both.is_empty() {
            let has = now.others().map(|p| format!("pid {} has {:?}", p.pid, sockets(p)));
            Verdict::new(
                "Each worker has a socket of its own, so there are several queues, or none.",
            )
            .saw_all(has)
            .ask("In which queue is a client, and what if that one's worker is busy?")
            .fail();
        }
        shared = Some(both);
    }
}

pub(crate) fn must_not_be_the_master(server: &Server, served: &BTreeSet<Pid>) {
    let master = server.running.snapshot().program;
    if served.contains(&master) {
        server.fail(
            Verdict::new("The master itself serves clients.")
                .saw(format!(
                    "clients were served by {}; the master is pid {master}",
                    names(served)
                ))
                .ask("Who is to call accept, and who is to wait for the workers?"),
        );
    }
}
