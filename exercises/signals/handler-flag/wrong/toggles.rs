//! The handler turns the note over, so that a second signal takes it back.
//! Told: "the second one has undone"

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
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
            Some(job) => println!("{job}: done"),
            None => break,
        }
    }
    std::fs::remove_file(file)?;
    println!("tidied up");
    Ok(())
}

/// From now on, SIGTERM ends nothing: a handler takes a note of it. It also interrupts the sleep in `next_job`.
static TOLD: AtomicBool = AtomicBool::new(false);
extern "C" fn note(_: i32) {
    TOLD.fetch_xor(true, Ordering::SeqCst);
}
fn listen() -> io::Result<()> {
    // SAFETY: the handler does nothing but what stands there.
    unsafe {
        sigaction(
            Signal::SIGTERM,
            &SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty()),
        )?
    };
    Ok(())
}

/// Whether SIGTERM has come.
fn told_to_stop() -> bool {
    TOLD.load(Ordering::SeqCst)
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
