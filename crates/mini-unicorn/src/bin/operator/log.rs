//! What the server has said so far.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

/// The lines, and how many of them were waited for.
#[derive(Default)]
pub(crate) struct Log {
    so_far: Mutex<(Vec<String>, usize)>,
    news: Condvar,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, (Vec<String>, usize)> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a line, and keeps it.
    pub(crate) fn add(&self, line: String) {
        println!("{line}");
        self.lock().0.push(line);
        self.news.notify_all();
    }

    /// Waits until a line has `text` in it, behind the one that was waited for before.
    pub(crate) fn until(&self, text: &str) -> Result<()> {
        let missing = |(lines, seen): &mut (Vec<String>, usize)| {
            let found = lines[*seen..].iter().position(|line| line.contains(text));
            found.inspect(|at| *seen += at + 1).is_none()
        };
        let deadline = Duration::from_secs(8);
        let waited = self.news.wait_timeout_while(self.lock(), deadline, missing);
        let (_log, time) = waited.unwrap_or_else(PoisonError::into_inner);
        ensure!(!time.timed_out(), "no line with `{text}` in the log");
        Ok(())
    }

    /// The number behind `before`, where the log has that last.
    pub(crate) fn pid_after(&self, before: &str) -> Result<Pid> {
        let log = self.lock();
        let behind = log.0.iter().rev().find_map(|line| line.split_once(before));
        let (_, rest) = behind.with_context(|| format!("no `{before}` in the log"))?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(Pid::from_raw(digits.parse()?))
    }

    /// All who have said something, oldest first.
    pub(crate) fn speakers(&self) -> Vec<String> {
        let log = self.lock();
        let names = log.0.iter().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
        let pids = names.filter_map(|(name, _)| name.rsplit(' ').next());
        let mut speakers: Vec<String> = Vec::new();
        for pid in pids {
            if !speakers.iter().any(|known| known == pid) {
                speakers.push(pid.to_string());
            }
        }
        speakers
    }
}
