//! Four idle workers share a listener: who gets the connections? It depends on how they sleep.
//!
//! Each connection comes when all are asleep, so that luck has no part in it. Linux only.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::{fs::File, thread};

use anyhow::{Context, Result};
use fork::{Children, spawn_missing, wait_for};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, alarm, getpid};
use select::{Accepted, Listener, Options};

// ANCHOR: worker
fn worker(slot: u8, exclusive: bool, listener: &Listener) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    if exclusive {
        let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
        epoll.add(listener, EpollEvent::new(events, 0))?;
    } else {
        fcntl(listener, FcntlArg::F_SETFL(OFlag::empty()))?; // no O_NONBLOCK: sleep in accept
    }
    loop {
        if exclusive {
            epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
        }
        let Accepted::Connection(client) = listener.accept()? else { continue };
        let mut client = TcpStream::from(client);
        client.write_all(&[slot])?;
        client.read_to_end(&mut Vec::new())?; // busy until the client has left
    }
}
// ANCHOR_END: worker

fn is_asleep((_, pid): (usize, Pid)) -> bool {
    let mut stat = [0; 64];
    let read = File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(&mut stat));
    read.is_ok() && stat.windows(4).any(|state| state == b") S ")
}

fn main() -> Result<()> {
    alarm::set(60); // a bound for all of it
    for (way, exclusive, total, stay) in [
        ("accept, one at a time", false, 8, false),
        ("EPOLLEXCLUSIVE, one at a time", true, 8, false),
        ("EPOLLEXCLUSIVE, each comes while the others stay", true, 4, true),
    ] {
        let listener = Listener::bind(&"127.0.0.1:0".parse()?, Options::default())?;
        let mut workers = Children::new();
        let work = |slot| worker(slot as u8, exclusive, &listener).is_err().into();
        // SAFETY: this program has one thread.
        unsafe { spawn_missing(&mut workers, 4, work) }.context("cannot fork")?;
        let (mut got, mut clients) = ([0; 4], Vec::new());
        for _ in 0..total {
            while !workers.iter().all(is_asleep) {
                thread::yield_now(); // /proc can only be asked again
            }
            let (mut client, mut slot) = (TcpStream::from(listener.address().connect()?), [0]);
            client.read_exact(&mut slot).context("nobody answers")?;
            got[usize::from(slot[0])] += 1;
            if !stay {
                client.shutdown(Shutdown::Write)?;
                client.read_to_end(&mut Vec::new())?; // until the worker has hung up too
            }
            clients.push(client);
        }
        got.sort_by(|a, b| b.cmp(a)); // which of them it is, is of no interest
        println!("[master {}] {way}: {got:?}", getpid());
        for (slot, pid) in workers.iter() {
            kill(pid, Signal::SIGKILL).with_context(|| format!("cannot end worker {slot}"))?;
            wait_for(pid)?;
        }
    }
    Ok(())
}
