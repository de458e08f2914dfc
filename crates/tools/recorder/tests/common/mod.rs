//! Records a test program, and looks for what was told of it.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::fs;
use std::process::Command;

use story::Started;
use trace::event::{Event, Task, What, read};

pub const P1: Task = Task(1);
pub const P2: Task = Task(2);
pub const P3: Task = Task(3);

/// A recording of one of the test programs.
pub struct Recorded {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub text: String,
    pub events: Vec<Event>,
}

/// The recorder about to record; it writes to a file that lasts as long as the folder.
pub fn recorder(folder: &tempfile::TempDir, options: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.arg("run").args(options).arg("--events").arg(folder.path().join("events"));
    command.arg("--").arg(env!("CARGO_BIN_EXE_recorder-subject")).args(program);
    command
}

#[track_caller]
pub fn finished(folder: &tempfile::TempDir, started: Started) -> Recorded {
    let (status, stdout, stderr) = started.finish();
    let text = fs::read_to_string(folder.path().join("events")).expect("the events were written");
    let events = read(text.as_bytes()).expect("each line is an event");
    Recorded { code: status.code(), stdout, stderr, text, events }
}

#[track_caller]
pub fn recorded_with(options: &[&str], program: &[&str]) -> Recorded {
    let folder = tempfile::tempdir().expect("there is room");
    let recorded = finished(&folder, Started::command(recorder(&folder, options, program)));
    // In every recording: numbered events, between a beginning and an end, and nobody left.
    let steps: Vec<_> = recorded.events.iter().map(|event| event.step).collect();
    assert_eq!(steps, (0..steps.len() as u64).collect::<Vec<_>>());
    assert!(matches!(recorded.events.first().map(|e| &e.what), Some(What::Begin { .. })));
    assert!(matches!(recorded.events.last().map(|e| &e.what), Some(What::End)));
    let born = recorded.all(|what| matches!(what, What::Born { .. }));
    let ended = recorded.all(|what| matches!(what, What::Ended { .. }));
    assert_eq!(ended.len(), born.len() + 1, "{}", recorded.text);
    recorded
}

#[track_caller]
pub fn recorded(program: &str) -> Recorded {
    recorded_with(&[], &[program])
}

impl Recorded {
    /// Where such events stand.
    pub fn all(&self, is: impl Fn(&What) -> bool) -> Vec<usize> {
        (0..self.events.len()).filter(|&at| is(&self.events[at].what)).collect()
    }

    /// Where this happens to a task for the first time.
    #[track_caller]
    pub fn at(&self, task: Task, is: impl Fn(&What) -> bool) -> usize {
        let found = self.events.iter().position(|event| event.task == task && is(&event.what));
        found.unwrap_or_else(|| panic!("not for {task}: {}", self.text))
    }

    #[track_caller]
    pub fn exactly(&self, task: Task, what: What) -> usize {
        self.at(task, |other| *other == what)
    }

    /// Where a task leaves this call for the first time.
    #[track_caller]
    pub fn leaves(&self, task: Task, call: &str) -> usize {
        self.at(task, |what| matches!(what, What::Leave { name, .. } if name == call))
    }
}
