//! Who serves the clients of `prefork-accept`, and from which queue. The test is the clients.

mod server;

use grader::{Client, Process, State, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::MsgFlags;
use nix::unistd::Pid;
use server::{Server, WORKERS, must_not_be_the_master, must_share, names, who_serves};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::PathBuf;

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

/// Fails if somebody has time for one of these clients, while each worker has one that stays.
fn must_not_be_served(server: &mut Server, clients: &mut [BufReader<Client>]) {
    // Whoever is woken by them has come to rest then.
    server.settled();
    let has_heard = |client: &&mut BufReader<Client>| {
        let (fd, mut byte) = (client.get_ref().as_fd().as_raw_fd(), [0]);
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        matches!(nix::sys::socket::recv(fd, &mut byte, flags), Ok(1..))
    };
    if let Some(client) = clients.iter_mut().find(has_heard) {
        let served_by = who_serves(client);
        must_not_be_the_master(server, &served_by.into_iter().collect());
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

/// Fails if somebody has more sockets than before: a client has left, and its descriptor is still there.
fn must_keep_nothing(server: &Server, before: &BTreeMap<Pid, BTreeSet<PathBuf>>) {
    let more = |(pid, now): &(Pid, BTreeSet<PathBuf>)| {
        before.get(pid).is_some_and(|before| !now.is_subset(before))
    };
    if let Some((pid, now)) = server.sockets().into_iter().find(more) {
        server.fail(
            Verdict::new("A worker keeps a descriptor of a client that has left: at some time it has no more to take.")
                .saw(format!("pid {pid} has the sockets {now:?}"))
                .ask("Who owns the client, and its copies, and when do they go?"),
        );
    }
}

/// A server whose first client was served and has left. Fails unless all workers are there after that.
fn served_one() -> Server {
    let mut server = Server::start();
    let before = server.sockets();
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
    must_keep_nothing(&server, &before);
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
    let workers: Vec<Pid> = server.sockets().into_keys().collect();
    let busy = server.serve_all();
    // Nobody is free, so these stand in the queue, in this order: as many as there are workers.
    let left = server.connect().map(drop);
    let others: io::Result<Vec<_>> = (1..WORKERS).map(|_| server.connect()).collect();
    let others = left.and(others).map(|mut others| {
        must_not_be_served(&mut server, &mut others);
        others
    });
    drop(busy);
    let served = others.and_then(|others| {
        others.into_iter().try_for_each(|mut it| it.read_line(&mut String::new()).map(drop))
    });
    // Who had the first of them has had it by now.
    let settled = server.settled();
    // Whoever has come for one that gave up is none of them.
    let now = server.sockets();
    if !now.contains_key(&server.running.snapshot().program) {
        server.fail(
            Verdict::new("The program has ended when a client had left before it was served.").ask(
                "Whose concern is it that this client is gone, and how long does the program stay?",
            ),
        );
    }
    let stayed = now.into_keys().eq(workers);
    if settled < WORKERS || served.is_err() || !stayed {
        server.fail(
            Verdict::new(
                "A worker gives up because of a client that had left before it was served.",
            )
            .saw("while all workers were busy, a client connected and left at once")
            .saw("then the others left, and the workers went on to that one")
            .saw_all(
                (settled == WORKERS && !stayed).then(|| "another one was made in its place".into()),
            )
            .ask("What does writing to that client return, and whom does this error concern?"),
        );
    }
    must_be_workers(&server);
}

#[test]
fn the_master_stays_as_long_as_a_worker_does() {
    grader::worth(1);
    let mut server = Server::start();
    let first = server.running.snapshot().others().next().map(|worker| (worker.pid, worker.host));
    let Some((pid, host)) = first else { return };
    kill(host, Signal::SIGKILL).expect("it sleeps, and is reaped by nobody meanwhile");
    let mut rests = false;
    let stays = server.running.until(|now| {
        let ended = now.others().all(|p| p.pid != pid || p.state == State::Zombie);
        let waits = ended && now.program().is_some_and(Process::blocked);
        // Twice: who slept until then is about to get up.
        (std::mem::replace(&mut rests, waits) && waits).then_some(())
    });
    if stays.is_err() {
        let outcome = server.running.finish();
        Verdict::new(
            "The master leaves when one of its workers has ended, and the others have not.",
        )
        .saw(format!("worker {pid} was ended by SIGKILL"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("How many ends does one wait tell of, and how many workers are there?")
        .fail();
    }
}
