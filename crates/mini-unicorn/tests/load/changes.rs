//! Workers come and go, and the master stays.

use nix::sys::signal::Signal::{SIGHUP, SIGQUIT, SIGTTIN, SIGTTOU};

use crate::client::Until;
use crate::site::{QUICK, SLOW, Site, send};

#[test]
fn twenty_reloads_lose_no_request() {
    for (workers, path) in [(2, QUICK), (4, SLOW)] {
        let site = Site::start(workers, path, Until::Told);
        let master = site.server.master();
        let mut old = site.wait_for_fresh(master, &[], workers);
        for _ in 0..20 {
            send(master, SIGHUP);
            old = site.wait_for_fresh(master, &old, workers);
            site.load.wait_for_more(20);
        }
        site.finish_without_failure();
    }
}

#[test]
fn reloads_in_a_burst_lose_no_request() {
    for path in [QUICK, SLOW] {
        let site = Site::start(3, path, Until::Told);
        let master = site.server.master();
        for _ in 0..5 {
            let old = site.wait_for_fresh(master, &[], 3);
            for _ in 0..10 {
                send(master, SIGHUP);
                site.load.wait_for_more(2); // so that some are obeyed while others come
            }
            site.wait_for_fresh(master, &old, 3);
            site.load.wait_for_more(20);
        }
        site.finish_without_failure();
    }
}

#[test]
fn more_and_fewer_workers_lose_no_request() {
    for path in [QUICK, SLOW] {
        let site = Site::start(2, path, Until::Told);
        let master = site.server.master();
        for (signal, count) in
            [(SIGTTIN, 3), (SIGTTIN, 4), (SIGTTOU, 3), (SIGTTOU, 2), (SIGTTOU, 1), (SIGTTIN, 2)]
                .repeat(6)
        {
            send(master, signal);
            site.wait_for_fresh(master, &[], count);
            site.load.wait_for_more(10);
        }
        site.finish_without_failure();
    }
}

#[test]
fn a_worker_that_is_asked_to_leave_loses_no_request() {
    for (workers, path) in [(2, QUICK), (3, SLOW)] {
        let site = Site::start(workers, path, Until::Told);
        let master = site.server.master();
        for round in 0..40 {
            let old = site.wait_for_fresh(master, &[], workers)[round % workers];
            send(old, SIGQUIT);
            site.wait_for_fresh(master, &[old], workers);
            site.load.wait_for_more(10);
        }
        site.finish_without_failure();
    }
}
