//! The chapter's small programs, each as its first lines say.

mod server;

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use server::{connect, exchange};
use story::{Started, children, killed_by, state, wait_until};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A bare_server, where it listens, and its two workers, both in select.
fn bare_server() -> (Started, String, Vec<nix::unistd::Pid>) {
    let server = Started::new(env!("CARGO_BIN_EXE_bare_server"), &["127.0.0.1:0"]);
    let line = server.line_with("listening on ");
    let address = line.split([' ', ',']).nth(2).unwrap_or_default().to_string();
    let workers = children(server.pid());
    assert_eq!(workers.len(), 2, "{line}");
    (server, address, workers)
}

#[test]
fn bare_server_answers_as_mini_unicorn_does() {
    let (_server, address, _) = bare_server();
    let mini = server::Server::start(&[]);
    let without_date = |address: &str| {
        let answer = String::from_utf8(exchange(address, REQUEST)).expect("text");
        let is_date = |line: &&str| line.starts_with("Date: ");
        let (date, rest): (Vec<_>, Vec<_>) = answer.lines().partition(is_date);
        (date.concat().len(), rest.join("\n"))
    };
    assert_eq!(without_date(&address), without_date(mini.address()));
}

#[test]
fn bare_servers_workers_share_the_listener() {
    let (server, address, workers) = bare_server();
    // Whoever has accepted this one waits for its request, for ever.
    let silent = connect(&address);
    wait_until("a worker reads", || {
        workers.iter().any(|&pid| story::blocked_in(pid) == Some(libc::SYS_read)).then_some(())
    });
    assert!(exchange(&address, REQUEST).ends_with(b"\r\n\r\nhello\n"));
    drop((silent, server));
}

#[test]
fn no_worker_of_bare_server_outlives_its_master() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let (server, _, workers) = bare_server();
        kill(server.pid(), signal).expect("it was not reaped"); // and not its workers
        let (status, ..) = server.finish(); // which waits until no worker holds its output open
        assert_eq!(killed_by(status), Some(signal));
        wait_until("no worker lives on", || {
            workers.iter().all(|&pid| matches!(state(pid), None | Some('Z'))).then_some(())
        });
    }
}

#[test]
fn bare_server_says_why_it_cannot_serve() {
    let output = Command::new(env!("CARGO_BIN_EXE_bare_server"))
        .arg("nowhere")
        .stdin(Stdio::null())
        .output()
        .expect("it is built");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("bare_server: "));
}
