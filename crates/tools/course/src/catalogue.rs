//! The course: its exercises in their order, found by name.

use crate::exercise::Exercise;
use crate::progress::Progress;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// The course in a clone of the repository.
#[derive(Debug, Clone)]
pub struct Course {
    /// The root of the repository.
    pub root: PathBuf,
    /// The exercises, in the order of `members` in `exercises/Cargo.toml`.
    pub exercises: Vec<Exercise>,
}

/// What the learner asked for can't be had: no such exercise, or not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

impl Course {
    /// The course that this folder is in, or is the root of.
    ///
    /// # Errors
    /// There is none, or its list of exercises can't be read.
    pub fn find(from: &Path) -> Result<Self> {
        let root = from.ancestors().find(|folder| folder.join("exercises/Cargo.toml").is_file());
        let root = root.ok_or_else(|| {
            Usage(format!("{} is not in the course: no exercises/Cargo.toml above", from.display()))
        })?;
        let manifest = root.join("exercises/Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        let table: toml::Table =
            text.parse().with_context(|| format!("cannot read {}", manifest.display()))?;
        let members = table.get("workspace").and_then(|it| it.get("members"));
        let members = members.and_then(toml::Value::as_array).into_iter().flatten();
        let exercises = members
            .filter_map(toml::Value::as_str)
            .filter_map(|member| Some((member, member.split_once('/')?)))
            .enumerate()
            .map(|(position, (member, (chapter, name)))| Exercise {
                name: name.to_owned(),
                chapter: chapter.to_owned(),
                number: position + 1,
                folder: root.join("exercises").join(member),
            })
            .collect();
        Ok(Self { root: root.to_owned(), exercises })
    }

    /// The exercise of that name, with its chapter before it or without.
    ///
    /// # Errors
    /// [`Usage`], with near matches, if there are any.
    pub fn exercise(&self, name: &str) -> Result<&Exercise, Usage> {
        let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
        let asked = name.trim_matches('/');
        let asked = asked.rsplit_once('/').map_or(asked, |(_, name)| name);
        self.exercises.iter().find(|exercise| exercise.name == asked).ok_or_else(|| {
            let mut near: Vec<(usize, &str)> = self
                .exercises
                .iter()
                .map(|it| (strsim::damerau_levenshtein(&plain(&it.name), &plain(asked)), it))
                .filter(|(distance, it)| {
                    let part = asked.len() > 2 && plain(&it.name).contains(&plain(asked));
                    part || *distance <= it.name.len() / 3
                })
                .map(|(distance, it)| (distance, it.name.as_str()))
                .collect();
            near.sort();
            let near: Vec<&str> = near.into_iter().take(3).map(|(_, name)| name).collect();
            Usage(match near.as_slice() {
                [] => format!("no exercise `{asked}`; `cargo course list` has their names"),
                near => format!("no exercise `{asked}`; did you mean {}?", near.join(" or ")),
            })
        })
    }

    /// The first exercise that has never passed.
    #[must_use]
    pub fn next(&self, progress: &Progress) -> Option<&Exercise> {
        self.exercises.iter().find(|exercise| !progress.of(&exercise.name).passed)
    }

    /// The next exercise after this one that has never passed, from the beginning again if need be.
    #[must_use]
    pub fn next_after(&self, exercise: &Exercise, progress: &Progress) -> Option<&Exercise> {
        let (before, after) = self.exercises.split_at(exercise.number.min(self.exercises.len()));
        let open = |it: &&Exercise| !progress.of(&it.name).passed && *it != exercise;
        after.iter().chain(before).find(open)
    }

    /// The chapters, in the course's order, with their exercises.
    #[must_use]
    pub fn chapters(&self) -> Vec<(&str, &[Exercise])> {
        let chapters = self.exercises.chunk_by(|one, next| one.chapter == next.chapter);
        chapters.map(|exercises| (exercises[0].chapter.as_str(), exercises)).collect()
    }

    /// The answer to an exercise, with its explanation.
    #[must_use]
    pub fn solution(&self, exercise: &Exercise) -> PathBuf {
        let file = format!("{}.rs", exercise.name);
        self.root.join("solutions").join(&exercise.chapter).join(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> Course {
        let exercise = |(position, name): (usize, &str)| Exercise {
            name: name.into(),
            chapter: if position < 2 { "fork".into() } else { "pipe".into() },
            number: position + 1,
            folder: PathBuf::from(name),
        };
        let names = ["two-branches", "reap-all", "exit-or-_exit", "reap-one"];
        Course {
            root: "/".into(),
            exercises: names.into_iter().enumerate().map(exercise).collect(),
        }
    }

    #[test]
    fn a_name_is_found_with_its_chapter_or_without() -> Result<(), Usage> {
        for name in ["exit-or-_exit", "pipe/exit-or-_exit", "exercises/pipe/exit-or-_exit/"] {
            assert_eq!(course().exercise(name)?.name, "exit-or-_exit");
        }
        Ok(())
    }

    #[test]
    fn a_misspelled_name_gets_its_near_matches() {
        let said = |name| course().exercise(name).expect_err("there is none").0;
        assert_eq!(said("reapall"), "no exercise `reapall`; did you mean reap-all?");
        assert_eq!(said("reap"), "no exercise `reap`; did you mean reap-all or reap-one?");
        assert_eq!(said("xyz"), "no exercise `xyz`; `cargo course list` has their names");
    }

    #[test]
    fn chapters_have_their_exercises() {
        let course = course();
        let chapters: Vec<_> = course.chapters().iter().map(|(it, all)| (*it, all.len())).collect();
        assert_eq!(chapters, [("fork", 2), ("pipe", 2)]);
    }
}
