//! Not an example: an app that tells of its hooks, and whose workers fail at boot for as long as
//! there is a file `broken` in the current directory. What is in it, says how.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use http::{Request, Response};
use mini_unicorn::{App, Body, Error, Reply};

struct Fragile;

impl App for Fragile {
    fn call(&mut self, _: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        Ok(Response::new("hello\n".into()))
    }

    fn before_fork(&mut self, worker: usize) {
        tell(&format!("before_fork of {worker} in {}\n", std::process::id()));
    }

    fn after_fork(&mut self, worker: usize) -> Result<(), Error> {
        tell(&format!("after_fork of {worker} in {}\n", std::process::id()));
        match fs::read_to_string("broken").as_deref() {
            Ok("panic") => panic!("the database is away"),
            Ok("exit") => std::process::exit(3),
            Ok(_) => Err("the database is away".into()),
            Err(_) => Ok(()),
        }
    }
}

/// One write, so that lines of several processes don't mix.
fn tell(line: &str) {
    io::stderr().write_all(line.as_bytes()).expect("the test reads it");
}

fn main() -> ExitCode {
    mini_unicorn::serve(|_| Ok(Fragile))
}
