//! An exercise's file as it was given, from the repository's history.

use crate::catalogue::Course;
use crate::exercise::{Exercise, shown};
use crate::progress::Keeper;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a clone keeps what it was cloned from, then what the learner has committed.
const BRANCHES: [&str; 3] = ["@{upstream}", "refs/remotes/origin/HEAD", "HEAD"];

/// The starter: the newest version of the file in which something is left `todo!`.
///
/// A learner may have committed a solution, or even half of one: so the branch that this one follows is asked first.
///
/// # Errors
/// There is no git, this is no clone, or no version of the file is a starter.
pub fn starter(course: &Course, exercise: &Exercise) -> Result<Vec<u8>> {
    let path = exercise.file();
    let file = shown(&path, &course.root).to_string();
    for branch in BRANCHES {
        let Some(commits) = git(&course.root, &["log", "--format=%H", branch, "--", &file])? else {
            continue;
        };
        for commit in String::from_utf8_lossy(&commits).lines() {
            let version = git(&course.root, &["show", &format!("{commit}:./{file}")])?;
            let starts = |text: &Vec<u8>| String::from_utf8_lossy(text).contains("todo!(");
            if let Some(text) = version.filter(starts) {
                return Ok(text);
            }
        }
    }
    bail!("git knows no starter of {file}: its history has no version with a `todo!`")
}

/// What git prints; `None` if it refuses.
fn git(root: &Path, arguments: &[&str]) -> Result<Option<Vec<u8>>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot run git, which keeps the starters")?;
    Ok(output.status.success().then_some(output.stdout))
}

/// What a reset did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reset {
    /// The file was the starter already.
    Nothing,
    /// The starter is back. What was there is kept in this file, if anything was there.
    Done(Option<PathBuf>),
}

/// Puts the starter back. The learner's file is kept first, and the exercise's progress is forgotten.
///
/// # Errors
/// As [`starter`], and when a file can't be written. The learner's file is as it was then, or it is kept.
pub fn reset(course: &Course, keeper: &Keeper, exercise: &Exercise) -> Result<Reset> {
    let starter = starter(course, exercise)?;
    let file = exercise.file();
    let kept = match fs::read(&file) {
        Ok(text) if text == starter => {
            keeper.change(|progress| progress.forget(&exercise.name))?;
            return Ok(Reset::Nothing);
        }
        Ok(text) => Some(keeper.keep(&exercise.name, &text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", file.display()));
        }
    };
    let write = || format!("cannot write {}", file.display());
    let mut opened = fs::File::create(&file).with_context(write)?;
    opened.write_all(&starter).with_context(write)?;
    keeper.change(|progress| progress.forget(&exercise.name))?;
    Ok(Reset::Done(kept))
}
