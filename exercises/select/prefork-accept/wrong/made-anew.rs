//! A worker ends with the client that it can't serve, and the master makes another one.
//! Told: "another one was made in its place"

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
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    let spawn = || -> io::Result<()> {
        // SAFETY: this program has one thread.
        if let nix::unistd::ForkResult::Child = unsafe { nix::unistd::fork() }? {
            for c in listener.incoming() {
                if c.and_then(serve).is_err() {
                    break;
                }
            }
            std::process::exit(0)
        }
        Ok(())
    };
    for _ in 0..count {
        spawn()?;
    }
    loop {
        nix::sys::wait::wait()?;
        spawn()?;
    }
}

/// Serves one client: says who does it, and stays with it until it leaves.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "worker {}", std::process::id())?;
    client.read_to_end(&mut Vec::new()).map(drop)
}
