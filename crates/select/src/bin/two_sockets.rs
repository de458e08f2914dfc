//! Five workers, two listening sockets, one select(2): any worker takes from either.
//!
//! `two_sockets [WORKERS]` plays its clients itself. For clients of your own, see `serve_two`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::{env, net::TcpStream, os::fd::AsFd};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid, getppid};
use select::{Accepted, Listener, Options, wait_readable};
use syscalls::write_all;

// ANCHOR: worker
fn worker(number: usize, [one, two]: &[Listener; 2]) -> Result<()> {
    let name = format!("worker {number}, pid {}", getpid());
    loop {
        for ready in wait_readable(&[one.as_fd(), two.as_fd()], None)? {
            let Accepted::Connection(client) = [one, two][ready].accept()? else { continue };
            // A client that leaves early ends this conversation, and nothing else.
            let _ = write_all(&client, format!("{name}\n").as_bytes());
            let (mut client, mut said) = (BufReader::new(TcpStream::from(client)), String::new());
            let _ = client.by_ref().take(1000).read_line(&mut said);
            println!("[{name}] heard {:?}", said.trim_end());
        }
    }
}
// ANCHOR_END: worker

// ANCHOR: clients
fn play_the_clients(count: usize, listeners: &[Listener; 2]) -> Result<()> {
    let mut held = BTreeMap::new();
    for number in 0..count {
        let client = listeners[number % 2].address().connect().context("cannot connect")?;
        let (mut client, mut who) = (BufReader::new(TcpStream::from(client)), String::new());
        client.read_line(&mut who).context("no worker answers")?;
        held.insert(who, client);
    }
    println!("[client {}] connected to the one port and the other, in turn", getpid());
    println!("[client {}] {} workers have one each", getpid(), held.len());
    for (who, mut client) in held {
        println!("[client {}] to {}: I say hello", getpid(), who.trim_end());
        write_all(client.get_ref(), b"hello from your client!\n")?;
        client.read_to_end(&mut Vec::new())?; // until the worker has hung up
    }
    Ok(())
}
// ANCHOR_END: clients

fn main() -> Result<()> {
    let count = env::args().nth(1).map_or(Ok(5), |count| count.parse());
    let (me, count) = (getpid(), count.context("usage: two_sockets [WORKERS]")?);
    alarm::set(30); // a bound for all of it
    // ANCHOR: master
    let free_port = "127.0.0.1:0".parse()?;
    let listen = || Listener::bind(&free_port, Options::default()).context("cannot listen");
    let listeners = [listen()?, listen()?];
    let mut workers = Vec::new();
    for number in 0..count {
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
            set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we (Linux only)
            ensure!(getppid() == me, "the master has ended already");
            return worker(number, &listeners);
        };
        workers.push(child);
    }
    // ANCHOR_END: master
    println!("[master {me}] {count} workers wait on two listeners");
    play_the_clients(count, &listeners)?;

    for pid in workers {
        kill(pid, Signal::SIGTERM).context("cannot end a worker")?;
        waitpid(pid, None).context("cannot wait for a worker")?;
    }
    Ok(())
}
