//! A server that is asked to go cleans up first: its worker, its temporary file, a line in its log.
//!
//! The operator sends it SIGQUIT, or the SIGNAL that you say (`none`: you do). Ends within a minute.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::{env, fs, path::Path};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid};
use signals::{Disposition, block, set_disposition};

const USAGE: &str = "usage: quit_cleanup [SIGQUIT|SIGTERM|SIGINT|SIGKILL|none]";
// ANCHOR: serve
const CAUGHT: [Signal; 3] = [Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGINT];
static ASKED: AtomicI32 = AtomicI32::new(0);
/// Runs in the middle of anything. So: one store, and the work is left to `serve`.
extern "C" fn on_signal(number: libc::c_int) {
    ASKED.store(number, Ordering::Relaxed);
}

fn serve(file: &Path, mut operator: UnixStream) -> Result<()> {
    let held = block(&CAUGHT.into_iter().collect()).context("cannot block the signals")?;
    for signal in CAUGHT {
        // SAFETY: the handler stores a number, and nothing else.
        unsafe { set_disposition(signal, Disposition::Handler(on_signal)) }?;
    }
    fs::write(file, "half an upload").context("cannot make the file")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child: worker } = unsafe { fork() }.context("cannot fork")? else {
        alarm::set(60);
        held.begin_child(|| Ok(()))?; // the handlers are the server's, not its worker's
        let _ = operator.read_exact(&mut [0]); // works on, until the operator is gone
        return Ok(());
    };
    alarm::set(60);
    println!("[server {}] I have a temporary file and a worker, pid {worker}", getpid());
    operator.write_all(&worker.as_raw().to_ne_bytes())?;
    while ASKED.load(Ordering::Relaxed) == 0 {
        held.sleep().context("cannot sleep")?;
    }
    kill(worker, Signal::SIGTERM).context("cannot end the worker")?;
    waitpid(worker, None).context("cannot wait for the worker")?;
    fs::remove_file(file).context("cannot remove the file")?;
    let signal = Signal::try_from(ASKED.load(Ordering::Relaxed))?;
    println!("[server {}] log: stopped by {signal}, worker ended, file removed", getpid());
    Ok(())
}
// ANCHOR_END: serve

fn main() -> Result<()> {
    let arg = env::args().nth(1).unwrap_or_else(|| "SIGQUIT".to_string());
    if arg == "--help" {
        println!("{USAGE}");
        return Ok(());
    }
    let signal = arg.parse().ok().filter(|it| CAUGHT.contains(it) || *it == Signal::SIGKILL);
    ensure!(signal.is_some() || arg == "none", USAGE);
    let me = getpid();
    let file = env::temp_dir().join(format!("quit_cleanup.{me}"));
    let (mut ours, theirs) = UnixStream::pair().context("cannot make a pair of sockets")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child: server } = unsafe { fork() }.context("cannot fork")? else {
        drop(ours);
        return serve(&file, theirs);
    };
    drop(theirs);
    let mut worker = [0; 4];
    ours.read_exact(&mut worker).context("the server did not start")?;
    println!("[operator {me}] {arg} for pid {server}");
    kill(server, signal).context("cannot send the signal")?;
    waitpid(server, None).context("cannot wait for the server")?;
    let lives = kill(Pid::from_raw(i32::from_ne_bytes(worker)), None).is_ok();
    let left = fs::remove_file(file).is_ok();
    println!("[operator {me}] pid {server} is gone; worker alive: {lives}, file left: {left}");
    Ok(())
}
