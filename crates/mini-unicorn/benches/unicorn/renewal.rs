//! How long it takes until somebody serves: from nothing, after SIGHUP, after SIGUSR2.

use std::collections::BTreeSet;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::WORKERS;
use crate::client::{hello, who_answers};
use crate::running::{Cpus, Running, children_of};
use crate::subject::Subject;

/// How long one of them may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often /proc is asked. What is measured may be so much too long.
const PAUSE: Duration = Duration::from_micros(50);

/// From the fork to the first answer.
pub(crate) fn boot(subject: Subject, cpus: &Cpus) -> io::Result<(Running, Duration)> {
    let start = Instant::now();
    let server = Running::start(subject, cpus)?;
    wait_until(&server, "its first answer", || match hello(server.address) {
        Ok(()) => Ok(Some(())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error),
    })?;
    let took = start.elapsed();
    wait_until(&server, "its workers", || Ok((server.workers().len() == WORKERS).then_some(())))?;
    Ok((server, took))
}

/// From SIGHUP to where all workers are others, and each of them has answered.
pub(crate) fn fresh_workers(server: &Running) -> io::Result<Duration> {
    let old = server.workers();
    let start = Instant::now();
    server.signal(Signal::SIGHUP)?;
    let fresh = wait_until(server, "fresh workers", || {
        let now = server.workers();
        let all_fresh = now.len() == WORKERS && now.iter().all(|pid| !old.contains(pid));
        Ok(all_fresh.then_some(now))
    })?;
    expect(&who_answers(server.address, WORKERS)?, &fresh)?;
    Ok(start.elapsed())
}

/// From SIGUSR2 to where another master has all its workers, and each of them has answered, as has
/// each of the old ones: both generations serve.
pub(crate) fn second_generation(server: &Running) -> io::Result<Duration> {
    let old = server.workers();
    let start = Instant::now();
    server.signal(Signal::SIGUSR2)?;
    let new = wait_until(server, "a second generation", || {
        let master = server.workers().into_iter().find(|pid| !old.contains(pid));
        let workers = master.map(children_of).unwrap_or_default();
        Ok((workers.len() == WORKERS).then_some(workers))
    })?;
    expect(&who_answers(server.address, 2 * WORKERS)?, &[old, new].concat())?;
    Ok(start.elapsed())
}

fn expect(answered: &[Pid], workers: &[Pid]) -> io::Result<()> {
    let set = |pids: &[Pid]| pids.iter().copied().collect::<BTreeSet<_>>();
    if set(answered) == set(workers) {
        return Ok(());
    }
    Err(io::Error::other(format!("answered by {answered:?}, where the workers are {workers:?}")))
}

fn wait_until<T>(
    server: &Running,
    what: &str,
    mut condition: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if server.has_ended() || start.elapsed() > DEADLINE {
            let log = server.log();
            return Err(io::Error::other(format!("waited in vain for {what}; its log:\n{log}")));
        }
        sleep(PAUSE);
    }
}
