//! Runs the programs that the book names, and tells of it as it happens.
//!
//! Read in this order: [`Catalogue`], what may be run and how; `build.rs`, from a source to a program; [`Runs`], what runs
//! now; `run.rs`, a run from its beginning to its end; `message.rs`, what its page is told; `drawing.rs`, the picture of it; `processes.rs`, who is
//! there; [`requests`], for a server that runs.

mod build;
mod catalogue;
mod drawing;
mod message;
mod processes;
pub mod requests;
mod run;
mod text;

pub use catalogue::{Argument, Catalogue, Declared, Order, signal};
pub use message::Message;
pub use processes::Shown;
pub use run::begin;

use grader::Reach;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::collections::HashMap;
use std::io::PipeWriter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many runs there may be at a time: each keeps a processor busy, perhaps.
const AT_A_TIME: usize = 4;

/// What runs now.
#[derive(Debug)]
pub struct Runs {
    places: Arc<Semaphore>,
    live: Mutex<HashMap<String, Live>>,
}

/// A run, as far as others can reach it.
#[derive(Debug)]
struct Live {
    /// The signals that may be sent.
    signals: Vec<Signal>,
    reach: Option<Reach>,
    /// Where it listens, if it is a server.
    port: Option<u16>,
    /// Its end ends the run.
    stop: Option<PipeWriter>,
}

/// A place among the runs; given back with the value, and the run is ended.
#[derive(Debug)]
pub struct Place {
    runs: Arc<Runs>,
    /// The run's name.
    pub id: String,
    _permit: OwnedSemaphorePermit,
}

impl Default for Runs {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME)), live: Mutex::default() }
    }
}

impl Runs {
    fn live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more run, to which these signals may be sent; `None` when there are too many.
    #[must_use]
    pub fn place(self: &Arc<Self>, signals: Vec<Signal>) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        let id = format!("{:016x}", u64::from_ne_bytes(random));
        self.live().insert(id.clone(), Live { signals, reach: None, port: None, stop: None });
        Some(Place { runs: Arc::clone(self), id, _permit: permit })
    }

    /// Where a run listens.
    pub fn port(&self, id: &str) -> Option<u16> {
        self.live().get(id)?.port
    }

    /// Ends a run. Whether there was one of that name.
    pub fn stop(&self, id: &str) -> bool {
        self.live().get_mut(id).map(|live| live.stop.take()).is_some()
    }

    /// Sends a signal to the program of a run, or to a process of it. Whether there is such a one, and the signal is one that
    /// this program is declared to be sent.
    pub fn signal(&self, id: &str, to: Option<Pid>, signal: Signal) -> bool {
        let reach = match self.live().get(id) {
            Some(live) if live.signals.contains(&signal) => live.reach.clone(),
            _ => None,
        };
        reach.is_some_and(|reach| reach.signal(to, signal))
    }
}

impl Place {
    /// From now on, dropping this ends the run.
    fn stopped_by(&self, stop: PipeWriter) {
        if let Some(live) = self.runs.live().get_mut(&self.id) {
            live.stop = Some(stop);
        }
    }

    fn listens_at(&self, port: u16) {
        if let Some(live) = self.runs.live().get_mut(&self.id) {
            live.port = Some(port);
        }
    }

    fn reached_by(&self, reach: Reach) {
        if let Some(live) = self.runs.live().get_mut(&self.id) {
            live.reach = Some(reach);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.runs.live().remove(&self.id);
    }
}
