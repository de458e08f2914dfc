//! What goes wrong with one client is that client's; where accept fails, the worker ends. A Unix socket's accept never fails for a client that
//! has left (ECONNABORTED is TCP's).

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

fn work(listener: &UnixListener) -> ! {
    let gave_up = |error| eprintln!("worker {}: {error}", std::process::id());
    let _ = serve_all(listener).map_err(gave_up);
    std::process::exit(1)
}

fn serve_all(listener: &UnixListener) -> io::Result<()> {
    loop {
        let (client, _) = listener.accept()?;
        let _ = serve(client);
    }
}

/// Serves one client: says who does it, and stays with it until it leaves.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "worker {}", std::process::id())?;
    client.read_to_end(&mut Vec::new()).map(drop)
}
