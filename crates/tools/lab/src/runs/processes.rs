//! Who is there, while a run lasts.

use grader::{Reach, Snapshot, State};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A process, for a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its pid, as the run knows it.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// What it calls itself.
    pub name: String,
    /// What it does, in words that follow its name.
    pub does: String,
    /// Whether it has ended, and nobody has reaped it.
    pub zombie: bool,
}

/// Looks at the processes of a run, now and then.
#[derive(Debug, Default)]
pub(super) struct Processes {
    reach: Option<Reach>,
    next: Option<Instant>,
    last: Vec<Shown>,
}

impl Processes {
    pub(super) fn watch(&mut self, reach: Reach) {
        self.reach = Some(reach);
        self.next = Some(Instant::now());
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Who is there now, if that is not what it was.
    pub(super) async fn look(&mut self) -> Option<Vec<Shown>> {
        let reach = self.reach.clone()?;
        let found = tokio::task::spawn_blocking(move || reach.snapshot().map(|now| shown(&now)));
        let found = found.await.ok().flatten();
        self.next = found.is_some().then(|| Instant::now() + PAUSE);
        let new = found.filter(|found| *found != self.last)?;
        self.last.clone_from(&new);
        Some(new)
    }
}

fn shown(now: &Snapshot) -> Vec<Shown> {
    let titles: BTreeMap<i32, String> =
        now.processes.iter().map(|it| (it.pid.as_raw(), title(it.host.as_raw()))).collect();
    let one = |process: &grader::Process| Shown {
        pid: process.pid.as_raw(),
        parent: process.parent.as_raw(),
        name: match titles.get(&process.pid.as_raw()).filter(|title| !title.is_empty()) {
            Some(title) => title.clone(),
            None => process.name.clone(),
        },
        // How much processor time it has had is news at each look, and says little.
        does: match process.state {
            State::Running => "is running".into(),
            _ => now.describe(process),
        },
        zombie: process.state == State::Zombie,
    };
    let known = |pid| now.processes.iter().any(|other| other.pid == pid);
    // A zombie without a parent of its own is only left to be counted.
    let shown = now.processes.iter().filter(|it| it.state != State::Zombie || known(it.parent));
    shown.map(one).collect()
}

/// The title that a process has given itself, without its options: its command line, where that is one string with a
/// space in it (proc(5)).
fn title(pid: i32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_end_matches('\0');
    match line.contains('\0') || !line.contains(' ') {
        true => String::new(),
        false => line.split(" --").next().unwrap_or_default().to_owned(),
    }
}
