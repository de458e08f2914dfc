//! SIGNALS.md, its first table: what the master does with each signal.

mod server;

use nix::sys::signal::Signal;
use server::Server;

#[test]
fn term_ends_the_master_and_its_workers() {
    let mut server = Server::start(&["--workers", "2"]);
    let workers = server.wait_for_workers(2);
    assert_eq!(server.get("/").text(), "hello\n");
    server.signal(Signal::SIGTERM);
    assert!(server.finish().success());
    assert!(workers.iter().all(|&pid| story::state(pid).is_none()), "{}", server.log());
}
