//! Requests over real connections: what the client gets to see.

mod bodies;
mod endings;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use super::*;
use crate::Error;

type Outcome = Result<Response<Reply>, Error>;

struct Call<F>(F);

impl<F: FnMut(Request<Body<'_>>) -> Outcome> App for Call<F> {
    fn call(&mut self, request: Request<Body<'_>>) -> Outcome {
        (self.0)(request)
    }
}

/// No test waits longer for bytes than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// The two ends of a connection over loopback.
fn connection() -> (TcpStream, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("its name")).expect("connect");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (server, _) = listener.accept().expect("accept");
    (client, server.into())
}

fn serve(server: OwnedFd, app: impl FnMut(Request<Body<'_>>) -> Outcome) {
    let deadline = Instant::now() + PATIENCE;
    answer(server, deadline, &mut Call(app), &mut Scratch::default(), &mut |_| {});
}

/// What a client gets that sends all this, and nothing after it.
fn ask(bytes: &[u8], app: impl FnMut(Request<Body<'_>>) -> Outcome) -> (String, Vec<u8>) {
    let (mut client, server) = connection();
    client.write_all(bytes).expect("room for it");
    client.shutdown(Shutdown::Write).expect("shutdown");
    serve(server, app);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an orderly end");
    split(&answer)
}

fn split(answer: &[u8]) -> (String, Vec<u8>) {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return (String::from_utf8_lossy(answer).into_owned(), Vec::new());
    };
    (String::from_utf8_lossy(&answer[..end + 2]).into_owned(), answer[end + 4..].to_vec())
}

fn says(text: &'static str) -> Outcome {
    Ok(Response::new(text.into()))
}

fn echo(mut request: Request<Body<'_>>) -> Outcome {
    let mut body = Vec::new();
    request.body_mut().read_to_end(&mut body)?;
    Ok(Response::new(body.into()))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn the_first_of_pipelined_requests_is_answered() {
    let (head, body) = ask(&GET.repeat(3), |_| says("hello\n"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\nDate: "), "{head}");
    assert!(head.ends_with(" GMT\r\nContent-Length: 6\r\n"), "{head}");
    assert_eq!(body, b"hello\n");
    assert!(ask(b"GET / HTTP/1.0\r\n\r\n", |_| says("")).0.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_head_request_gets_the_head_that_get_would_have() {
    let request = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    let (head, body) = ask(request, |_| says("hello\n"));
    assert!(head.contains("Content-Length: 6\r\n") && body.is_empty(), "{head}");
    let file = || tempfile::tempfile().and_then(|mut file| file.write_all(b"12").map(|()| file));
    let (head, body) = ask(request, |_| Ok(Response::new(Reply::file(file()?)?)));
    assert!(head.contains("Content-Length: 2\r\n") && body.is_empty(), "{head}");
    let (head, body) = ask(b"HEAD / HTTP/1.1\r\n\r\n", |_| says("not asked"));
    assert!(head.starts_with("HTTP/1.1 400 ") && body.is_empty(), "{head}");
    let (head, body) = ask(request, |_| panic!("no answer"));
    assert!(head.starts_with("HTTP/1.1 500 ") && body.is_empty(), "{head}");
}

#[test]
fn some_statuses_have_no_body() {
    for status in [204, 304] {
        let (head, body) = ask(GET, |_| Ok(Response::builder().status(status).body("x".into())?));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(!head.contains("Content-Length") && body.is_empty(), "{head}");
    }
}

#[test]
fn the_server_says_where_the_answer_ends() {
    let response = || {
        let builder = Response::builder().header("connection", "keep-alive");
        let builder = builder.header("transfer-encoding", "chunked").header("content-length", "3");
        builder.header("date", "today").header("x-a", "1").header("x-a", "2")
    };
    let (head, body) = ask(GET, |_| Ok(response().body("hello".into())?));
    let expected = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\
                    date: today\r\nx-a: 1\r\nx-a: 2\r\n";
    assert_eq!((head.as_str(), &*body), (expected, &b"hello"[..]));
    // Of a stream the app knows the length better.
    let (head, body) = ask(GET, |_| Ok(response().body(Reply::stream(&b"hello"[..]))?));
    assert!(head.contains("Content-Length: 3\r\n"), "{head}");
    assert_eq!(body, b"hel");
}

#[test]
fn an_app_that_fails_or_panics_is_asked_again() {
    let mut count = 0;
    let mut app = Call(|_: Request<Body<'_>>| {
        count += 1;
        match count {
            1 => panic!("as the test wants it"),
            2 => Err("as the test wants it".into()),
            _ => says("fine"),
        }
    });
    let mut scratch = Scratch::default();
    for expected in ["HTTP/1.1 500 ", "HTTP/1.1 500 ", "HTTP/1.1 200 "] {
        let (mut client, server) = connection();
        client.write_all(GET).expect("room for it");
        answer(server, Instant::now() + PATIENCE, &mut app, &mut scratch, &mut |_| {});
        let mut text = String::new();
        client.read_to_string(&mut text).expect("an orderly end");
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn the_request_line_is_told_before_the_headers_are_there() {
    let (mut client, server) = connection();
    let (tell, told) = mpsc::channel();
    let worker = thread::spawn(move || {
        let mut tell = |line: &str| tell.send(line.to_owned()).expect("a listener");
        let deadline = Instant::now() + PATIENCE;
        answer(
            server,
            deadline,
            &mut Call(|_: Request<Body<'_>>| says("")),
            &mut Scratch::default(),
            &mut tell,
        );
    });
    client.write_all(b"GET /a?b HTTP/1.1\r\nHo").expect("room for it");
    assert_eq!(told.recv_timeout(PATIENCE).as_deref(), Ok("GET /a?b"));
    drop(client);
    worker.join().expect("no panic");
}

#[test]
fn nonsense_is_answered_at_once_and_not_by_the_app() {
    for (bytes, status) in [
        (b"nonsense\r\n".to_vec(), 400),
        ([b"GET /", &*vec![b'x'; 20_000]].concat(), 414),
        ([b"GET / HTTP/1.1\r\nA: ", &*vec![b'x'; 90_000]].concat(), 413),
    ] {
        let (mut client, server) = connection();
        let worker = thread::spawn(move || serve(server, |_| panic!("the app was asked")));
        client.write_all(&bytes).expect("room for it");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an orderly end");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        drop(client);
        worker.join().expect("no panic");
    }
}

/// Every 4 bytes of it are different.
fn large(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(length).collect()
}

#[test]
fn an_app_can_see_who_asks_and_whether_they_wait() {
    let (mut client, server) = connection();
    let (from, to) = (client.local_addr().ok(), client.peer_addr().ok());
    client.write_all(GET).expect("room for it");
    let mut asked = None;
    serve(server, |request| {
        let connection = request.extensions().get::<Connection>().ok_or("no connection")?.clone();
        assert_eq!((connection.peer()?, connection.local()?), (from, to));
        assert!(!connection.has_gone());
        client.write_all(b"x")?;
        select::poll_readable(&[connection.as_fd()], Some(PATIENCE))?;
        assert!(!connection.has_gone(), "something is unread");
        asked = Some(connection);
        says("")
    });
    assert!(asked.is_some());

    let (client, server) = connection();
    let connection = Connection::new(Arc::new(server), Instant::now());
    drop(client);
    select::poll_readable(&[connection.as_fd()], Some(PATIENCE)).expect("poll");
    assert!(connection.has_gone());
}
