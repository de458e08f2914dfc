//! What the server has said so far.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

/// How long anything may take to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(8);

#[derive(Default)]
pub(crate) struct Log {
    so_far: Mutex<SoFar>,
    news: Condvar,
}

#[derive(Default)]
struct SoFar {
    lines: Vec<String>,
    /// How many of them were waited for.
    seen: usize,
    /// No more will come.
    over: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a line, and keeps it.
    pub(crate) fn add(&self, line: String) {
        println!("{line}");
        self.lock().lines.push(line);
        self.news.notify_all();
    }

    /// Everybody who could say something has gone.
    pub(crate) fn end(&self) {
        self.lock().over = true;
        self.news.notify_all();
    }

    /// Waits until a line has `text` in it, behind the one that was waited for before.
    pub(crate) fn until(&self, text: &str) -> Result<()> {
        let mut found = false;
        let missing = |log: &mut SoFar| {
            let line = log.lines[log.seen..].iter().position(|line| line.contains(text));
            log.seen += line.map_or(0, |at| at + 1);
            found = line.is_some();
            !found && !log.over
        };
        drop(self.news.wait_timeout_while(self.lock(), DEADLINE, missing));
        ensure!(found, "no line with `{text}` in the log");
        Ok(())
    }

    /// The number behind `before`, where the log has that last.
    pub(crate) fn pid_after(&self, before: &str) -> Result<Pid> {
        let log = self.lock();
        let behind = log.lines.iter().rev().find_map(|line| line.split_once(before));
        let (_, rest) = behind.with_context(|| format!("no `{before}` in the log"))?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(Pid::from_raw(digits.parse()?))
    }

    /// All of that name who have said something, oldest first.
    pub(crate) fn speakers(&self, name: &str) -> Vec<String> {
        let log = self.lock();
        let lines = log.lines.iter().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
        let names = lines.map(|(speaker, _)| speaker).filter(|speaker| speaker.starts_with(name));
        let pids = names.filter_map(|speaker| speaker.rsplit(' ').next());
        let mut speakers: Vec<String> = Vec::new();
        for pid in pids {
            if !speakers.iter().any(|known| known == pid) {
                speakers.push(pid.to_string());
            }
        }
        speakers
    }
}
