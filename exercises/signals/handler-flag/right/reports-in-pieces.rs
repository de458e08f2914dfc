//! Reports each job in two writes.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

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
            Some(job) => {
                let mut out = io::stdout().lock();
                out.write_all(job.as_bytes())?;
                out.flush()?;
                out.write_all(b": done\n")?;
            }
            None => break,
        }
    }
    std::fs::remove_file(file)?;
    println!("tidied up");
    Ok(())
}

/// SIGTERM has come.
static TOLD: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_: nix::libc::c_int) {
    TOLD.store(true, Ordering::Relaxed);
}

/// From now on, SIGTERM ends nothing: a handler takes a note of it. It also interrupts the sleep in `next_job`.
fn listen() -> io::Result<()> {
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing but store to an atomic.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    Ok(())
}

/// Whether SIGTERM has come.
fn told_to_stop() -> bool {
    TOLD.load(Ordering::Relaxed)
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
