//! A worker's loop, as Unicorn has it: two listeners and the pipe from the master, in one wait.
//!
//! Two workers, one after the other. The first is told to leave, by a byte. The second is told
//! nothing: its master's end of the pipe is closed, as it is when a master dies.

use std::io::{PipeReader, Read, Write, pipe};
use std::net::TcpStream;
use std::os::fd::AsFd;

use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid, getppid};
use select::{Accepted, Listener, Options, wait_readable};
use syscalls::write_all;

// ANCHOR: worker
fn worker(number: usize, [one, two]: &[Listener; 2], mut control: PipeReader) -> Result<()> {
    let name = format!("[worker {number}, pid {}]", getpid());
    loop {
        for ready in wait_readable(&[control.as_fd(), one.as_fd(), two.as_fd()], None)? {
            if ready == 0 {
                let mut command = [0];
                match control.read(&mut command).context("cannot read a command")? {
                    0 => println!("{name} the pipe is at its end: the master is gone, so I leave"),
                    _ => println!("{name} the master says {}: I leave", command[0] as char),
                }
                return Ok(());
            }
            if let Accepted::Connection(client) = [one, two][ready - 1].accept()? {
                println!("{name} a connection to listener {ready}");
                let _ = write_all(&client, b"served\n"); // a client that left is no error of ours
            }
        }
    }
}
// ANCHOR_END: worker

fn main() -> Result<()> {
    alarm::set(30); // a bound for all of it
    let me = getpid();
    let listen = || Listener::bind(&"127.0.0.1:0".parse()?, Options::default());
    let listeners = [listen()?, listen()?];
    for number in 0..2 {
        // ANCHOR: master
        let (control, mut to_worker) = pipe().context("cannot make a pipe")?;
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
            drop(to_worker); // else the worker would wait for itself to hang up
            set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we (Linux only)
            ensure!(getppid() == me, "the master has ended already");
            return worker(number, &listeners, control);
        };
        drop(control);

        for listener in &listeners {
            let client = listener.address().connect().context("cannot connect")?;
            TcpStream::from(client).read_to_end(&mut Vec::new()).context("no answer")?;
        }
        if number == 0 {
            println!("[master {me}] I write a Q, for QUIT");
            to_worker.write_all(b"Q").context("cannot write a command")?;
        } else {
            println!("[master {me}] I close my end of the pipe, and write nothing");
        }
        drop(to_worker);
        // ANCHOR_END: master
        waitpid(child, None).context("cannot wait for the worker")?;
        println!("[master {me}] worker {number} has left");
    }
    Ok(())
}
