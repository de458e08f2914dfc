//! What can be waited for.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use story::{DEADLINE, wait_until};

use super::{Pending, Server, number_of, sockets};

impl Server {
    /// Waits until the log has this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_for_times(text, 1);
    }

    /// Waits until the log has this text so often.
    #[track_caller]
    pub(crate) fn wait_for_times(&self, text: &str, times: usize) {
        let started = Instant::now();
        wait_until(&format!("`{text}` is in the log {times} times"), || {
            if started.elapsed() + Duration::from_secs(1) > DEADLINE {
                panic!("no `{text}` ({times} times) in the log:\n{}", self.log());
            }
            (self.log().matches(text).count() >= times).then_some(())
        });
    }

    /// Waits until the workers are so many; returns them.
    #[track_caller]
    pub(crate) fn wait_for_workers(&self, count: usize) -> Vec<Pid> {
        wait_until(&format!("there are {count} workers"), || {
            Some(self.workers()).filter(|workers| workers.len() == count)
        })
    }

    /// The new set of workers, all of them ready: so many, and none of `old` among them.
    #[track_caller]
    pub(crate) fn wait_for_fresh(&self, old: &[Pid], count: usize) -> Vec<Pid> {
        wait_until(&format!("{count} fresh workers replace {old:?}"), || {
            let workers = self.workers();
            let fresh = workers.len() == count && !workers.iter().any(|pid| old.contains(pid));
            let log = self.log();
            let ready = |pid: &Pid| log.contains(&format!(" {pid}] ready"));
            (fresh && workers.iter().all(ready)).then_some(workers)
        })
    }

    /// Waits until the master has obeyed every signal that it was sent before.
    #[track_caller]
    pub(crate) fn obeyed(&self) {
        let line = format!("[master {}] logs reopened", self.master());
        // The first may be obeyed before what came at the same time, and what an earlier SIGUSR1
        // has to say may come only now.
        for _ in 0..3 {
            let before = self.log().matches(&line).count();
            self.signal(Signal::SIGUSR1);
            self.wait_for_times(&line, before + 1);
        }
    }

    /// Waits until the master has obeyed and so many workers are there, all of whom are to stay.
    #[track_caller]
    pub(crate) fn settled(&self, count: usize) -> Vec<Pid> {
        self.obeyed();
        loop {
            let workers = self.wait_for_fresh(&[], count);
            let before = self.log().len();
            self.signal(Signal::SIGUSR1);
            // Who was asked to leave hears of that first, and never gets to its logs.
            let stay = wait_until("all open their logs again, or somebody leaves", || {
                let log = self.log();
                let has = |pid: &Pid| log[before..].contains(&format!(" {pid}] logs reopened"));
                match workers.iter().all(has) {
                    true => Some(true),
                    false => (self.workers() != workers).then_some(false),
                }
            });
            if stay {
                return workers;
            }
        }
    }

    /// Begins a request that keeps a worker busy until it is answered; returns which worker.
    #[track_caller]
    pub(crate) fn hold(&self) -> (Pending, Pid) {
        self.given_to_a_worker(|| Pending::hold(&self.address))
    }

    /// Keeps its one worker busy, has nine clients wait in the queue, asks the server to stop, and
    /// sees that all ten are served before it has gone.
    #[track_caller]
    pub(crate) fn quit_while_nine_wait_at(&mut self, address: &str) {
        let (busy, _) = self.hold();
        let waiting: Vec<_> = (0..9).map(|_| Pending::ask(address, "/")).collect();
        self.signal(Signal::SIGQUIT);
        self.wait_for("leaving, gracefully");
        assert_eq!(busy.answer().status, 200);
        for pending in waiting {
            assert_eq!(pending.answer().text(), "hello\n");
        }
        assert_eq!(self.finish().code(), Some(0));
    }

    /// Sends a request, and waits until a worker is at it; returns which.
    #[track_caller]
    pub(crate) fn given_to_a_worker(&self, send: impl FnOnce() -> Pending) -> (Pending, Pid) {
        // By connection: a worker that is still closing its last one may be who takes the next.
        let before = self.connections();
        let pending = send();
        let worker = wait_until("a worker is at the request", || {
            self.connections().into_iter().find(|connection| !before.contains(connection))
        });
        (pending, worker.0)
    }

    /// The sockets that only workers have, and who has them.
    fn connections(&self) -> Vec<(Pid, String)> {
        let listeners = sockets(self.master());
        let of = |pid| sockets(pid).into_iter().map(move |socket| (pid, socket));
        let all = self.workers().into_iter().flat_map(of);
        all.filter(|(_, socket)| !listeners.contains(socket)).collect()
    }
}

/// Waits until the worker of that number is ready, and is another one than this; returns it.
#[track_caller]
pub(crate) fn successor_of(server: &Server, old: Pid, number: usize) -> Pid {
    wait_until(&format!("another worker has number {number}"), || {
        let mut others = server.workers().into_iter().filter(|&pid| pid != old);
        let new = others.find(|&pid| number_of(pid) == Some(number))?;
        server.log().contains(&format!(" {new}] ready")).then_some(new)
    })
}
