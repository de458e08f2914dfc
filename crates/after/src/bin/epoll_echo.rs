//! An echo server for many clients at once, in one process with one thread, by epoll(7).
//!
//! `epoll_echo`: with three clients of its own; ends by itself. `epoll_echo --serve PORT`: for
//! yours, on 127.0.0.1, one minute (port 0 is any free one; Ctrl-C ends it sooner). Linux only.

#[path = "epoll_echo/client.rs"]
mod client;
#[path = "epoll_echo/server.rs"]
mod server;

use std::env;
use std::io::pipe;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use client::client;
use fork::{Exit, spawn, wait_for};
use nix::unistd::{alarm, getpid};
use select::{Listener, Options};
use server::Server;

const USAGE: &str = "usage: epoll_echo [--serve PORT]   (PORT on 127.0.0.1, for one minute)";

fn listen(port: &str) -> Result<Listener> {
    let port: u16 = port.parse().with_context(|| format!("PORT must be a port, not `{port}`"))?;
    let address = format!("127.0.0.1:{port}").parse()?;
    Listener::bind(&address, Options::default())
        .with_context(|| format!("cannot listen on {address}"))
}

fn play_with_three() -> Result<()> {
    alarm::set(20); // a bound for all of it
    let listener = listen("0")?;
    println!("[server {}] one process, one thread, three clients", getpid());
    let (all, one) = pipe().context("cannot make a pipe")?;
    let (mut one, mut clients) = (Some(one), Vec::new());
    for number in 0..3 {
        // What a child takes from its copy of `one`, its parent and its siblings still have.
        let work = || client(number, listener.address(), &all, one.take()).is_err().into();
        // SAFETY: this program has one thread.
        clients.push(unsafe { spawn(work) }.context("cannot fork")?);
    }
    drop(one);
    // ANCHOR: serve
    let mut server = Server::new(&listener)?;
    while server.served < clients.len() {
        server.turn(None)?;
    }
    // ANCHOR_END: serve
    let (most, now) = (server.most, server.clients());
    println!("[server {}] at one moment I had {most} clients; now {now}", getpid());
    for pid in clients {
        let exit = wait_for(pid).context("cannot wait for a client")?;
        ensure!(exit == Exit::Code(0), "a client failed: {exit}");
    }
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => play_with_three(),
        ["-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["--serve", port] => {
            let listener = listen(port)?;
            println!("[server {}] on {} for one minute", getpid(), listener.address());
            let end = Instant::now() + Duration::from_secs(60);
            let mut server = Server::new(&listener)?;
            while let Some(left) = end.checked_duration_since(Instant::now()) {
                server.turn(Some(left))?;
            }
            Ok(())
        }
        _ => bail!(USAGE),
    }
}
