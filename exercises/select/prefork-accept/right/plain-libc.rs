//! Plain libc for fork and wait; each worker has its own copy of the descriptor.

use nix::libc;
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
        match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()),
            0 => work(listener.try_clone()?),
            pid => eprintln!("made worker {pid}"),
        }
    }
    // SAFETY: a null pointer says that the status is not wanted.
    while unsafe { libc::wait(std::ptr::null_mut()) } > 0 {}
    Ok(())
}

fn work(listener: UnixListener) -> ! {
    for client in listener.incoming().flatten() {
        let _ = serve(client);
    }
    unreachable!("there is always a next one")
}

/// Serves one client: says who does it, and stays with it until it leaves.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "worker {}", std::process::id())?;
    client.read_to_end(&mut Vec::new()).map(drop)
}
