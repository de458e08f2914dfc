//! Who can't be answered any more is an error, and takes all others along.
//! Told: "Broken pipe"

use std::io::{self, Read as _, Write as _};
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
    use nix::poll::*;
    use std::os::fd::AsFd;
    let mut open = clients;
    while !open.is_empty() {
        let r: Vec<bool> = {
            let mut p: Vec<_> =
                open.iter().map(|c| PollFd::new(c.as_fd(), PollFlags::POLLIN)).collect();
            poll(&mut p, PollTimeout::NONE)?;
            p.iter().map(|p| p.any() == Some(true)).collect()
        };
        let mut keep = Vec::new();
        for (c, r) in open.into_iter().zip(r) {
            if !r || answer(&c)? {
                keep.push(c);
            }
        }
        open = keep;
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
