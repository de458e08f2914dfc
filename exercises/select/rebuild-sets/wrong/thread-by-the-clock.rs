//! One thread sleeps for all clients, and gets up every fifty milliseconds; the first one only joins it.
//! Told: "P2 calls poll("

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, count] = [0, 1].map(|at| args.get(at).map_or("", String::as_str));
    let Ok(count) = count.parse() else {
        eprintln!("rebuild-sets: expected the path of a socket, and a number of clients");
        return ExitCode::from(2);
    };
    match accept(path, count).and_then(talk) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rebuild-sets: {error}");
            ExitCode::from(2)
        }
    }
}

/// So many clients, in the order in which they come.
fn accept(path: &str, count: usize) -> io::Result<Vec<UnixStream>> {
    let listener = UnixListener::bind(path)?;
    listener.incoming().take(count).collect()
}

/// Answers whichever client says something, until all of them have left.
fn talk(clients: Vec<UnixStream>) -> io::Result<()> {
    let worker = std::thread::spawn(move || answer_all(clients));
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn answer_all(mut clients: Vec<UnixStream>) -> io::Result<()> {
    while !clients.is_empty() {
        let fds = clients.iter().map(|client| PollFd::new(client.as_fd(), PollFlags::POLLIN));
        let mut fds: Vec<_> = fds.collect();
        match poll(&mut fds, 50_u8) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let first = fds.iter().position(|fd| fd.any() == Some(true));
        if let Some(first) = first
            && !answer(&clients[first]).unwrap_or_default()
        {
            clients.swap_remove(first);
        }
    }
    Ok(())
}

/// Answers what a client has said, for which it sleeps if there is nothing; `false`: it has left.
fn answer(mut client: &UnixStream) -> io::Result<bool> {
    let mut bytes = [0; 64];
    let count = client.read(&mut bytes)?;
    client.write_all(&bytes[..count].to_ascii_uppercase())?;
    Ok(count > 0)
}
