//! The limit: a preforking server with nothing in it, to measure the real one against.
//!
//! `bare_server [IP:PORT [WORKERS]]`, by default 127.0.0.1:0, a free port, and 2. Whatever it is asked,
//! it answers `hello`: it parses nothing, and waits for ever for a client that is silent. ^C ends it.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::{env, error::Error};

use fork::{Children, spawn_missing, wait_for};
use nix::sys::socket::{Shutdown, shutdown};
use nix::unistd::{read, write};
use select::{Accepted, Listener, Options, wait_readable};

/// As long as mini-unicorn's answer to `GET /`, and all of it but the date is the same.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r
Connection: close\r
Date: Thu, 01 Jan 1970 00:00:00 GMT\r
Content-Length: 6\r
content-type: text/plain; charset=utf-8\r
\r
hello\n";

// ANCHOR: work
/// What is left of a worker's life when all is taken away that can be.
fn work(listener: &Listener, master: &PipeReader) -> io::Result<()> {
    let mut request = [0; 16 * 1024];
    loop {
        // Nobody writes to the pipe, so it is readable when its end is there: the master has gone.
        if wait_readable(&[listener.as_fd(), master.as_fd()], None)?.contains(&1) {
            return Ok(());
        }
        let Accepted::Connection(client) = listener.accept()? else { continue };
        // A client that has left may refuse any of these. The next one is waiting.
        let _ = read(&client, &mut request).and_then(|_| write(&client, ANSWER));
        let _ = shutdown(client.as_raw_fd(), Shutdown::Write);
    }
}
// ANCHOR_END: work

fn serve() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let address = args.next().unwrap_or("127.0.0.1:0".into()).parse()?;
    let workers = args.next().map_or(Ok(2), |count| count.parse())?;
    let listener = Listener::bind(&address, Options::default())?;
    let (reader, writer) = io::pipe()?;
    let mut writer = Some(writer);
    let mut children = Children::new();
    let worker = |_| {
        writer = None; // the worker's copy: else it would keep the pipe from its end
        u8::from(work(&listener, &reader).is_err())
    };
    // SAFETY: this program has one thread.
    unsafe { spawn_missing(&mut children, workers, worker) }?;
    println!("listening on {}, master {}", listener.address(), std::process::id());
    for (_, pid) in children.iter() {
        wait_for(pid)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare_server: {error}");
            ExitCode::FAILURE
        }
    }
}
