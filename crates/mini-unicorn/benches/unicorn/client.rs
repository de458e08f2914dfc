//! The load: one thread, so many connections, and a look at each answer.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// How long an answer may take. Far above what any takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// In two parts.
const REQUEST_FOR_PID: (&str, &str) =
    ("GET /pid HTTP/1.1\r\nHost: localhost\r\n", "Connection: close\r\n\r\n");

/// What came of it.
pub(crate) struct Load {
    /// How many were answered, each of them well.
    pub(crate) answers: u64,
    pub(crate) took: Duration,
}

/// Keeps that many requests for `/` on their way, for that long, and then waits for the last.
///
/// The one that has waited longest is read next, without asking which is ready: a server that takes
/// them in turn has answered that one, or is about to. So the client makes no call but those that a
/// request needs.
///
/// # Errors
/// Not each answer was right: how many were not, and what was wrong with the first.
pub(crate) fn load(
    address: SocketAddr,
    connections: usize,
    time: Duration,
) -> Result<Load, String> {
    let start = Instant::now();
    let mut asked: VecDeque<_> = (0..connections).map(|_| ask(address)).collect();
    let (mut answers, mut failed) = (0, Vec::new());
    let mut buffer = [0; 4096];
    while let Some(next) = asked.pop_front() {
        match next.and_then(|stream| body(stream, &mut buffer)) {
            Ok(b"hello\n") => answers += 1,
            Ok(_) => failed.push("its body is not `hello`".to_string()),
            Err(error) => failed.push(error.to_string()),
        }
        if start.elapsed() < time {
            asked.push_back(ask(address));
        }
    }
    match failed.first() {
        None => Ok(Load { answers, took: start.elapsed() }),
        Some(first) => Err(format!(
            "{} of {} answers were wrong, the first: {first}",
            failed.len(),
            answers + failed.len() as u64
        )),
    }
}

/// Which processes answer when so many connections are open at once: as many.
///
/// All but the last begin a request and don't end it, so that whoever has accepted one waits for it, and
/// can't have accepted another. They end it when the last one, which is behind them in the queue, has its
/// answer. (To say nothing at all won't do: Unicorn has the kernel hold back who says nothing.)
///
/// # Errors
/// Those of the sockets, and `InvalidData`: an answer was no pid.
pub(crate) fn who_answers(address: SocketAddr, workers: usize) -> io::Result<Vec<Pid>> {
    let begun = || {
        let mut stream = connect(address)?;
        stream.write_all(REQUEST_FOR_PID.0.as_bytes())?;
        Ok(stream)
    };
    let waiting = (1..workers).map(|_| begun()).collect::<io::Result<Vec<_>>>()?;
    let mut pids = vec![end_request(begun()?)?];
    for stream in waiting {
        pids.push(end_request(stream)?);
    }
    Ok(pids)
}

fn end_request(mut stream: TcpStream) -> io::Result<Pid> {
    stream.write_all(REQUEST_FOR_PID.1.as_bytes())?;
    let mut buffer = [0; 4096];
    let body = str::from_utf8(body(stream, &mut buffer)?).ok();
    let pid = body.and_then(|body| body.trim_end().parse().ok());
    pid.map(Pid::from_raw).ok_or(invalid("its body is not a pid"))
}

/// Asks for `/` once.
///
/// # Errors
/// Those of the socket, and `InvalidData`: it was no good answer.
pub(crate) fn hello(address: SocketAddr) -> io::Result<()> {
    match body(ask(address)?, &mut [0; 4096])? {
        b"hello\n" => Ok(()),
        _ => Err(invalid("its body is not `hello`")),
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = connect(address)?;
    stream.write_all(REQUEST.as_bytes())?;
    Ok(stream)
}

/// Reads up to the end; the body of an answer with status 200.
fn body(mut stream: TcpStream, buffer: &mut [u8; 4096]) -> io::Result<&[u8]> {
    let mut length = 0;
    loop {
        match stream.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    let answer = &buffer[..length];
    match answer.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(end) if answer.starts_with(b"HTTP/1.1 200 ") => Ok(&answer[end + 4..]),
        _ => Err(invalid("its status is not 200")),
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
