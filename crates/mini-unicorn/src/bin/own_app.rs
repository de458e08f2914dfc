//! An app of your own: a type, one function, and the server comes with it.
//!
//! It counts, and each worker counts for itself: they are processes, and share no variable. Ends by
//! SIGQUIT, or by ^C.

use std::process::ExitCode;

use http::{Request, Response};
use mini_unicorn::{App, Body, Error, Reply};

// ANCHOR: app
/// Greets, and knows how often it has.
struct Greeter {
    greeted: u64,
}

impl App for Greeter {
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        self.greeted += 1;
        let (path, count, pid) = (request.uri().path(), self.greeted, std::process::id());
        let text = format!("hello from {path}: greeting {count} of worker {pid}\n");
        Ok(Response::new(text.into()))
    }
}

fn main() -> ExitCode {
    mini_unicorn::serve(|_| Ok(Greeter { greeted: 0 }))
}
// ANCHOR_END: app
