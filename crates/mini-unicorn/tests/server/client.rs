//! A client that waits for ever for nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use story::DEADLINE;

/// An answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status code; 0 if no whole head came.
    pub(crate) status: u16,
    /// Head and empty line.
    pub(crate) head: String,
    /// What came behind it.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Takes apart what came over a connection.
    pub(crate) fn of(bytes: &[u8]) -> Answer {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let (head, body) = bytes.split_at(end.unwrap_or(0));
        let head = String::from_utf8_lossy(head).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Answer { status, head, body: body.to_vec() }
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connects, with a deadline for whatever follows.
#[track_caller]
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap_or_else(|e| panic!("connect {address}: {e}"));
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
    stream
}

/// Sends these bytes, and returns all that comes back.
#[track_caller]
pub(crate) fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).expect("the server takes it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the server closes, and not abruptly");
    answer
}

/// Asks for a path, over a connection of its own.
#[track_caller]
pub(crate) fn get(address: &str, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Answer::of(&exchange(address, request.as_bytes()))
}

/// Asks for a path at a Unix socket, and returns the body.
#[track_caller]
pub(crate) fn get_at(socket: &Path, path: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("somebody listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).expect("it takes it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers and closes");
    Answer::of(&answer).text()
}

/// A request whose answer is not there yet.
pub(crate) struct Pending {
    stream: TcpStream,
    /// What is still to be sent.
    rest: &'static [u8],
}

impl Pending {
    /// Asks for a path, over a connection of its own.
    #[track_caller]
    pub(crate) fn ask(address: &str, path: &str) -> Pending {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        Pending::send(address, &head, b"")
    }

    /// Begins a request that keeps its worker busy for as long as we like: its body is missing.
    #[track_caller]
    pub(crate) fn hold(address: &str) -> Pending {
        let head = format!("POST /echo HTTP/1.1\r\nHost: {address}\r\nContent-Length: 4\r\n\r\n");
        Pending::send(address, &head, b"done")
    }

    /// Sends these bytes, which may be less than a request.
    #[track_caller]
    pub(crate) fn send(address: &str, bytes: &str, rest: &'static [u8]) -> Pending {
        let mut stream = connect(address);
        stream.write_all(bytes.as_bytes()).expect("there is room for it in the kernel");
        Pending { stream, rest }
    }

    /// Sends the rest, if there is one, and waits for the answer.
    #[track_caller]
    pub(crate) fn answer(self) -> Answer {
        self.outcome().expect("the server closes, and not abruptly")
    }

    /// Waits for the answer, or for the end that came before it.
    pub(crate) fn outcome(mut self) -> io::Result<Answer> {
        self.stream.write_all(self.rest)?;
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer)?;
        Ok(Answer::of(&answer))
    }

    /// Whether there is no answer, but an end: of whatever kind.
    pub(crate) fn was_cut(mut self) -> bool {
        self.rest = b"";
        match self.outcome() {
            Ok(answer) => answer.head.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Whether nothing at all has come yet.
    #[track_caller]
    pub(crate) fn waits_still(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket");
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}
