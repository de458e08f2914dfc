//! Plain libc, and a handler that counts.

use nix::errno::Errno;
use nix::libc;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

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

static TIMES: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_term(_: libc::c_int) {
    TIMES.fetch_add(1, Ordering::SeqCst);
}

fn listen() -> io::Result<()> {
    // SAFETY: a sigaction of zeros is one: no flags, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_term as *const () as usize;
    // SAFETY: the handler does nothing but add to an atomic.
    Errno::result(unsafe {
        libc::sigaction(libc::SIGTERM, &raw const action, std::ptr::null_mut())
    })?;
    Ok(())
}

fn told_to_stop() -> bool {
    TIMES.load(Ordering::SeqCst) > 0
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
