//! The app for trying the server: each path shows one thing that may happen to a worker.

use std::io::Write;
use std::thread;
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, Request, Response, StatusCode};
use nix::unistd::{getpid, getppid};

use super::response::{bare, plain, with};
use crate::{App, Body, Error, Reply};

/// It takes any method, since it is for trying what is around it.
///
/// | path | |
/// |---|---|
/// | `/` | `hello` |
/// | `/pid`, `/ppid` | the worker's process id, and its parent's |
/// | `/sleep/N` | answers after N seconds, which may be a decimal number |
/// | `/echo` | answers with the body that came |
/// | `/env` | method, path, query and headers of the request, one a line |
/// | `/status/N` | answers with that status |
/// | `/raise` | the app panics |
/// | `/die` | the worker leaves without an answer |
pub(crate) struct Hello;

impl App for Hello {
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        Ok(match request.uri().path() {
            "/" => ok("hello\n"),
            "/echo" => echo(request)?,
            "/pid" => ok(format!("{}\n", getpid())),
            "/ppid" => ok(format!("{}\n", getppid())),
            "/env" => ok(describe(&request)?),
            "/raise" => panic!("the client asked for it"),
            // SAFETY: takes no pointer, and does not return.
            "/die" => unsafe { libc::_exit(1) },
            path => match path.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
                Some(("sleep", seconds)) => sleep(seconds),
                Some(("status", number)) => status(number),
                _ => bare(StatusCode::NOT_FOUND),
            },
        })
    }
}

fn ok(text: impl Into<Reply>) -> Response<Reply> {
    plain(StatusCode::OK, text)
}

fn echo(request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
    let kind = HeaderValue::from_static("application/octet-stream");
    let kind = request.headers().get(CONTENT_TYPE).cloned().unwrap_or(kind);
    let body = Reply::spooled(request.into_body().spool()?)?;
    Ok(with(Response::new(body), CONTENT_TYPE, kind))
}

fn describe(request: &Request<Body<'_>>) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let (method, uri) = (request.method(), request.uri());
    writeln!(text, "method: {method}")?;
    writeln!(text, "path: {}", uri.path())?;
    writeln!(text, "query: {}", uri.query().unwrap_or_default())?;
    for (name, value) in request.headers() {
        // Bytes: nobody says that they are UTF-8.
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    Ok(text)
}

fn sleep(seconds: &str) -> Response<Reply> {
    // What else counts as a number in Rust, `inf` and `1e3` for two, is none here.
    let is_decimal = seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let time = seconds.parse().ok().filter(|_| is_decimal);
    match time.and_then(|time| Duration::try_from_secs_f64(time).ok()) {
        Some(time) => {
            thread::sleep(time);
            ok(format!("slept {seconds} s\n"))
        }
        None => plain(StatusCode::BAD_REQUEST, "a decimal number of seconds, please\n"),
    }
}

fn status(number: &str) -> Response<Reply> {
    let status = number.parse().ok().and_then(|number: u16| StatusCode::from_u16(number).ok());
    match status.filter(|status| !status.is_informational()) {
        Some(status) => bare(status),
        None => plain(StatusCode::BAD_REQUEST, "a status from 200 to 999, please\n"),
    }
}
