//! Plain libc: a set that stays, and a copy of it that is handed in.

use nix::libc;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
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

fn talk(clients: Vec<UnixStream>) -> io::Result<()> {
    // SAFETY: a set of zeros is an empty one.
    let mut watched: libc::fd_set = unsafe { std::mem::zeroed() };
    let mut left = clients.len();
    let highest = clients.iter().map(|client| client.as_raw_fd()).max().unwrap_or(-1);
    for client in &clients {
        // SAFETY: there are few clients, so the number is below FD_SETSIZE.
        unsafe { libc::FD_SET(client.as_raw_fd(), &raw mut watched) };
    }
    while left > 0 {
        let mut ready = watched;
        let none = std::ptr::null_mut();
        // SAFETY: the set is there, and null pointers stand for empty ones and for no timeout.
        if unsafe { libc::select(highest + 1, &raw mut ready, none, none, std::ptr::null_mut()) }
            < 0
        {
            return Err(io::Error::last_os_error());
        }
        for client in &clients {
            // SAFETY: as above.
            if unsafe { libc::FD_ISSET(client.as_raw_fd(), &raw const ready) }
                && !answer(client).unwrap_or_default()
            {
                // SAFETY: as above.
                unsafe { libc::FD_CLR(client.as_raw_fd(), &raw mut watched) };
                left -= 1;
            }
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
