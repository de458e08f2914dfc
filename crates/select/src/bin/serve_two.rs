//! The same five workers for clients of your own: `serve_two PORT PORT`, on 127.0.0.1, one minute.
//!
//! Port 0 is any free one. Try `curl http://127.0.0.1:PORT/`, or `nc 127.0.0.1 PORT` and a line of
//! text. Ctrl-C ends it sooner.

use std::io::{BufRead, BufReader, Read};
use std::{env, net::TcpStream, os::fd::AsFd, thread, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid, getppid};
use select::{Accepted, Listener, Options, wait_readable};
use syscalls::write_all;

const MINUTE: Duration = Duration::from_secs(60);
const USAGE: &str = "usage: serve_two PORT PORT, which serves for one minute on 127.0.0.1";

fn listen(port: &str) -> Result<Listener> {
    let port: u16 =
        port.parse().with_context(|| format!("PORT must be 0 to 65535, not `{port}`"))?;
    let address = format!("127.0.0.1:{port}").parse()?;
    Listener::bind(&address, Options::default())
        .with_context(|| format!("cannot listen on {address}"))
}

// ANCHOR: worker
fn worker([one, two]: &[Listener; 2]) -> Result<()> {
    loop {
        for ready in wait_readable(&[one.as_fd(), two.as_fd()], None)? {
            let Accepted::Connection(client) = [one, two][ready].accept()? else { continue };
            let (mut client, mut said) = (BufReader::new(TcpStream::from(client)), String::new());
            let _ = client.by_ref().take(1000).read_line(&mut said);
            println!("[worker {}] heard {:?}", getpid(), said.trim_end());
            let answer = format!("HTTP/1.0 200 OK\r\n\r\nThis is worker {}.\n", getpid());
            let _ = write_all(client.get_ref(), answer.as_bytes()); // or the client has left
        }
    }
}
// ANCHOR_END: worker

fn main() -> Result<()> {
    let me = getpid();
    let args: Vec<_> = env::args().skip(1).collect();
    let listeners = match &args[..] {
        [help] if help == "--help" => {
            println!("{USAGE}");
            return Ok(());
        }
        [one, two] => [listen(one)?, listen(two)?],
        _ => bail!(USAGE),
    };
    let mut workers = Vec::new();
    for _ in 0..5 {
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
            set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we (Linux only)
            ensure!(getppid() == me, "the master has ended already");
            alarm::set(70); // and if nobody ends us, the minute does
            return worker(&listeners);
        };
        workers.push(child);
    }
    let [one, two] = listeners.each_ref().map(Listener::address);
    println!("[master {me}] five workers, for one minute, on {one} and {two}");
    thread::sleep(MINUTE);
    for pid in workers {
        kill(pid, Signal::SIGTERM).context("cannot end a worker")?;
        waitpid(pid, None).context("cannot wait for a worker")?;
    }
    Ok(())
}
