//! What course knows while it watches, and what each event makes of it.

mod screen;

use super::events::{Event, Key};
use crate::catalogue::Course;
use crate::checking::{How, check};
use crate::exercise::Exercise;
use crate::look::Look;
use crate::process::Stop;
use crate::progress::{Keeper, Progress};
use crate::report::{Report, Status};
use crate::starter::{Reset, reset};
use crate::words;
use anyhow::{Context as _, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::thread;

/// What is next for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Watch,
    Quit,
}

/// What is known of the exercise.
enum Found {
    /// Nothing yet; this is what cargo says.
    Checking(String),
    Report(Box<Report>),
    /// Course could not do its part.
    Trouble(String),
}

/// What is on the screen.
enum View {
    Verdict,
    /// Below the verdict: a hint, an answer to a key.
    Note(String),
    /// The list, with one line chosen.
    List(usize),
    /// All are being checked, or have been: a line each.
    All(Vec<String>),
    /// May the starter be put back?
    Reset,
}

pub(super) struct Session<'a> {
    course: &'a Course,
    keeper: &'a Keeper,
    exercise: &'a Exercise,
    progress: Progress,
    found: Found,
    view: View,
    /// Asked once to go on though the exercise does not pass.
    leaving: bool,
    interactive: bool,
    /// The number of the newest check, and how to end it.
    check: u64,
    stop: Stop,
    events: Sender<Event>,
}

