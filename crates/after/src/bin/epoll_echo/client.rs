//! A client of `epoll_echo`.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, Result, ensure};
use nix::unistd::{alarm, getpid};
use select::Address;

// ANCHOR: client
/// Says something, hears it, and stays until all the clients have heard theirs. They all hold the
/// write end of one pipe: when the last of them has dropped it, there is the end.
pub(crate) fn client(
    number: usize,
    server: &Address,
    mut all: &PipeReader,
    mine: Option<PipeWriter>,
) -> Result<()> {
    alarm::set(20); // a bound of its own: no child inherits its parent's
    let mut stream = TcpStream::from(server.connect().context("cannot connect")?);
    let said = format!("hello from client {number}");
    stream.write_all(said.as_bytes()).context("cannot write")?;
    let mut heard = vec![0; said.len()];
    stream.read_exact(&mut heard).context("cannot read")?;
    println!("[client {number}, pid {}] heard: {}", getpid(), String::from_utf8_lossy(&heard));
    drop(mine);
    all.read_to_end(&mut Vec::new()).context("cannot wait for the others")?;
    stream.shutdown(Shutdown::Write).context("cannot hang up")?;
    ensure!(stream.read(&mut [0]).context("cannot read")? == 0, "heard more than I said");
    Ok(())
}
// ANCHOR_END: client
