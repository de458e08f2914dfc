//! Who asks the server.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;

/// Where the server listens.
pub(crate) const SOCKET: &str = "./sock";

/// Asks for a path. Returns the body, or the first line of the head where that has bad news.
pub(crate) fn get(path: &str) -> String {
    let answer = ask(path).unwrap_or_default();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let good = head.contains(" 200 ");
    let told = if good { body } else { head.lines().next().unwrap_or("no answer") };
    told.trim_end().to_string()
}

fn ask(path: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(SOCKET)?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// How many answers there were: good ones, and anything else. And whether that is enough.
#[derive(Default)]
pub(crate) struct Load {
    good: AtomicU32,
    bad: AtomicU32,
    enough: AtomicBool,
}

impl Load {
    /// Asks again and again.
    pub(crate) fn run(&self) {
        while !self.enough.load(SeqCst) {
            let count = if get("/") == "hello" { &self.good } else { &self.bad };
            count.fetch_add(1, SeqCst);
        }
    }

    /// Waits for a hundred more answers.
    pub(crate) fn go_on(&self) {
        let (good, bad) = self.counts();
        while self.counts().0 + self.counts().1 < good + bad + 100 {
            thread::yield_now();
        }
    }

    /// Lets it end.
    pub(crate) fn end(&self) {
        self.enough.store(true, SeqCst);
    }

    /// Good answers, and others.
    pub(crate) fn counts(&self) -> (u32, u32) {
        (self.good.load(SeqCst), self.bad.load(SeqCst))
    }
}
