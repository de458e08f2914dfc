//! A thread hears the master, and shuts the listener down, so that accept returns.
//! Told: "it sleeps in accept, for clients only"

use std::io::{self, Read as _, Write as _};
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
    let told = std::sync::Arc::new(std::sync::Mutex::new(None));
    let t = told.clone();
    let l = listener.try_clone()?;
    std::thread::spawn(move || {
        let n = hear();
        *t.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(n);
        let _ = nix::sys::socket::shutdown(
            std::os::fd::AsRawFd::as_raw_fd(&l),
            nix::sys::socket::Shutdown::Both,
        );
    });
    loop {
        match listener.accept() {
            Ok((c, _)) => serve(c)?,
            Err(_) => {
                return Ok(
                    match told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
                        Some(Ok(0)) => Why::Alone,
                        _ => Why::Told,
                    },
                );
            }
        }
    }
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}

/// Reads what the master has written to the pipe, which is standard input: how many bytes; 0 at its end.
fn hear() -> io::Result<usize> {
    io::stdin().read(&mut [0; 16])
}
