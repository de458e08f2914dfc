//! Who serves the clients of `prefork-accept`, and from which queue. The test is the clients.

use grader::{Client, Exit, Folder, Outcome, Process, Run, Running, Snapshot, State, Verdict};
use nix::sys::socket::MsgFlags;
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

const WORKERS: usize = 4;
/// How long a client waits for a word; a right answer never comes near.
const PATIENCE: Duration = Duration::from_secs(2);

/// The server, and the folder with its socket.
struct Server {
    running: Running,
    folder: Folder,
}

impl Server {
    /// Starts it, and waits until everybody sleeps. Fails unless there are as many workers as there should be.
    fn start() -> Self {
        let folder = Folder::new();
        let run = Run::new(grader::program!("prefork-accept")).arg(folder.path().join("socket"));
        let run = run.arg(WORKERS.to_string()).may_write(folder.path());
        let mut running = run.deadline(Duration::from_secs(4)).start();
        let everybody = running.until(|now| {
            let rests = |p: &Process| p.state != State::Running && !p.sleeping_for_time();
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

    fn connect(&self) -> io::Result<BufReader<Client>> {
        let client = UnixStream::connect(self.folder.path().join("socket"))?;
        Ok(BufReader::new(self.running.client(client, PATIENCE)))
    }

    /// As many clients as there are workers, at the same time: who serves each of them, until it is dropped.
    fn serve_all(&self) -> BTreeMap<Pid, BufReader<Client>> {
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
            let mut line = String::new();
            let read = client.read_line(&mut line);
            let pid = line.trim().strip_prefix("worker ").and_then(|pid| pid.parse().ok());
            if let (Ok(_), Some(pid)) = (read, pid) {
                staying.extend(served.insert(Pid::from_raw(pid), client));
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

    /// Waits until each worker sleeps or has left; how many are there then.
    fn settled(&mut self) -> usize {
        let settled = self.running.until(|now| {
            now.others().all(|p| p.blocked() || p.state == State::Zombie).then(|| now.clone())
        });
        let now = settled.unwrap_or_else(|_| self.running.snapshot());
        now.others().filter(|p| p.state != State::Zombie).count()
    }

    fn fail(&self, verdict: Verdict) -> ! {
        verdict.saw_all(self.running.snapshot().explain()).fail()
    }
}

fn names(pids: &BTreeSet<Pid>) -> String {
    if pids.is_empty() {
        "nobody".into()
    } else {
        pids.iter().map(|pid| format!("pid {pid}")).collect::<Vec<_>>().join(", ")
    }
}

fn not_so_many(running: Running, now: &Snapshot, alive: usize) -> ! {
    // Who binds for itself gets in the others' way, and some of them fail for that.
    must_share(now);
    // What those have said who are gone is told at the end.
    let said = (alive < WORKERS).then(|| running.finish().complaint()).flatten();
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
        Verdict::new(
            "The workers never sleep: they ask again and again, and keep the processors busy.",
        )
        .saw_all(now.explain().into_iter().take(6))
        .ask("Which call sleeps until there is a client, and what makes it return before?")
        .fail();
    }
    if now.processes.iter().any(Process::sleeping_for_time) {
        by_the_clock(now).fail();
    }
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
fn must_share(now: &Snapshot) {
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

#[test]
fn all_workers_have_one_listening_socket() {
    grader::worth(2);
    must_share(&Server::start().running.snapshot());
}

#[test]
fn so_many_clients_are_served_by_so_many_workers() {
    grader::worth(2);
    let server = Server::start();
    must_be_workers(&server);
}

fn must_not_be_the_master(server: &Server, served: &BTreeSet<Pid>) {
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

/// Fails if somebody has time for a client, while each worker has one that stays.
fn must_not_be_served(server: &mut Server, client: &io::Result<BufReader<Client>>) {
    // Whoever is woken by it has come to rest then.
    server.settled();
    let Ok(client) = client else { return };
    let mut byte = [0];
    let peeked = nix::sys::socket::recv(
        client.get_ref().as_fd().as_raw_fd(),
        &mut byte,
        MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
    );
    if matches!(peeked, Ok(1..)) {
        server.fail(serves_several(format!(
            "{WORKERS} workers have {WORKERS} clients, which stay; one more client comes, and is served"
        )));
    }
}

/// As many clients as there are workers, at the same time: each has one of the workers that were made before.
fn must_be_workers(server: &Server) {
    // Whoever is made for a client is none of them.
    let workers: BTreeSet<Pid> = server.running.snapshot().others().map(|p| p.pid).collect();
    let clients = server.serve_all();
    let served: BTreeSet<Pid> = clients.keys().copied().collect();
    must_not_be_the_master(server, &served);
    if served != workers && served.is_subset(&workers) {
        server.fail(serves_several(format!(
            "{WORKERS} clients stay, and are served by {}; the workers are {}",
            names(&served),
            names(&workers)
        )));
    }
    if served != workers {
        server.fail(
            Verdict::new("The clients were not served by the workers that were made before.")
                .saw(format!(
                    "clients were served by {}; the workers are {}",
                    names(&served),
                    names(&workers)
                ))
                .ask("Which process calls accept?"),
        );
    }
}

fn serves_several(seen: String) -> Verdict {
    Verdict::new("A worker serves several clients at the same time.")
        .saw(seen)
        .ask("Who is free: a worker that comes back to accept while its client stays? What has become of `serve`, which stays with the client?")
}

/// A server whose first client was served and has left. Fails unless all workers are there after that.
fn served_one() -> Server {
    let mut server = Server::start();
    let first = server.connect().and_then(|mut client| client.read_line(&mut String::new()));
    if first.is_err() {
        server.fail(Verdict::new("A client is not served.").ask("Who calls accept?"));
    }
    // It has left. Its worker is free again, or gone.
    if server.settled() < WORKERS {
        server.fail(
            Verdict::new("A worker leaves after its first client.")
                .ask("Who serves client number five?"),
        );
    }
    server
}

#[test]
fn a_worker_that_was_left_serves_the_next() {
    grader::worth(2);
    must_be_workers(&served_one());
}

#[test]
fn a_client_that_left_before_it_was_accepted_takes_no_worker_along() {
    grader::worth(1);
    let mut server = served_one();
    let busy = server.serve_all();
    // Nobody is free, so these two stand in the queue, in this order.
    let left = server.connect().map(drop);
    let next = server.connect();
    must_not_be_served(&mut server, &next);
    drop(busy);
    let mut line = String::new();
    let served = left.and(next).and_then(|mut client| client.read_line(&mut line));
    // Who had the first of them has had it by now.
    if server.settled() < WORKERS || served.is_err() {
        server.fail(
            Verdict::new(
                "A worker gives up because of a client that had left before it was served.",
            )
            .saw("while all workers were busy, a client connected and left at once")
            .saw("then the others left, and the workers went on to that one")
            .ask("What does writing to that client return, and whom does this error concern?"),
        );
    }
    must_be_workers(&server);
}
