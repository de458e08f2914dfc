//! Three dead children, not yet reaped: zombies, looked at and then laid to rest.
//!
//! One exits with 0, one with 3, one is killed. Until somebody waits for them the kernel keeps
//! each one's pid and status, and nothing else (the states are read in /proc: Linux only).

use std::fs;

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid, pause};

// ANCHOR: state
/// The state of a process: R runs, S sleeps, Z is a zombie (proc_pid_stat(5)).
fn state(pid: Pid) -> String {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return "gone".to_string();
    };
    let after_name = stat.rsplit(") ").next().unwrap_or_default(); // a name may contain ")"
    after_name.chars().take(1).collect()
}
// ANCHOR_END: state

fn main() -> Result<()> {
    let me = getpid();
    let mut zoo = Vec::new();
    for kind in 0..3 {
        // SAFETY: this program has one thread.
        let pid = unsafe {
            spawn(|| match kind {
                0 => 0,
                1 => 3,
                _ => loop {
                    pause();
                },
            })
        }
        .context("cannot fork")?;
        zoo.push(pid);
    }
    kill(zoo[2], Signal::SIGKILL).context("cannot kill the third")?;

    // ANCHOR: look
    for &pid in &zoo {
        // WNOWAIT: sleep until it has ended, and leave it as it is.
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).context("cannot wait")?;
        println!("[keeper {me}] pid {pid} has ended; its state: {}", state(pid));
    }

    kill(zoo[0], Signal::SIGKILL).context("cannot signal a zombie")?;
    println!("[keeper {me}] SIGKILL to pid {}: sent; its state: {}", zoo[0], state(zoo[0]));

    for &pid in &zoo {
        let exit = wait_for(pid).context("cannot reap")?;
        println!("[keeper {me}] reaped pid {pid}: {exit}; its state: {}", state(pid));
    }
    // ANCHOR_END: look
    Ok(())
}
