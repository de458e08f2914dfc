//! WRONG ON PURPOSE: the pipe is closed while its handler is still set, and the byte lands elsewhere.
//!
//! Ask yourself what number the next file will get. Then reset the handler first. (The file is in
//! memory only: Linux only.)

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, raise};
use nix::unistd::getpid;
use signals::{Disposition, set_disposition};

static WRITER: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_usr1(_: libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant. That the descriptor is ours is what goes wrong here.
    unsafe { libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}

fn main() -> Result<()> {
    let me = getpid();
    let (own, writer) = pipe::nonblocking_pipe().context("cannot make a pipe")?;
    WRITER.store(writer.as_raw_fd(), SeqCst);
    // SAFETY: `on_usr1` does what signal-safety(7) allows, and keeps errno.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(on_usr1)) }
        .context("cannot catch SIGUSR1")?;

    // ANCHOR: close
    println!("[pid {me}] I close my pipe's write end, and open a ledger");
    drop(writer);

    let ledger = memfd_create(c"ledger", MFdFlags::MFD_CLOEXEC).context("cannot make a file")?;
    let same = ledger.as_raw_fd() == WRITER.load(SeqCst);
    println!("[pid {me}] it got the number that the write end had: {same}");
    let mut ledger = File::from(ledger);
    ledger.write_all(b"paid: 100").context("cannot write")?;

    println!("[pid {me}] SIGUSR1 comes");
    raise(Signal::SIGUSR1).context("cannot signal myself")?;
    // ANCHOR_END: close

    let mut text = String::new();
    ledger.rewind().context("cannot rewind")?;
    ledger.read_to_string(&mut text).context("cannot read")?;
    println!("[pid {me}] the ledger says: {text:?}");
    drop(own);
    Ok(())
}
