//! A server with one worker, at which it is easy to see that it is still the same one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::unistd::Pid;
use story::{DEADLINE, blocked_in, wait_until};
use tempfile::TempDir;

use crate::server::{Answer, PROGRAM, Server, connect, descriptors, exchange};

pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) worker: Pid,
    idle: usize,
}

impl Site {
    /// Listens on a free port and at `./sock`. Its folder for temporary files is `./tmp`.
    #[track_caller]
    pub(crate) fn start() -> Site {
        let folder = TempDir::new().expect("a folder");
        fs::create_dir(folder.path().join("tmp")).expect("a folder");
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--listen", "./sock", "--workers", "1"]);
        command.env("TMPDIR", folder.path().join("tmp"));
        let server = Server::run(folder, command);
        let worker = server.wait_for_fresh(&[], 1)[0];
        let idle = descriptors(worker).len();
        Site { server, worker, idle }
    }

    /// Sends these bytes over TCP, and returns all that comes back.
    #[track_caller]
    pub(crate) fn exchange(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        exchange(self.server.address(), bytes.as_ref())
    }

    /// The same, as an answer.
    #[track_caller]
    pub(crate) fn ask(&self, bytes: impl AsRef<[u8]>) -> Answer {
        Answer::of(&self.exchange(bytes))
    }

    /// The same over the Unix socket.
    #[track_caller]
    pub(crate) fn ask_by_file(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect_by_file();
        stream.write_all(bytes.as_ref()).expect("the server takes it");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server closes");
        Answer::of(&answer)
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> std::net::TcpStream {
        connect(self.server.address())
    }

    #[track_caller]
    pub(crate) fn connect_by_file(&self) -> UnixStream {
        let stream = UnixStream::connect(self.server.path("sock")).expect("somebody listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
        stream
    }

    /// The worker that was there first answers, and has closed all that it had open besides.
    #[track_caller]
    pub(crate) fn goes_on_after(&self, what: impl std::fmt::Debug) {
        let pid = self.server.get("/pid").text();
        let log = || self.server.log();
        assert_eq!(pid, format!("{}\n", self.worker), "after {what:?}:\n{}", log());
        wait_until(&format!("the connection of {what:?} is closed"), || {
            (descriptors(self.worker).len() == self.idle).then_some(())
        });
    }

    /// How many bytes the worker has read so far, of whatever.
    #[track_caller]
    pub(crate) fn bytes_read(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.worker)).expect("it lives");
        story::number_after(&io, "rchar: ") as u64
    }

    /// Waits until a client is accepted, so many bytes more than `before` are read, and the worker
    /// waits for others.
    #[track_caller]
    pub(crate) fn wait_until_read(&self, before: u64, count: usize) {
        wait_until(&format!("{count} bytes are read, and more are waited for"), || {
            (descriptors(self.worker).len() > self.idle
                && self.bytes_read() >= before + count as u64
                && blocked_in(self.worker) == Some(libc::SYS_read))
            .then_some(())
        });
    }

    /// What lies in its folder for temporary files.
    #[track_caller]
    pub(crate) fn temporary_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.server.path("tmp")).expect("it is there");
        entries.map(|entry| entry.expect("an entry").path().display().to_string()).collect()
    }
}

/// `METHOD path HTTP/1.1`, these header lines (each with its end) besides `Host`, and this body.
pub(crate) fn request(line: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// A POST of this body to /echo, with its length.
pub(crate) fn echo(body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = format!("Content-Length: {}\r\n", body.as_ref().len());
    request("POST /echo", &length, body)
}

/// So many bytes, such that none is like those that are near it.
pub(crate) fn large(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 8);
    let mut number = 0_u64;
    while bytes.len() < length {
        number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
