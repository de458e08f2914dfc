//! A queue with room for two, where four may have to wait.
//! Told: "stand in the queue: it is full"

use std::io::{self, Read as _, Write as _};
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
    use nix::sys::socket::*;
    use std::os::fd::AsRawFd;
    let s = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    bind(s.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&s, Backlog::new(1)?)?;
    let listener = std::os::unix::net::UnixListener::from(s);
    for _ in 0..count {
        // SAFETY: this program has one thread.
        if let nix::unistd::ForkResult::Child = unsafe { nix::unistd::fork() }? {
            for c in listener.incoming().flatten() {
                let _ = serve(c);
            }
            std::process::exit(0)
        }
    }
    while nix::sys::wait::wait().is_ok() {}
    Ok(())
}

/// Serves one client: says who does it, and stays with it until it leaves.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "worker {}", std::process::id())?;
    client.read_to_end(&mut Vec::new()).map(drop)
}
