//! Each source sends SIGIO when it has something (O_ASYNC), and one sigwait sleeps for that.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("two-sources: expected the path of a socket");
        return ExitCode::from(2);
    };
    match UnixListener::bind(path).and_then(|listener| work(&listener)) {
        Ok(Why::Told) => println!("I was told to leave"),
        Ok(Why::Alone) => println!("my master is gone"),
        Err(error) => {
            eprintln!("two-sources: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Why a worker leaves.
enum Why {
    /// Its master has written to the pipe.
    Told,
    /// The pipe is at its end.
    Alone,
}

/// Greets each client that comes, until the master says something on its pipe, or is gone.
fn work(listener: &UnixListener) -> io::Result<Why> {
    let news = SigSet::from(Signal::SIGIO);
    news.thread_block()?;
    has_us_told(&io::stdin())?;
    has_us_told(listener)?;
    loop {
        match hear() {
            Ok(0) => return Ok(Why::Alone),
            Ok(_) => return Ok(Why::Told),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        match listener.accept() {
            Ok((client, _)) => drop(serve(client)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(news.wait()?),
            Err(error) => return Err(error),
        }
    }
}

/// From now on, SIGIO comes when there is something to do here, and nobody sleeps in a call for it.
fn has_us_told(source: &impl AsFd) -> io::Result<()> {
    let source = source.as_fd();
    // SAFETY: it takes numbers only.
    let owned =
        unsafe { nix::libc::fcntl(source.as_raw_fd(), nix::libc::F_SETOWN, nix::libc::getpid()) };
    nix::errno::Errno::result(owned)?;
    let flags = OFlag::from_bits_retain(fcntl(source, FcntlArg::F_GETFL)?);
    fcntl(source, FcntlArg::F_SETFL(flags | OFlag::O_ASYNC | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}

/// Reads what the master has written to the pipe, which is standard input: how many bytes; 0 at its end.
fn hear() -> io::Result<usize> {
    io::stdin().read(&mut [0; 16])
}
