//! How long it takes to run `true`, from a small process and from one of 128 MiB, in three ways.
//!
//! The times are this machine's; what a parent's size does is not. Linux only.

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;
use std::{env, ptr};

use anyhow::{Context, Result, ensure};
use fork::{Exit, spawn, wait_for};
use nix::sched::{CloneFlags, clone};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::prctl;
use nix::unistd::{Pid, execve, getpid};

const NOTHING: [&CStr; 0] = [];

// ANCHOR: ways
fn by_fork(path: &CStr) -> Result<Pid> {
    let become_it = || execve(path, &[path], &NOTHING).map_or(127, |_| 0);
    // SAFETY: this program has one thread.
    unsafe { spawn(become_it) }.context("cannot fork")
}

/// What `vfork` is: the child borrows our memory, and we stand still until its exec.
fn by_vfork(path: &CStr) -> Result<Pid> {
    let (argv, envp) = ([path.as_ptr(), ptr::null()], [ptr::null()]);
    let become_it = Box::new(|| {
        // SAFETY: strings and lists end with a null, and live longer than the call. It allocates
        // nothing, which here would be ours, and never freed.
        unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
        127
    });
    let mut stack = [0; 16 * 1024];
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    // SAFETY: one thread, which stands still for as long as the child uses the stack.
    unsafe { clone(become_it, &mut stack, flags, Some(libc::SIGCHLD)) }.context("cannot clone")
}

fn by_posix_spawn(path: &CStr) -> Result<Pid> {
    let actions = PosixSpawnFileActions::init()?;
    posix_spawn(path, &actions, &PosixSpawnAttr::init()?, &[path], &NOTHING).context("cannot spawn")
}
// ANCHOR_END: ways

type Way = (&'static str, fn(&CStr) -> Result<Pid>);
const WAYS: [Way; 3] = [("fork", by_fork), ("vfork", by_vfork), ("posix_spawn", by_posix_spawn)];

/// Microseconds to run `path` to its end: the best of some, which is the one that nothing disturbed.
fn time(way: fn(&CStr) -> Result<Pid>, path: &CStr) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let exit = wait_for(way(path)?).context("cannot wait")?;
        best = best.min(start.elapsed().as_nanos() as f64 / 1000.0);
        ensure!(exit == Exit::Code(0), "true is false: {exit}");
    }
    Ok(best)
}

fn main() -> Result<()> {
    let me = getpid();
    let path = env::var_os("PATH").context("no PATH")?;
    let found = env::split_paths(&path).map(|dir| dir.join("true")).find(|file| file.is_file());
    let program = CString::new(found.context("no program `true`")?.as_os_str().as_bytes())?;
    // Huge pages have small tables: they would hide what is measured here.
    prctl::set_thp_disable(true).context("cannot turn off huge pages")?;

    let small: Vec<_> = WAYS.iter().map(|way| time(way.1, &program)).collect::<Result<_>>()?;
    let memory = black_box(vec![1u8; 128 << 20]);
    for ((name, way), small) in WAYS.into_iter().zip(small) {
        let big = time(way, &program)?;
        let times = big / small;
        println!("[parent {me}] {name}: {small:.0} µs, with 128 MiB {big:.0} µs: × {times:.1}");
    }
    drop(memory);
    Ok(())
}
