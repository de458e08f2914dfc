//! WRONG ON PURPOSE, at first: workers throw dice that were shaken before the fork.
//!
//! Which of an app's variables does a worker have for itself, and what is in them at first?

use std::io::{self, Read, Write};

use fork::{spawn, wait_for};
use http::{Request, Response};
use mini_unicorn::{App, Body, Error, Reply};

// ANCHOR: app
struct Dice {
    random: fastrand::Rng,
    own: bool,
}

impl App for Dice {
    fn call(&mut self, _: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        Ok(Response::new(self.throw().into()))
    }

    fn after_fork(&mut self, _worker: usize) -> Result<(), Error> {
        if self.own {
            self.random = fastrand::Rng::with_seed(std::process::id().into());
        }
        Ok(())
    }
}
// ANCHOR_END: app

impl Dice {
    fn throw(&mut self) -> String {
        (0..16).map(|_| char::from(b'0' + self.random.u8(1..=6))).collect()
    }
}

/// What two workers throw that have been made of this app.
fn two_workers(mut app: Dice) -> io::Result<[String; 2]> {
    let mut throws = [String::new(), String::new()];
    for (worker, thrown) in throws.iter_mut().enumerate() {
        let (mut reader, writer) = io::pipe()?;
        let work = || match app.after_fork(worker) {
            Ok(()) => u8::from((&writer).write_all(app.throw().as_bytes()).is_err()),
            Err(_) => 1,
        };
        // SAFETY: this process has one thread.
        let pid = unsafe { spawn(work) }?;
        drop(writer);
        reader.read_to_string(thrown)?;
        wait_for(pid)?;
    }
    Ok(throws)
}

fn main() -> io::Result<()> {
    for own in [false, true] {
        let [one, other] = two_workers(Dice { random: fastrand::Rng::with_seed(7), own })?;
        let when = if own { "after" } else { "before" };
        println!("shaken {when} the fork: both throw the same is {}", one == other);
    }
    Ok(())
}
