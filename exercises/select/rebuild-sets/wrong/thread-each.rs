//! A thread for each client.
//! Told: "It is not one that sleeps for all clients in one call"

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
    let threads: Vec<_> =
        clients.into_iter().map(|it| std::thread::spawn(move || stay(&it))).collect();
    threads.into_iter().try_for_each(|it| it.join().expect("it does not panic"))
}

/// Answers what a client has said, for which it sleeps if there is nothing; `false`: it has left.
fn answer(mut client: &UnixStream) -> io::Result<bool> {
    let mut bytes = [0; 64];
    let count = client.read(&mut bytes)?;
    client.write_all(&bytes[..count].to_ascii_uppercase())?;
    Ok(count > 0)
}

/// Answers one client until it leaves.
fn stay(client: &UnixStream) -> io::Result<()> {
    while answer(client)? {}
    Ok(())
}
