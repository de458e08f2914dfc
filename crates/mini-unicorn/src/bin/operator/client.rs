//! Who asks the server.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Where the server listens.
pub(crate) const SOCKET: &str = "./sock";

/// Asks for a path. Returns the body, or the first line of the head where that has bad news.
pub(crate) fn get(path: &str) -> String {
    let answer = ask(path).unwrap_or_else(|error| format!("no answer: {error}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
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

/// Asks again and again; returns how many answers were good, and how many were anything else.
pub(crate) fn load(enough: &AtomicBool) -> (u32, u32) {
    let (mut good, mut bad) = (0, 0);
    while !enough.load(SeqCst) {
        match get("/").as_str() {
            "hello" => good += 1,
            _ => bad += 1,
        }
    }
    (good, bad)
}
