//! Checks an exercise on each save, and listens to keys.
//!
//! One thread decides: this one. Others tell it what happens ([`events`]), and check.

mod events;
mod session;
mod terminal;

use crate::catalogue::Course;
use crate::exercise::Exercise;
use crate::progress::Keeper;
use anyhow::{Context as _, Result};
use events::{Event, Saves};
use session::{Session, Then};
use signal_hook::consts::{SIGCONT, SIGWINCH};
use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use terminal::Keys;

/// An editor saves in several steps, and a check of half a file would be stopped anyway.
const SETTLED: Duration = Duration::from_millis(15);

/// How watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The learner has had enough.
    Quit,
    /// A signal asked for it. Nothing is left to clean up: the caller may die of it.
    Signal(i32),
}

/// Checks an exercise on each save until the learner quits. Keys are heard where there is a terminal.
///
/// # Errors
/// The terminal, the files or the progress can't be used. The terminal is as it was then, and no check runs.
pub fn watch(course: &Course, keeper: &Keeper, exercise: &Exercise) -> Result<Ending> {
    let (sender, events) = mpsc::channel();
    events::hear_signals(sender.clone())?;
    let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let keys = interactive.then(Keys::take).transpose().context("cannot use the terminal")?;
    if interactive {
        events::hear_keys(sender.clone());
    }
    let mut saves = Saves::to(sender.clone())?;
    let mut session = Session::new(course, keeper, exercise, interactive, sender)?;
    saves.watch(session.exercise().folder.join("src"))?;
    session.check()?;
    let mut save: Option<Instant> = None;
    loop {
        let event = match save {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        let then = match event {
            Err(RecvTimeoutError::Timeout) => {
                save = None;
                session.check()?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) | Ok(Event::Hangup) => return Ok(Ending::Quit),
            Ok(Event::Saved) => {
                save = Some(Instant::now() + SETTLED);
                continue;
            }
            Ok(Event::Signal(SIGWINCH)) => session.draw()?,
            Ok(Event::Signal(SIGCONT)) => {
                if let Some(keys) = &keys {
                    keys.retake().context("cannot use the terminal")?;
                }
                session.draw()?
            }
            Ok(Event::Signal(signal)) => return Ok(Ending::Signal(signal)),
            Ok(Event::Key(key)) => session.key(key)?,
            Ok(Event::Cargo(check, line)) => session.cargo(check, &line)?,
            Ok(Event::Found(check, found)) => session.found(check, found)?,
            Ok(Event::Panicked(check)) => session.panicked(check),
        };
        match then {
            Then::Watch => saves.watch(session.exercise().folder.join("src"))?,
            Then::Quit => return Ok(Ending::Quit),
        }
    }
}
