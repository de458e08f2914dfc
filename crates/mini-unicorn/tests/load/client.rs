//! Clients that ask without a pause, and look at each answer.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike};
use select::Address;
use story::{DEADLINE, wait_until};

use crate::server::Answer;

/// What happened instead of a whole answer with status 200, and how often.
pub(crate) type Failures = BTreeMap<String, u64>;

/// When a client stops by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Until {
    /// Never.
    Told,
    /// When a connection is refused, which is no failure then.
    Refused,
}

/// Some clients, each with one request at a time, each request over a connection of its own.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    path: &'static str,
    until: Until,
    stop: AtomicBool,
    answers: AtomicU64,
    failures: Mutex<Failures>,
}

impl Load {
    /// Has one client for each address, over and over, ask for `path` until it is told to stop.
    pub(crate) fn start(addresses: &[Address], path: &'static str, until: Until) -> Load {
        let stop = AtomicBool::new(false);
        let (answers, failures) = (AtomicU64::new(0), Mutex::default());
        let shared = Arc::new(Shared { path, until, stop, answers, failures });
        let client = |address: &Address| {
            let (shared, address) = (shared.clone(), address.clone());
            thread::spawn(move || shared.ask_on_and_on(&address))
        };
        let clients = addresses.iter().map(client).collect();
        Load { shared, clients }
    }

    /// Waits until so many more requests have been answered.
    #[track_caller]
    pub(crate) fn wait_for_more(&self, count: u64) {
        let before = self.answers();
        wait_until(&format!("{count} more answers come; failed: {:?}", self.failures()), || {
            (self.answers() >= before + count).then_some(())
        });
    }

    /// How many requests have been answered.
    pub(crate) fn answers(&self) -> u64 {
        self.shared.answers.load(SeqCst)
    }

    /// Has no client ask again.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, SeqCst);
    }

    /// Waits until all clients have stopped, and tells which requests were not answered.
    #[track_caller]
    pub(crate) fn join(&mut self) -> Failures {
        for client in self.clients.drain(..) {
            client.join().expect("no client has panicked");
        }
        self.failures()
    }

    #[track_caller]
    fn failures(&self) -> Failures {
        self.shared.failures.lock().expect("no client has panicked").clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn ask_on_and_on(&self, address: &Address) {
        while !self.stop.load(SeqCst) {
            match self.ask(address) {
                Ok(()) => {
                    self.answers.fetch_add(1, SeqCst);
                }
                Err(why) if why == REFUSED && self.until == Until::Refused => return,
                Err(why) => {
                    let mut failures = self.failures.lock().expect("no client has panicked");
                    *failures.entry(why).or_default() += 1;
                }
            }
        }
    }

    /// One request: what was wrong with its answer, if anything was.
    fn ask(&self, address: &Address) -> Result<(), String> {
        let socket = address.connect().map_err(|error| told("connect", &error))?;
        let patience = TimeVal::seconds(DEADLINE.as_secs() as i64);
        setsockopt(&socket, ReceiveTimeout, &patience)
            .map_err(|error| told("setsockopt", &error.into()))?;
        let mut stream = std::fs::File::from(socket); // read(2) and write(2), of whatever family
        let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.path);
        stream.write_all(request.as_bytes()).map_err(|error| told("write", &error))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(|error| told("read", &error))?;
        check(&Answer::of(&answer), self.path)
    }
}

const REFUSED: &str = "connect: connection refused";

fn told(call: &str, error: &io::Error) -> String {
    match error.kind() {
        // Those have a place in the name of what a client may do.
        ErrorKind::ConnectionRefused => format!("{call}: connection refused"),
        _ => format!("{call}: {error}"),
    }
}

fn check(answer: &Answer, path: &str) -> Result<(), String> {
    if answer.head.is_empty() {
        return Err(format!("no head, and {} bytes", answer.body.len()));
    }
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    let length = answer.body.len().to_string();
    if answer.header("Content-Length") != Some(&length) {
        return Err(format!("{length} of {:?} bytes", answer.header("Content-Length")));
    }
    let expected = match path.strip_prefix("/sleep/") {
        None => "hello\n".to_string(),
        Some(time) => format!("slept {time} s\n"),
    };
    if answer.text() == expected { Ok(()) } else { Err(format!("{:?}", answer.text())) }
}
