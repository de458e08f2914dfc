//! A tracer: runs a program, and prints its system calls, with their results, as they are made.
//!
//! `tiny_trace PROGRAM [ARG…]`, else echo. It names two calls; ausyscall(8) knows the rest. Linux only.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, c_long};
use std::os::unix::ffi::OsStringExt;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execvp, fork};

fn main() -> Result<()> {
    let mut words: Vec<_> = env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    if words.is_empty() {
        words = vec![b"echo".into(), b"this line is one write".into()];
    }
    let words: Vec<CString> = words.into_iter().map(CString::new).collect::<Result<_, _>>()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => trace(child).context("cannot trace"),
        ForkResult::Child => {
            let Err(error) = be_traced(&words);
            eprintln!("cannot run {:?}: {error}", words[0]);
            std::process::exit(127);
        }
    }
}

// ANCHOR: traced
fn be_traced(words: &[CString]) -> nix::Result<Infallible> {
    ptrace::traceme()?; // from now on, my parent is told of all that I do
    execvp(&words[0], words)
}
// ANCHOR_END: traced

// ANCHOR: trace
fn trace(child: Pid) -> nix::Result<()> {
    let WaitStatus::Stopped(..) = waitpid(child, None)? else { return Ok(()) }; // in its exec
    ptrace::setoptions(child, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL)?;
    let mut deliver = None;
    loop {
        ptrace::syscall(child, deliver)?; // go on, until a call begins or ends
        deliver = match waitpid(child, None)? {
            WaitStatus::PtraceSyscall(_) => {
                report(child)?;
                None
            }
            WaitStatus::Stopped(_, Signal::SIGTRAP) => None,
            WaitStatus::Stopped(_, signal) => Some(signal), // it is the child's, not ours
            ended => break println!(" … {ended:?}"),
        };
    }
    Ok(())
}
// ANCHOR_END: trace

fn report(child: Pid) -> nix::Result<()> {
    let info = ptrace::syscall_info(child)?;
    if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
        // SAFETY: `op` says which member of the union the kernel has filled in.
        match unsafe { info.u.entry.nr } as c_long {
            libc::SYS_write => print!("write"),
            libc::SYS_exit_group => print!("exit_group"),
            number => print!("call {number}"),
        }
        return Ok(());
    }
    // SAFETY: as above.
    match unsafe { info.u.exit } {
        exit if exit.is_error == 0 => println!(" = {}", exit.sval),
        exit => println!(" = {:?}", Errno::from_raw(-exit.sval as i32)),
    }
    Ok(())
}
