//! A pipe whose read end is descriptor 1500: select(2) can't watch it, poll(2) can.
//!
//! Raises its soft limit on open files, if need be.

use std::io::{Write, pipe};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::panic;

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::select::FdSet;
use nix::unistd::getpid;
use select::{poll_readable, wait_readable};

// ANCHOR: high
/// The same pipe or file by a number that is no lower than `lowest`.
fn move_up(fd: OwnedFd, lowest: i32) -> Result<OwnedFd> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit")?;
    let wanted = soft.max(lowest as u64 + 10);
    ensure!(hard >= wanted, "no more than {hard} files may be open here; this needs {wanted}");
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).context("cannot raise the limit")?;
    let high = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(lowest)).context("cannot duplicate")?;
    // SAFETY: it is new, so nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(high) })
}
// ANCHOR_END: high

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: ask
    let (reader, mut writer) = pipe().context("cannot make a pipe")?;
    let reader = move_up(reader.into(), 1500)?;
    writer.write_all(b"x").context("cannot write")?;
    println!("[process {me}] descriptor {} has a byte to read", reader.as_raw_fd());

    match wait_readable(&[reader.as_fd()], None) {
        Ok(ready) => println!("[process {me}] select: {} readable", ready.len()),
        Err(error) => println!("[process {me}] select: {error}"),
    }
    let ready = poll_readable(&[reader.as_fd()], None).context("cannot poll")?;
    println!("[process {me}] poll: {} readable", ready.len());

    panic::set_hook(Box::new(|_| {})); // quietly
    let inserted = panic::catch_unwind(|| FdSet::new().insert(reader.as_fd()));
    println!("[process {me}] nix's FdSet::insert panics: {}", inserted.is_err());
    // ANCHOR_END: ask
    Ok(())
}
