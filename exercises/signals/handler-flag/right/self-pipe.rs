//! The note is a byte in a pipe.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pipe2;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("handler-flag: expected the path of a file");
        return ExitCode::from(2);
    };
    match serve(Path::new(&file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("handler-flag: {error}");
            ExitCode::from(2)
        }
    }
}

/// Does jobs until there are no more or it is told to stop. While it works, its file is there.
fn serve(file: &Path) -> io::Result<()> {
    std::fs::File::create_new(file)?;
    listen()?;
    while !told_to_stop() {
        match next_job()? {
            Some(job) if job.is_empty() => {}
            Some(job) => println!("{job}: done"),
            None => break,
        }
    }
    std::fs::remove_file(file)?;
    println!("tidied up");
    Ok(())
}

static WRITE: AtomicI32 = AtomicI32::new(-1);
static ENDS: OnceLock<(OwnedFd, OwnedFd)> = OnceLock::new();

extern "C" fn on_term(_: nix::libc::c_int) {
    let before = Errno::last_raw();
    // SAFETY: it is open as long as the program lasts.
    let writer = unsafe { BorrowedFd::borrow_raw(WRITE.load(Ordering::Relaxed)) };
    let _ = nix::unistd::write(writer, b"!");
    Errno::set_raw(before);
}

fn listen() -> io::Result<()> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    WRITE.store(writer.as_raw_fd(), Ordering::Relaxed);
    let _ = ENDS.set((reader, writer));
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler writes a byte, does not wait for room, and puts errno back.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    Ok(())
}

fn told_to_stop() -> bool {
    let Some((reader, _)) = ENDS.get() else { return false };
    nix::unistd::read(reader.as_fd(), &mut [0]) == Ok(1)
}

/// The next line of standard input, for which it sleeps; `None`: there will be none. An empty one: a handler has interrupted the sleep.
fn next_job() -> io::Result<Option<String>> {
    let (mut job, mut byte) = (String::new(), [0]);
    loop {
        match nix::unistd::read(io::stdin(), &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) if byte == *b"\n" => return Ok(Some(job)),
            Ok(_) => job.push(byte[0].into()),
            Err(Errno::EINTR) if job.is_empty() => return Ok(Some(job)),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
