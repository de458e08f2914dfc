//! A running lab, and requests to it.
#![allow(dead_code, reason = "each test file uses its part")]

use super::{Course, DEADLINE};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

/// A running lab; it is ended with the value.
pub(crate) struct Server {
    pub(crate) lab: Child,
    pub(crate) port: u16,
    /// What a page must know.
    pub(crate) token: String,
    /// What it said first.
    pub(crate) first: String,
    /// What it prints from then on, line by line, stdout and stderr.
    says: Receiver<String>,
}

impl Server {
    pub(crate) fn start(course: &Course) -> Result<Self, Box<dyn Error>> {
        Self::at(course.root())
    }

    /// The lab of the course at this root.
    pub(crate) fn at(root: &Path) -> Result<Self, Box<dyn Error>> {
        let mut lab = Command::new(assert_cmd::cargo::cargo_bin!("lab"))
            .arg("--no-open")
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, says) = channel();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            lab.stdout.take().map(|pipe| Box::new(pipe) as _),
            lab.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    _ = sender.send(line);
                }
            });
        }
        let mut server = Self { lab, port: 0, token: String::new(), first: String::new(), says };
        server.first = server.hear("")?;
        let line = match server.first.contains("http://") {
            true => server.first.clone(),
            false => server.hear("http://")?,
        };
        let rest = line.split("127.0.0.1:").nth(1).unwrap_or_default();
        let (port, rest) = rest.split_once("/#lab=").ok_or("no token")?;
        server.port = port.parse()?;
        server.token = rest.split(' ').next().unwrap_or_default().to_owned();
        Ok(server)
    }

    /// Waits for a line with that text.
    pub(crate) fn hear(&self, text: &str) -> Result<String, Box<dyn Error>> {
        let mut heard = String::new();
        loop {
            let line = self
                .says
                .recv_timeout(DEADLINE)
                .map_err(|_| format!("never said `{text}`, but:\n{heard}"))?;
            heard += &format!("{line}\n");
            if line.contains(text) {
                return Ok(line);
            }
        }
    }

    pub(crate) fn connect(&self, path: &str) -> Result<BufReader<TcpStream>, Box<dyn Error>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        Ok(BufReader::new(stream))
    }

    /// The whole answer, with its head.
    pub(crate) fn get(&self, path: &str) -> Result<String, Box<dyn Error>> {
        let mut answer = Vec::new();
        self.connect(path)?.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Sends these bytes, and hears all that comes back.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<String, Box<dyn Error>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        // It may be answered, and closed, before it has come whole.
        _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer)
            && error.kind() != std::io::ErrorKind::ConnectionReset
        {
            return Err(error.into());
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// A wish as our own pages send it.
    pub(crate) fn wish(&self, what: &str, body: &str) -> Wish {
        let origin = format!("http://127.0.0.1:{}", self.port);
        let headers = [
            ("Host", format!("127.0.0.1:{}", self.port)),
            ("Origin", origin),
            ("Sec-Fetch-Site", "same-origin".into()),
            ("Content-Type", "application/json".into()),
            ("X-Lab-Token", self.token.clone()),
            ("Connection", "close".into()),
        ];
        Wish {
            first: format!("POST /.lab/{what} HTTP/1.1"),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.to_owned(),
        }
    }

    /// The answer to a wish, whole.
    pub(crate) fn ask(&self, wish: &Wish) -> Result<String, Box<dyn Error>> {
        self.send(wish.text().as_bytes())
    }

    /// The messages that answer a wish, one by one.
    pub(crate) fn follow(&self, wish: &Wish) -> Result<Messages, Box<dyn Error>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(wish.text().as_bytes())?;
        Ok(Messages(BufReader::new(stream)))
    }

    pub(crate) fn interrupt(&mut self) -> Result<ExitStatus, Box<dyn Error>> {
        kill(Pid::from_raw(self.lab.id().try_into()?), Signal::SIGINT)?;
        // Both pipes end when the process does.
        loop {
            match self.says.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.lab.wait()?),
                Err(RecvTimeoutError::Timeout) => return Err("still there after SIGINT".into()),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.lab.kill();
        _ = self.lab.wait();
    }
}

/// A request, to be made wrong by tests.
#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Wish {
    /// Without this header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// With this header besides.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another value of this header.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn text(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (first, body) = (&self.first, &self.body);
        format!("{first}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// Messages of a stream. Dropping it is leaving the page.
pub(crate) struct Messages(BufReader<TcpStream>);

impl Messages {
    /// The next message; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Value>, Box<dyn Error>> {
        let mut line = String::new();
        while self.0.read_line(&mut line)? > 0 {
            // Between them stand the head, and the sizes of chunks.
            if line.starts_with('{') {
                return Ok(Some(serde_json::from_str(&line)?));
            }
            line.clear();
        }
        Ok(None)
    }

    /// The next message that is such a one.
    pub(crate) fn until(&mut self, is: &str) -> Result<Value, Box<dyn Error>> {
        let mut heard = Vec::new();
        while let Some(message) = self.next()? {
            if message["is"] == is {
                return Ok(message);
            }
            heard.push(message);
        }
        Err(format!("never heard {is}, but {heard:?}").into())
    }
}