impl Drop for Session<'_> {
    /// No check outlives the session, whichever way it ends.
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        course: &'a Course,
        keeper: &'a Keeper,
        exercise: &'a Exercise,
        interactive: bool,
        events: Sender<Event>,
    ) -> Result<Self> {
        Ok(Self {
            course,
            keeper,
            exercise,
            progress: keeper.load()?,
            found: Found::Checking(String::new()),
            view: View::Verdict,
            leaving: false,
            interactive,
            check: 0,
            stop: Stop::default(),
            events,
        })
    }

    pub(super) fn exercise(&self) -> &'a Exercise {
        self.exercise
    }

    /// Begins a check of the exercise. One that still runs is stopped: it looks at what is no longer there.
    pub(super) fn check(&mut self) -> Result<()> {
        self.view = View::Verdict;
        self.leaving = false;
        self.found = Found::Checking(String::new());
        self.start(vec![self.exercise.clone()]);
        self.draw().map(drop)
    }

    fn start(&mut self, exercises: Vec<Exercise>) {
        self.stop.stop();
        self.stop = Stop::default();
        self.check += 1;
        let (number, events, stop) = (self.check, self.events.clone(), self.stop.clone());
        let colour = Look::of_stdout().colour;
        thread::spawn(move || {
            // Whoever sends to nobody is at the program's end.
            let progress =
                |line: &str| _ = events.send(Event::Cargo(number, line.trim().to_owned()));
            let how = How { colour, stop, progress: &progress, ..How::default() };
            for exercise in exercises {
                let found = catch_unwind(AssertUnwindSafe(|| check(&exercise, &how)));
                _ = events.send(match found {
                    Ok(found) => Event::Found(number, found.map(|report| report.map(Box::new))),
                    Err(_) => Event::Panicked(number),
                });
            }
        });
    }

    pub(super) fn found(
        &mut self,
        number: u64,
        found: Result<Option<Box<Report>>>,
    ) -> Result<Then> {
        if number != self.check {
            return Ok(Then::Watch);
        }
        let report = match found {
            Ok(Some(report)) => report,
            Ok(None) => return Ok(Then::Watch),
            Err(error) => {
                self.found = Found::Trouble(format!("{error:#}"));
                return self.draw();
            }
        };
        self.progress = self.keeper.change(|progress| progress.note(&report))?;
        if let View::All(lines) = &mut self.view {
            let points = format!("{} of {}", report.points, report.max);
            let passes = match report.status {
                _ if report.done() => "passes",
                Status::Fail => "not yet",
                _ => "can't be checked",
            };
            lines.push(format!("  {:<24} {passes}, {points}", report.exercise));
        }
        if report.exercise == self.exercise.name {
            self.found = Found::Report(report);
        }
        self.draw()
    }

    /// A panic of ours is shown as one, after the terminal has been put back.
    pub(super) fn panicked(&self, number: u64) -> Then {
        assert!(number != self.check, "the check has panicked; its message stands above");
        Then::Watch
    }

    /// Cargo speaks: of interest as long as there is nothing else to see.
    pub(super) fn cargo(&mut self, number: u64, line: &str) -> Result<Then> {
        let long = ["Compiling", "Downloading", "Updating", "Blocking"];
        match &mut self.found {
            Found::Checking(said)
                if number == self.check && long.iter().any(|it| line.starts_with(it)) =>
            {
                let line = line.split(" (/").next().unwrap_or(line);
                *said = line.to_owned();
                if self.interactive { self.draw() } else { Ok(Then::Watch) }
            }
            _ => Ok(Then::Watch),
        }
    }

    pub(super) fn key(&mut self, key: Key) -> Result<Then> {
        if let View::Reset = self.view {
            return if key == Key::Char('y') { self.reset() } else { self.show(View::Verdict) };
        }
        if let View::List(chosen) = self.view {
            return self.key_in_list(key, chosen);
        }
        let leaving = std::mem::take(&mut self.leaving);
        match key {
            Key::Char('q') => Ok(Then::Quit),
            Key::Char('n') => self.next(leaving),
            Key::Char('h') => self.hint(),
            Key::Char('l') => self.show(View::List(self.exercise.number.saturating_sub(1))),
            Key::Char('r') | Key::Enter => self.check().map(|()| Then::Watch),
            Key::Char('x') => self.show(View::Reset),
            Key::Char('c') => {
                self.view = View::All(Vec::new());
                self.start(self.course.exercises.clone());
                self.draw()
            }
            Key::Escape => self.show(View::Verdict),
            _ => Ok(Then::Watch),
        }
    }

    fn key_in_list(&mut self, key: Key, chosen: usize) -> Result<Then> {
        let last = self.course.exercises.len().saturating_sub(1);
        match key {
            Key::Char('j') | Key::Down => self.show(View::List((chosen + 1).min(last))),
            Key::Char('k') | Key::Up => self.show(View::List(chosen.saturating_sub(1))),
            Key::Char('c') | Key::Enter => match self.course.exercises.get(chosen) {
                Some(exercise) => self.go(exercise),
                None => self.show(View::Verdict),
            },
            Key::Char('q' | 'l') | Key::Escape => self.show(View::Verdict),
            _ => Ok(Then::Watch),
        }
    }

    fn next(&mut self, leaving: bool) -> Result<Then> {
        let passed = match &self.found {
            Found::Report(report) => report.done(),
            _ => false,
        };
        match self.course.next_after(self.exercise, &self.progress) {
            None if passed => {
                self.note("That was the last one: every exercise of the course passes.")
            }
            None => self.note("There is no other exercise left: this is the last one."),
            Some(next) if passed || leaving => self.go(next),
            Some(next) => {
                self.leaving = true;
                let name = &self.exercise.name;
                self.note(&format!("{name} does not pass yet. Press n again to leave it for later and go on to {}.", next.name))
            }
        }
    }

    fn go(&mut self, exercise: &'a Exercise) -> Result<Then> {
        self.exercise = exercise;
        self.check().map(|()| Then::Watch)
    }

    fn hint(&mut self) -> Result<Then> {
        let hints = self.exercise.hints().context("cannot read the hints")?.0;
        let given = (self.progress.of(&self.exercise.name).hints + 1).min(hints.len());
        let name = &self.exercise.name;
        self.progress = self.keeper.change(|progress| progress.note_hints(name, given))?;
        let Some(hint) = hints.get(given.wrapping_sub(1)) else {
            return self.note("No hints here.");
        };
        self.show(View::Note(words::hint(name, given, hints.len(), hint, &Look::of_stdout())))
    }

    fn reset(&mut self) -> Result<Then> {
        let done = reset(self.course, self.keeper, self.exercise);
        self.progress = self.keeper.load()?;
        // The check of the starter comes with the save.
        match done {
            Ok(Reset::Nothing) => self.note("It was the starter already."),
            Ok(Reset::Done(_)) => self.check().map(|()| Then::Watch),
            Err(error) => self.note(&format!("{error:#}")),
        }
    }

    fn note(&mut self, text: &str) -> Result<Then> {
        self.show(View::Note(Look::of_stdout().paragraph(text, "", "")))
    }

    fn show(&mut self, view: View) -> Result<Then> {
        self.view = view;
        self.draw()
    }
}
