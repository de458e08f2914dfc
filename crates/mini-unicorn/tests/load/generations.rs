//! Masters come and go.

use nix::sys::signal::Signal::{SIGHUP, SIGQUIT, SIGUSR2, SIGWINCH};
use nix::unistd::Pid;
use story::wait_until;

use crate::client::Until;
use crate::server::pid_in;
use crate::site::{QUICK, SLOW, Site, send, wait_until_gone};

/// Has this master start another one; returns that when it is ready.
#[track_caller]
fn successor(site: &Site, old: Pid, workers: usize) -> Pid {
    send(old, SIGUSR2);
    let new = wait_until("another master's pid is in the pid file", || {
        Some(pid_in(&site.server.path("pid"))).filter(|&pid| pid != old)
    });
    site.wait_for_fresh(new, &[], workers);
    new
}

#[test]
fn three_generations_of_masters_lose_no_request() {
    for (workers, path) in [(2, QUICK), (4, SLOW)] {
        let site = Site::start(workers, path, Until::Told);
        let mut master = site.server.master();
        for _ in 0..3 {
            let new = successor(&site, master, workers);
            site.load.wait_for_more(50);
            send(master, SIGQUIT);
            wait_until_gone(master);
            site.load.wait_for_more(50);
            master = new;
        }
        site.finish_without_failure();
    }
}

#[test]
fn an_upgrade_that_is_taken_back_loses_no_request() {
    for (workers, path) in [(3, QUICK), (2, SLOW)] {
        let site = Site::start(workers, path, Until::Told);
        let old = site.server.master();
        for _ in 0..3 {
            let new = successor(&site, old, workers);
            send(old, SIGWINCH);
            site.wait_for_fresh(old, &[], 0);
            site.load.wait_for_more(50);

            send(old, SIGHUP);
            site.wait_for_fresh(old, &[], workers);
            send(new, SIGQUIT);
            wait_until_gone(new);
            wait_until("the pid file is the first one's again", || {
                (pid_in(&site.server.path("pid")) == old).then_some(())
            });
            site.load.wait_for_more(50);
        }
        site.finish_without_failure();
    }
}
