//! One request, from its bytes to its answer.
//!
//! Read in this order: [`answer`]; `head.rs` and `framing.rs`, which decide what a request is without
//! a socket; `input.rs`, `decoder.rs` and `body.rs`, which read; `reply.rs`, which writes; [`Connection`].

mod body;
mod close;
mod connection;
mod decoder;
mod framing;
mod head;
mod input;
mod reply;

use std::any::Any;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderValue, Request, Response, StatusCode};

pub use body::Body;
pub use connection::Connection;

use crate::logs::{reason, say};
use crate::{App, Reply};
use close::Ending;
use decoder::Decoder;
use input::{Input, Socket};
use reply::{Clock, Sent};

/// A buffer that has become larger than this is not kept.
const KEPT: usize = 256 * 1024;

/// What a worker keeps from one request to the next, so that a request costs little.
#[derive(Debug, Default)]
pub struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
    request_line: String,
    clock: Clock,
}

/// Why there is no request in what the client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It is not HTTP/1.0 or 1.1, or says two things at once. Status 400.
    Malformed,
    /// What it asks for has too long a name. Status 414.
    UriTooLong,
    /// Its headers are too long, or too many. Status 413, as Unicorn says.
    HeadTooLarge,
    /// The client has left before the end, and gets no answer.
    Left,
}

impl Rejection {
    /// What the client is told, if it is there.
    pub fn status(self) -> Option<StatusCode> {
        match self {
            Rejection::Malformed => Some(StatusCode::BAD_REQUEST),
            Rejection::UriTooLong => Some(StatusCode::URI_TOO_LONG),
            Rejection::HeadTooLarge => Some(StatusCode::PAYLOAD_TOO_LARGE),
            Rejection::Left => None,
        }
    }
}

// ANCHOR: answer
/// Answers one request on a connection, and closes it.
///
/// `deadline` is when the master loses patience with this worker. `on_request` is told the request
/// line, without its version, as soon as it is known, and an empty one when the answer is sent, before
/// the client can see its end. A client that leaves or sends nonsense is no error; an app that panics
/// or fails is logged, and the client told 500.
pub fn answer(
    client: OwnedFd,
    deadline: Instant,
    app: &mut dyn App,
    scratch: &mut Scratch,
    on_request: &mut dyn FnMut(&str),
) {
    let client = Arc::new(client);
    let ending = Exchange { client: &client, deadline, scratch }.run(app, on_request);
    if let Ending::Reset(why) = &ending {
        say(format_args!("{}: {why}", scratch.request_line));
    }
    on_request("");
    close::close(client, ending, deadline, &mut scratch.input);
    scratch.output.clear();
    scratch.output.shrink_to(KEPT);
}
// ANCHOR_END: answer

/// One connection's request and answer.
struct Exchange<'a> {
    client: &'a Arc<OwnedFd>,
    deadline: Instant,
    scratch: &'a mut Scratch,
}

impl Exchange<'_> {
    // ANCHOR: exchange
    fn run(self, app: &mut dyn App, on_request: &mut dyn FnMut(&str)) -> Ending {
        let Scratch { input, output, request_line, clock } = self.scratch;
        let mut sender = Sender { client: self.client.as_fd(), clock, output };
        let mut input = Input::new(Socket::new(self.client.as_fd()), input);
        request_line.clear();
        let head = input.read_head(&mut |line| {
            request_line.push_str(line);
            on_request(line);
        });
        let head_only = request_line.starts_with("HEAD ");
        let head = match head {
            Ok(head) => head,
            Err(rejection) => return sender.refuse(rejection, head_only),
        };

        let framing = head.framing;
        input.reader.must_continue = head.expects_continue && input.buffered().is_empty();
        let mut decoder = Decoder::new(&mut input, framing);
        let mut request = head.into_request(Body::new(&mut decoder, framing));
        request.extensions_mut().insert(Connection::new(self.client.clone(), self.deadline));
        let outcome = call(app, request);
        if let Some(rejection) = decoder.failure() {
            return sender.refuse(rejection, head_only);
        }
        let response = outcome.unwrap_or_else(|why| {
            say(format_args!("{request_line}: {why}"));
            plain(StatusCode::INTERNAL_SERVER_ERROR)
        });
        match sender.send(response, head_only) {
            Sent::Whole if decoder.is_all_there() => Ending::Close,
            Sent::Whole => Ending::Linger,
            Sent::Gone => Ending::Gone,
            Sent::Broken(why) => Ending::Reset(why),
        }
    }
    // ANCHOR_END: exchange
}

/// What answers go out with.
struct Sender<'a> {
    client: BorrowedFd<'a>,
    clock: &'a mut Clock,
    output: &'a mut Vec<u8>,
}

impl Sender<'_> {
    fn send(&mut self, response: Response<Reply>, head_only: bool) -> Sent {
        let date = self.clock.date();
        // A stream is the app's code, which may panic.
        catch_unwind(AssertUnwindSafe(|| {
            reply::send(self.client, response, head_only, date, self.output)
        }))
        .unwrap_or_else(|panic| Sent::Broken(message(&*panic)))
    }

    /// What a client gets that sent no request. It may go on sending it.
    fn refuse(&mut self, rejection: Rejection, head_only: bool) -> Ending {
        match rejection.status().map(|status| self.send(plain(status), head_only)) {
            Some(Sent::Whole) => Ending::Linger,
            Some(Sent::Gone) | None => Ending::Gone,
            Some(Sent::Broken(why)) => Ending::Reset(why),
        }
    }
}

/// Reads a request and all of its body, by the same rules by which [`answer`] does, from anywhere.
///
/// # Errors
/// Whatever [`answer`] would have refused. If `reader` fails, the client counts as gone.
pub fn read_request(reader: impl Read) -> Result<Request<Vec<u8>>, Rejection> {
    let mut buffer = Vec::new();
    let mut input = Input::new(reader, &mut buffer);
    let head = input.read_head(&mut |_| {})?;
    let mut decoder = Decoder::new(&mut input, head.framing);
    let mut body = Vec::new();
    match decoder.read_to_end(&mut body) {
        Ok(_) => Ok(head.into_request(body)),
        Err(_) => Err(decoder.failure().unwrap_or(Rejection::Left)),
    }
}

/// Lets the app answer, and survives it.
fn call(app: &mut dyn App, request: Request<Body<'_>>) -> Result<Response<Reply>, String> {
    // What a panic left half done is in the app. It is the app's to be ready for that.
    match catch_unwind(AssertUnwindSafe(|| app.call(request))) {
        Ok(outcome) => outcome.map_err(|error| format!("the app failed: {error}")),
        Err(panic) => Err(message(&*panic)),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    format!("the app panicked: {}", reason(panic))
}

/// A status, and its name as the body.
fn plain(status: StatusCode) -> Response<Reply> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(format!("{reason}\n").into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

#[cfg(test)]
mod tests;
