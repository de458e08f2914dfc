//! Each worker makes room for a socket of its own: there are as many queues as workers.
//! Told: "has a socket of its own"

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, count] = [0, 1].map(|at| args.get(at).map_or("", String::as_str));
    let Ok(count) = count.parse() else {
        eprintln!("prefork-accept: expected the path of a socket, and a number of workers");
        return ExitCode::from(2);
    };
    match run(Path::new(path), count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prefork-accept: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(path: &Path, count: u8) -> io::Result<()> {
    for _ in 0..count {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            let _ = std::fs::remove_file(path);
            work(&UnixListener::bind(path)?);
        }
    }
    while wait().is_ok() {}
    Ok(())
}

/// A worker's life.
fn work(listener: &UnixListener) -> ! {
    loop {
        // A client that has left, or that can't be had now, is no reason to leave the others.
        if let Err(error) = listener.accept().and_then(|(client, _)| serve(client)) {
            eprintln!("worker {}: {error}", std::process::id());
        }
    }
}

/// Serves one client: says who does it, and stays with it until it leaves.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "worker {}", std::process::id())?;
    client.read_to_end(&mut Vec::new()).map(drop)
}
