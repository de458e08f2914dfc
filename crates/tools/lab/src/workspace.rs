//! Where things are: the book, a chapter's programs, its exercises.

use anyhow::{Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The course's folder, the one that holds `book/book.toml`.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace at `root`, taken at its word.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The workspace around `folder`, by walking up from it.
    ///
    /// Where this program was compiled plays no part, so a clone that was moved works.
    ///
    /// # Errors
    /// Neither `folder` nor a folder above it holds `book/book.toml`.
    pub fn find(folder: &Path) -> Result<Self> {
        match folder.ancestors().find(|above| above.join("book/book.toml").is_file()) {
            Some(root) => Ok(Self::at(root)),
            None => bail!(
                "no book/book.toml in {} or above it; run this inside the course's folder",
                folder.display()
            ),
        }
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The book's folder, the one with `book.toml`.
    pub fn book(&self) -> PathBuf {
        self.root.join("book")
    }

    /// A program's source, from the root: `crates/fork/src/bin/fork_twice.rs`. It may not exist.
    pub fn program(krate: &str, name: &str) -> String {
        format!("crates/{krate}/src/bin/{name}.rs")
    }

    /// An exercise's folder, from the root: `exercises/fork/two-branches`. It may not exist.
    pub fn exercise(slug: &str, name: &str) -> String {
        format!("exercises/{slug}/{name}")
    }

    /// The names of a crate's programs, sorted.
    pub fn programs(&self, krate: &str) -> Vec<String> {
        let names = names_in(&self.root.join("crates").join(krate).join("src/bin"));
        names.iter().filter_map(|name| name.strip_suffix(".rs")).map(str::to_owned).collect()
    }

    /// The names of a chapter's exercises, sorted.
    pub fn exercises(&self, slug: &str) -> Vec<String> {
        let folder = self.root.join("exercises").join(slug);
        let is_one = |name: &String| folder.join(name).join("Cargo.toml").is_file();
        names_in(&folder).into_iter().filter(is_one).collect()
    }

    /// The program that `just chapter-N` runs: `default-run` of the crate's manifest.
    pub fn headline(&self, krate: &str) -> Option<String> {
        let manifest = self.root.join("crates").join(krate).join("Cargo.toml");
        let table: toml::Table = fs::read_to_string(manifest).ok()?.parse().ok()?;
        Some(table.get("package")?.get("default-run")?.as_str()?.to_owned())
    }
}

/// The names of what is in a folder, sorted; none when there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}
