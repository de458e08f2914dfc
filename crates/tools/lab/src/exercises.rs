//! The exercises on a page: checked at each save, with hints, by the same engine and the same progress as `cargo course`.

use crate::watch;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result};
use course::{Course, Exercise, How, Keeper, Report, Stop};
use notify::{RecursiveMode, Watcher as _};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// An editor saves in several steps; this long after the last one it is done.
const SETTLED: Duration = Duration::from_millis(20);

/// What a page is told, one a line.
#[derive(Debug, Serialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Message {
    /// How the exercise stands.
    Standing(Standing),
    /// It is being built, and then its tests run.
    Checking,
    /// Cargo says this meanwhile.
    Building {
        /// A line.
        text: String,
    },
    /// What was found.
    Report(Box<Report>),
    /// The lab couldn't do its part. It goes on at the next save.
    Error {
        /// Why.
        text: String,
    },
}

/// How an exercise stands.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// Whether it has ever passed.
    pub passed: bool,
    /// The most points that it has had.
    pub points: u32,
    /// The points that there are.
    pub max: u32,
    /// How many hints have been given.
    pub hints: usize,
    /// How many there are.
    pub of: usize,
    /// The file to edit, from the root.
    pub file: String,
    /// Where the answer is, once it has passed.
    pub solution: Option<String>,
    /// What opens the file in an editor, where there is one that can be opened so.
    pub editor: Option<String>,
}

/// One more hint.
#[derive(Debug, Serialize)]
pub struct Hint {
    /// Which one it is, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The hint, as Markdown.
    pub text: String,
}

/// An exercise, and where its standing is kept.
#[derive(Debug)]
pub struct Desk {
    course: Course,
    keeper: Keeper,
    exercise: Exercise,
}

impl Desk {
    /// The desk with this exercise on it.
    ///
    /// # Errors
    /// There is no such exercise.
    pub fn with(workspace: &Workspace, name: &str) -> Result<Self> {
        let course = Course::find(workspace.root())?;
        let exercise = course.exercise(name)?.clone();
        let keeper = Keeper::at(&course.root);
        Ok(Self { course, keeper, exercise })
    }

    /// How the exercise stands.
    ///
    /// # Errors
    /// The progress or the exercise can't be read.
    pub fn standing(&self) -> Result<Standing> {
        let progress = self.keeper.load()?.of(&self.exercise.name);
        let shown = |path: &Path| course::shown(&self.course.root, path).to_string();
        let file = self.exercise.file();
        let solution = self.course.solution(&self.exercise);
        Ok(Standing {
            passed: progress.passed,
            points: progress.points,
            max: self.exercise.checks()?.iter().map(|check| check.max).sum(),
            hints: progress.hints,
            of: self.exercise.hints()?.0.len(),
            editor: editor().map(|scheme| format!("{scheme}://file{}", file.display())),
            file: shown(&file),
            solution: progress.passed.then(|| shown(&solution)),
        })
    }

    /// The hint of this number, which counts as given from now on.
    ///
    /// # Errors
    /// There is no such hint, or the progress can't be kept.
    pub fn hint(&self, number: usize) -> Result<Hint> {
        let hints = self.exercise.hints().context("cannot read the hints")?.0;
        let text = number.checked_sub(1).and_then(|index| hints.get(index)).cloned();
        let text = text.with_context(|| format!("there are {} hints", hints.len()))?;
        let name = &self.exercise.name;
        let given = self.keeper.load()?.of(name).hints.max(number);
        self.keeper.change(|progress| progress.note_hints(name, given))?;
        Ok(Hint { number, of: hints.len(), text })
    }

    /// Checks it now and at each save, on a thread of its own, until the receiver is dropped.
    pub fn watch(self) -> Receiver<Message> {
        let (page, receiver) = channel(16);
        let stop = Stop::default();
        let (wake, saves) = mpsc::channel();
        let (gone, stopper, waker) = (page.clone(), stop.clone(), wake.clone());
        tokio::spawn(async move {
            gone.closed().await;
            stopper.stop();
            // The thread may have ended already.
            _ = waker.send(());
        });
        tokio::task::spawn_blocking(move || {
            if let Err(error) = self.attend(&page, &stop, &wake, &saves) {
                _ = page.blocking_send(Message::Error { text: format!("{error:#}") });
            }
        });
        receiver
    }

    fn attend(
        &self,
        page: &Sender<Message>,
        stop: &Stop,
        wake: &mpsc::Sender<()>,
        saves: &mpsc::Receiver<()>,
    ) -> Result<()> {
        let wake = wake.clone();
        let mut watcher = notify::recommended_watcher(move |event| {
            if watch::matters(event) {
                _ = wake.send(());
            }
        })?;
        watcher.watch(&self.exercise.folder.join("src"), RecursiveMode::Recursive)?;
        loop {
            page.blocking_send(Message::Standing(self.standing()?))?;
            page.blocking_send(Message::Checking)?;
            let progress = |line: &str| {
                _ = page.blocking_send(Message::Building { text: line.to_owned() });
            };
            let how = How { stop: stop.clone(), progress: &progress, ..How::default() };
            match course::check(&self.exercise, &how) {
                Ok(None) => return Ok(()),
                Ok(Some(report)) => {
                    self.keeper.change(|progress| progress.note(&report))?;
                    page.blocking_send(Message::Report(Box::new(report)))?;
                    page.blocking_send(Message::Standing(self.standing()?))?;
                }
                Err(error) => page.blocking_send(Message::Error { text: format!("{error:#}") })?,
            }
            saves.recv()?;
            while saves.recv_timeout(SETTLED) != Err(RecvTimeoutError::Timeout) {}
            if stop.stopped() {
                return Ok(());
            }
        }
    }
}

/// The editor that can be opened by an address, by its scheme: the one whose terminal this is.
fn editor() -> Option<&'static str> {
    let terminal = std::env::var("TERM_PROGRAM").unwrap_or_default();
    (terminal == "vscode").then_some("vscode")
}

/// How all exercises stand, by name.
///
/// # Errors
/// There is no course, or its progress can't be read.
pub fn standings(workspace: &Workspace) -> Result<Vec<(String, Standing)>> {
    let course = Arc::new(Course::find(workspace.root())?);
    let keeper = Keeper::at(&course.root);
    let desk = |exercise: &Exercise| Desk {
        course: Course::clone(&course),
        keeper: keeper.clone(),
        exercise: exercise.clone(),
    };
    let of = |exercise: &Exercise| Ok((exercise.name.clone(), desk(exercise).standing()?));
    course.exercises.iter().map(of).collect()
}
