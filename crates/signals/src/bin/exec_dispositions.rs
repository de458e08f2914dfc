//! What becomes of dispositions, mask and pending signals when a process runs another program.
//!
//! The other program is `grep`, reading about itself in /proc (Linux only). It is started twice:
//! by fork(2) and execve(2), which change as little as they can, and by std's `Command`.

use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, dup2_stdout, execvp, fork, getpid};
use signals::{Disposition, block, set_disposition};

extern "C" fn nothing(_: libc::c_int) {}

// ANCHOR: read
/// What the `Sig…` lines of a /proc/PID/status say about one signal.
fn about(signal: Signal, status: &str) -> String {
    let says = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal as u32 - 1) & 1 == 1)
    };
    let disposition = match (says("SigIgn:"), says("SigCgt:")) {
        (true, _) => "ignored",
        (_, true) => "caught",
        _ => "default",
    };
    let blocked = if says("SigBlk:") { ", blocked" } else { "" };
    let pending = if says("SigPnd:") { ", pending" } else { "" };
    format!("{disposition}{blocked}{pending}")
}
// ANCHOR_END: read

fn main() -> Result<()> {
    // ANCHOR: set
    // SAFETY: the handler does nothing.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(nothing)) }?;
    // SAFETY: no code of ours runs.
    unsafe { set_disposition(Signal::SIGUSR2, Disposition::Ignore) }?;
    // SIGPIPE we leave as we found it. Who has ignored it?
    let _held = block(&Signal::SIGTERM.into()).context("cannot block SIGTERM")?;
    raise(Signal::SIGTERM).context("cannot send SIGTERM")?;
    // ANCHOR_END: set
    let mine = fs::read_to_string("/proc/self/status").context("cannot read my status")?;

    // ANCHOR: exec
    let (from_child, to_us) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        raise(Signal::SIGTERM)?; // again, for a fork leaves behind what is pending
        dup2_stdout(to_us)?;
        let Err(error) = execvp(c"grep", &[c"grep", c"^Sig[^Q]", c"/proc/self/status"]);
        return Err(error).context("cannot run grep");
    };
    drop(to_us);
    let raw = io::read_to_string(from_child).context("cannot read what grep says")?;
    waitpid(child, None).context("cannot wait for grep")?;

    let mut command = Command::new("grep");
    command.args(["^Sig[^Q]", "/proc/self/status"]);
    let by_std = String::from_utf8(command.output().context("cannot run grep")?.stdout)?;
    // ANCHOR_END: exec

    let me = getpid();
    println!(
        "[parent {me}] signal   {:27}{:27}after std's Command",
        "mine", "after fork and execve"
    );
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE, Signal::SIGTERM] {
        let [mine, raw, by_std] = [&mine, &raw, &by_std].map(|status| about(signal, status));
        println!("[parent {me}] {signal}  {mine:27}{raw:27}{by_std}");
    }
    SigSet::from(Signal::SIGTERM).wait().context("cannot take the pending SIGTERM")?;
    Ok(())
}
