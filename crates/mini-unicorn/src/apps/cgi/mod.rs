//! Any program can be an app: the Common Gateway Interface, RFC 3875.
//!
//! Read in this order: `script.rs` (which program a URL means), `variables.rs` (what it is told),
//! `running.rs` (fork, pipe, dup2, execve, and how that is ended), `head.rs` and
//! `output.rs` (what it answers).
//!
//! A request is a process: its variables are the request's head, its standard input is the body, its
//! standard output the response. Its standard error goes to our log.
//!
//! Left out on purpose: words from the query as arguments (RFC 3875, 4.4), scripts that write the
//! whole HTTP response themselves ("nph-"), PATH_TRANSLATED, and Authorization, since the variables
//! of a process can be read by whoever may read /proc.

mod head;
mod output;
mod running;
mod script;
mod variables;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind};

use ::http::header::CONTENT_LENGTH;
use ::http::{Method, Request, Response, StatusCode};

use self::output::Output;
use self::running::Running;
use self::script::Script;
use super::response::{bare, refuse};
use super::root::{Root, segments};
use crate::logs::say;
use crate::{App, Body, Connection, Error, Reply};

/// Runs the programs in a directory, and in those below it.
pub(crate) struct Cgi {
    root: Root,
}

impl Cgi {
    pub(crate) fn new(root: Root) -> Cgi {
        Cgi { root }
    }
}

// ANCHOR: call
impl App for Cgi {
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        let Some(parts) = segments(request.uri().path()) else {
            return Ok(bare(StatusCode::BAD_REQUEST));
        };
        let script = match Script::find(&self.root, &parts) {
            Ok(script) => script,
            Err(error) => return Ok(refuse(error)?),
        };
        let (head, body) = request.into_parts();
        let connection: &Connection = head.extensions.get().ok_or("nobody is connected")?;

        // The script could not know where the body ends if it came through a pipe in chunks.
        let has_body = head.headers.contains_key(CONTENT_LENGTH) || body.length().is_none();
        let input = if has_body { body.into_file()? } else { File::open("/dev/null")? };
        let length = has_body.then(|| input.metadata()).transpose()?.map(|metadata| metadata.len());
        let variables =
            variables::of(&head, &script, length, connection.peer()?, connection.local()?);

        match Running::start(&script, variables, &input, connection) {
            Ok(running) => respond(running, head.method == Method::HEAD),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                say(format_args!("cgi: {}: cannot be run: {error}", script.path.display()));
                Ok(bare(StatusCode::FORBIDDEN))
            }
            Err(error) => Err(format!("cannot run {}: {error}", script.path.display()).into()),
        }
    }
}

/// The head, then the body as it comes. Whoever drops the response ends the script.
fn respond(running: Running, head_only: bool) -> Result<Response<Reply>, Error> {
    let mut output = BufReader::new(running);
    match head::read(&mut output) {
        Ok(head) => {
            let body = Output::new(output, head_only, &head);
            let mut response = Response::new(Reply::stream(body));
            *response.status_mut() = head.status;
            *response.headers_mut() = head.headers;
            Ok(response)
        }
        Err(error) => Ok(bare(failed(output.get_mut(), &error))),
    }
}
// ANCHOR_END: call

/// What to say when there is no head.
fn failed(running: &mut Running, error: &io::Error) -> StatusCode {
    match error.kind() {
        ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::ConnectionAborted => StatusCode::BAD_GATEWAY, // nobody is there to see it
        _ => {
            running.log(error);
            StatusCode::BAD_GATEWAY
        }
    }
}
