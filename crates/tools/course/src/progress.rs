//! What the learner has done so far: `.course/progress.json`, which git ignores.
//!
//! Git leaves it alone in a pull, a checkout and a `git clean -fd`; only `git clean -x` takes it, which is asked to
//! take what is ignored. What this version doesn't know in the file stays in it.

use crate::report::Report;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What the learner has done so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// By the exercises' names.
    pub exercises: BTreeMap<String, Standing>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// How an exercise stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Whether it has ever passed.
    pub passed: bool,
    /// The most points that it has had.
    pub points: u32,
    /// How many hints have been given.
    pub hints: usize,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Progress {
    /// How this exercise stands.
    #[must_use]
    pub fn of(&self, name: &str) -> Standing {
        self.exercises.get(name).cloned().unwrap_or_default()
    }

    /// Notes what a check has found. An exercise that has passed stays passed.
    pub fn note(&mut self, report: &Report) {
        let standing = self.exercises.entry(report.exercise.clone()).or_default();
        standing.passed |= report.done();
        standing.points = standing.points.max(report.points);
    }

    /// Notes that so many hints have been given.
    pub fn note_hints(&mut self, name: &str, given: usize) {
        self.exercises.entry(name.to_owned()).or_default().hints = given;
    }

    /// Forgets an exercise: it begins anew.
    pub fn forget(&mut self, name: &str) {
        self.exercises.remove(name);
    }
}

/// The folder where progress is kept.
#[derive(Debug, Clone)]
pub struct Keeper {
    folder: PathBuf,
}

impl Keeper {
    /// The keeper of the course at this root.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { folder: root.join(".course") }
    }

    /// Where the progress is written.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("progress.json")
    }

    /// Reads the progress; without a file there is none yet.
    ///
    /// # Errors
    /// The file can't be read, or is not what was written. It is never overwritten then.
    pub fn load(&self) -> Result<Progress> {
        let file = self.file();
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Progress::default()),
            text => text.with_context(|| format!("cannot read {}", file.display()))?,
        };
        serde_json::from_str(&text).with_context(|| {
            format!("{} is damaged; mend it, or move it away to begin anew", file.display())
        })
    }

    /// Changes the progress. Two commands at a time change it one after the other.
    ///
    /// # Errors
    /// As [`Keeper::load`], and when the file can't be written: it is as it was then.
    pub fn change(&self, change: impl FnOnce(&mut Progress)) -> Result<Progress> {
        let write = || format!("cannot write {}", self.file().display());
        fs::create_dir_all(&self.folder).with_context(write)?;
        // The lock is a file of its own: the other one is replaced. It goes when `lock` is closed.
        let lock = File::create(self.folder.join("lock")).with_context(write)?;
        lock.lock().with_context(write)?;
        let before = self.load()?;
        let mut progress = before.clone();
        change(&mut progress);
        if progress != before {
            let text = serde_json::to_string_pretty(&progress).with_context(write)?;
            self.replace(&self.file(), text.as_bytes()).with_context(write)?;
        }
        Ok(progress)
    }

    /// Keeps a copy of the learner's file under a name that is not taken, and says where.
    ///
    /// # Errors
    /// The copy can't be written.
    pub fn keep(&self, name: &str, text: &[u8]) -> Result<PathBuf> {
        let kept = self.folder.join("kept");
        fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
        for number in 1.. {
            let path = kept.join(format!("{name}-{number}.rs"));
            match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => {
                    let written = file.and_then(|mut file| {
                        file.write_all(text)?;
                        file.sync_all()
                    });
                    written.with_context(|| format!("cannot write {}", path.display()))?;
                    return Ok(path);
                }
            }
        }
        unreachable!("there is always a next number")
    }

    /// All of the new text, or all of the old, whatever happens meanwhile.
    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_unknown_stays_and_what_is_missing_is_none() -> Result<()> {
        let root = tempfile::tempdir()?;
        let keeper = Keeper::at(root.path());
        assert_eq!(keeper.load()?, Progress::default());
        fs::create_dir(root.path().join(".course"))?;
        fs::write(
            keeper.file(),
            r#"{"later": 1, "exercises": {"a": {"passed": true, "new": [2]}}}"#,
        )?;
        keeper.change(|progress| progress.note_hints("a", 2))?;
        let value: Value = serde_json::from_str(&fs::read_to_string(keeper.file())?)?;
        assert_eq!(value["later"], 1);
        assert_eq!(value["exercises"]["a"]["new"][0], 2);
        assert_eq!(value["exercises"]["a"]["hints"], 2);
        assert_eq!(value["exercises"]["a"]["passed"], true);
        Ok(())
    }

    #[test]
    fn a_damaged_file_is_told_of_and_left_alone() -> Result<()> {
        let root = tempfile::tempdir()?;
        let keeper = Keeper::at(root.path());
        fs::create_dir(root.path().join(".course"))?;
        fs::write(keeper.file(), "{\"exercises\"")?;
        let error = keeper.change(|progress| progress.forget("a")).expect_err("it is damaged");
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert_eq!(fs::read_to_string(keeper.file())?, "{\"exercises\"");
        Ok(())
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() -> Result<()> {
        let root = tempfile::tempdir()?;
        let keeper = Keeper::at(root.path());
        let names: Vec<String> = (0..8).map(|n| format!("exercise-{n}")).collect();
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| keeper.change(|progress| progress.note_hints(name, 1)));
            }
        });
        assert_eq!(keeper.load()?.exercises.into_keys().collect::<Vec<_>>(), names);
        Ok(())
    }

    #[test]
    fn a_copy_never_takes_the_place_of_another() -> Result<()> {
        let root = tempfile::tempdir()?;
        let keeper = Keeper::at(root.path());
        let first = keeper.keep("a", b"one")?;
        let second = keeper.keep("a", b"two")?;
        assert_eq!((fs::read(first)?, fs::read(second)?), (b"one".to_vec(), b"two".to_vec()));
        Ok(())
    }
}
