//! A server of one app, with one worker, and ways to ask it.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use nix::unistd::Pid;

use crate::server::{Answer, Server, connect};

pub(crate) struct Site {
    pub(crate) server: Server,
}

impl Site {
    #[track_caller]
    pub(crate) fn start(app: &str, timeout: &str) -> Site {
        Site { server: Server::start(&["--app", app, "--timeout", timeout]) }
    }

    /// The scripts that lie beside this file.
    ///
    /// No test writes a script: while it did, another test's fork would copy the descriptor that it
    /// writes by, and until that one has become a server, nobody can execute the script (ETXTBSY).
    #[track_caller]
    pub(crate) fn of_scripts(timeout: &str) -> Site {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/apps/cgi");
        Site::start(&format!("cgi:{directory}"), timeout)
    }

    #[track_caller]
    pub(crate) fn worker(&self) -> Pid {
        self.server.wait_for_workers(1)[0]
    }

    /// Sends this request, and reads nothing yet.
    #[track_caller]
    pub(crate) fn connect(&self, request: &[u8]) -> TcpStream {
        let mut client = connect(self.server.address());
        client.write_all(request).expect("the server takes it");
        client
    }

    /// Sends this request, and reads the answer to its proper end.
    #[track_caller]
    pub(crate) fn ask(&self, request: &[u8]) -> Answer {
        let (answer, end) = read(self.connect(request));
        end.expect("the server closes, and not abruptly");
        answer
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&request("GET", path, "", b""))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask(&request("POST", path, "", body.as_ref()))
    }
}

/// As much of an answer as comes, and how that ended.
#[track_caller]
pub(crate) fn read(mut client: TcpStream) -> (Answer, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = client.read_to_end(&mut bytes).map(drop);
    (Answer::of(&bytes), end)
}

/// `headers` end with a CRLF each.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = match body {
        b"" => String::new(),
        body => format!("Content-Length: {}\r\n", body.len()),
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: here\r\n{length}{headers}\r\n");
    [head.as_bytes(), body].concat()
}
