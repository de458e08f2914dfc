//! prefork-accept SOCKET COUNT: so many workers at one listening socket.
//!
//! The tempting mistake is to give each worker a socket of its own: `bind` in the child. The second one fails, for the address is taken; and
//! where the system can be talked into it (SO_REUSEPORT, or a path that is removed before), there are as many queues as
//! workers, and clients wait in the queue of one that is busy while another has nothing to do.
//!
//! One socket, bound before the fork, is what they need. The children inherit the descriptor, and all descriptors lead to one queue. Whoever
//! is free takes the oldest client; nobody hands out the work, and nobody has to know who is free.

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

/// Listens at the path, and has so many workers, made before the first client comes, accept and `serve` clients, one after the other each. Then
/// waits for the workers, which have no end of their own.
fn run(path: &Path, count: u8) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    for _ in 0..count {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            work(&listener);
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
