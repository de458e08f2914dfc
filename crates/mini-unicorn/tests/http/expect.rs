//! `Expect: 100-continue`: the client sends its body when it is told to.

use std::io::{Read, Write};

use crate::server::Answer;
use crate::site::{Site, request};

const EXPECT: &str = "Content-Length: 5\r\nExpect: 100-continue\r\n";

#[test]
fn who_waits_is_told_to_go_on_when_the_app_reads() {
    fn check(mut stream: impl Read + Write) {
        stream.write_all(&request("POST /echo", EXPECT, "")).expect("room for it");
        let mut leave = [0; 25];
        stream.read_exact(&mut leave).expect("an interim answer");
        assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hello").expect("room for it");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an orderly end");
        let answer = Answer::of(&answer);
        assert_eq!((answer.status, answer.text()), (200, "hello".into()), "once is enough");
    }
    let site = Site::start();
    check(site.connect());
    check(site.connect_by_file());
    site.goes_on_after("100 Continue");
}

#[test]
fn who_waits_is_not_told_to_go_on_when_nobody_wants_the_body() {
    let site = Site::start();
    for (line, status) in [("GET /", 200), ("POST /", 200), ("PUT /status/404", 404)] {
        // An interim answer would be the first.
        assert_eq!(site.ask(request(line, EXPECT, "")).status, status);
        assert_eq!(site.ask_by_file(request(line, EXPECT, "")).status, status);
    }
    let without_body = "Expect: 100-continue\r\n";
    assert_eq!(site.ask(request("GET /", without_body, "")).status, 200);
    let empty = "Content-Length: 0\r\nExpect: 100-continue\r\n";
    assert_eq!(site.ask(request("POST /echo", empty, "")).status, 200);
    site.goes_on_after("no 100 Continue");
}

#[test]
fn http_1_0_knows_no_interim_answers() {
    let site = Site::start();
    let mut stream = site.connect();
    let head = format!("POST /echo HTTP/1.0\r\n{EXPECT}\r\n");
    let before = site.bytes_read();
    stream.write_all(head.as_bytes()).expect("room for it");
    site.wait_until_read(before, head.len()); // it would have been told by now
    stream.write_all(b"hello").expect("room for it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    let answer = Answer::of(&answer);
    assert_eq!((answer.status, answer.text()), (200, "hello".into()));
    site.goes_on_after("HTTP/1.0");
}
