//! A server, and clients that ask it without a pause.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use select::Address;
use story::{state, wait_until};
use tempfile::TempDir;

use crate::client::{Load, Until};
use crate::server::Server;

/// Answered at once.
pub(crate) const QUICK: &str = "/";
/// Answered after 10 ms, so that clients wait in the queue.
pub(crate) const SLOW: &str = "/sleep/0.01";

/// Eight clients: four come over TCP, four to a Unix socket.
const CLIENTS: usize = 8;

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) load: Load,
}

impl Site {
    /// Starts a server with so many workers and, when it is ready, the load.
    #[track_caller]
    pub(crate) fn start(workers: usize, path: &'static str, until: Until) -> Site {
        let config = format!(
            "listen = ['127.0.0.1:0', './sock']\nworker_processes = {workers}\npid = './pid'\n"
        );
        let server = Server::configured_in(TempDir::new().expect("a folder"), &config);
        let tcp = Address::Tcp(server.address().parse().expect("an address"));
        let addresses = [tcp, Address::Unix(server.path("sock"))];
        let addresses: Vec<_> = addresses.into_iter().cycle().take(CLIENTS).collect();
        let load = Load::start(&addresses, path, until);
        let site = Site { server, load };
        site.load.wait_for_more(20);
        site
    }

    /// Waits until a master has so many workers, all of them ready and none of them `old`.
    #[track_caller]
    pub(crate) fn wait_for_fresh(&self, master: Pid, old: &[Pid], count: usize) -> Vec<Pid> {
        wait_until(&format!("{master} has {count} fresh workers besides {old:?}"), || {
            let workers: Vec<_> =
                Server::workers_of(master).into_iter().map(|(_, pid)| pid).collect();
            let log = self.server.log();
            let fresh = |pid: &Pid| !old.contains(pid) && log.contains(&format!(" {pid}] ready"));
            (workers.len() == count && workers.iter().all(fresh)).then_some(workers)
        })
    }

    /// Ends the load, in which no request has failed.
    #[track_caller]
    pub(crate) fn finish_without_failure(self) {
        self.load.stop();
        self.join_without_failure();
    }

    /// Waits until the load has ended, in which no request has failed.
    #[track_caller]
    pub(crate) fn join_without_failure(mut self) {
        let failures = self.load.join();
        let so_many = self.load.answers();
        assert!(
            failures.is_empty(),
            "besides {so_many} answers: {failures:?}; the log:\n{}",
            self.server.log()
        );
    }
}

/// Sends a signal to a process that is there.
#[track_caller]
pub(crate) fn send(pid: Pid, signal: Signal) {
    kill(pid, signal).unwrap_or_else(|error| panic!("{signal} to {pid}: {error}"));
}

/// Waits for the end of a process that may be a child of ours.
#[track_caller]
pub(crate) fn wait_until_gone(pid: Pid) {
    wait_until(&format!("{pid} has gone"), || matches!(state(pid), None | Some('Z')).then_some(()));
}
