//! Nobody sleeps in read: each client does not block, and poll says when there is something to hear.

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

fn talk(mut clients: Vec<UnixStream>) -> io::Result<()> {
    while !clients.is_empty() {
        let mut wanted: Vec<_> = clients
            .iter()
            .map(|client| nix::libc::pollfd {
                fd: client.as_raw_fd(),
                events: nix::libc::POLLIN,
                revents: 0,
            })
            .collect();
        // SAFETY: the list lives through the call, and has so many entries.
        let ready = unsafe {
            nix::libc::ppoll(
                wanted.as_mut_ptr(),
                wanted.len() as _,
                std::ptr::null(),
                std::ptr::null(),
            )
        };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut asked = wanted.iter();
        clients.retain(|client| {
            let ready = asked.next().is_some_and(|asked| asked.revents != 0);
            !ready || answer(client).is_ok_and(|stays| stays)
        });
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
