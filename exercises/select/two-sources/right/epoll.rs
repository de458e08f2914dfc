//! epoll, and as many clients as there are.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("two-sources: expected the path of a socket");
        return ExitCode::from(2);
    };
    match UnixListener::bind(path).and_then(|listener| work(&listener)) {
        Ok(Why::Told) => println!("I was told to leave"),
        Ok(Why::Alone) => println!("my master is gone"),
        Err(error) => {
            eprintln!("two-sources: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Why a worker leaves.
enum Why {
    /// Its master has written to the pipe.
    Told,
    /// The pipe is at its end.
    Alone,
}

fn work(listener: &UnixListener) -> io::Result<Why> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
    epoll.add(io::stdin(), EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    let mut events = [EpollEvent::empty(); 2];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        if events[..count].iter().any(|event| event.data() == 1) {
            return Ok(if hear()? > 0 { Why::Told } else { Why::Alone });
        }
        while let Ok((client, _)) = listener.accept() {
            let _ = serve(client);
        }
    }
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}

/// Reads what the master has written to the pipe, which is standard input: how many bytes; 0 at its end.
fn hear() -> io::Result<usize> {
    io::stdin().read(&mut [0; 16])
}
