//! By epoll, which is asked to tell of news only: what is left of old ones is none.
//! Told: "what is left of that is never looked at"

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
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

fn talk(clients: Vec<UnixStream>) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for (number, client) in clients.iter().enumerate() {
        let news = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(client, EpollEvent::new(news, number as u64))?;
    }
    let mut left = clients.len();
    let mut events = [EpollEvent::empty(); 8];
    while left > 0 {
        let count = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            count => count?,
        };
        for event in &events[..count] {
            let client = &clients[event.data() as usize];
            if !answer(client).unwrap_or_default() {
                epoll.delete(client)?;
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
