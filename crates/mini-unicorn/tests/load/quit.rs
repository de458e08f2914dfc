//! The end of a server under load: each client gets an answer, or no connection.

use nix::sys::signal::Signal::SIGQUIT;

use crate::client::Until;
use crate::site::{QUICK, SLOW, Site, send, wait_until_gone};

#[test]
fn whoever_gets_a_connection_gets_an_answer_though_the_server_is_asked_to_stop() {
    for workers in 1..=4 {
        // Both at once: a client that is not let in any more asks again after a second.
        let sites = [QUICK, SLOW].map(|path| Site::start(workers, path, Until::Refused));
        let masters = sites.each_ref().map(|site| site.server.master());
        masters.iter().for_each(|&master| send(master, SIGQUIT));
        for (site, master) in sites.into_iter().zip(masters) {
            site.join_without_failure(); // they go on until they are refused
            wait_until_gone(master);
        }
    }
}
