//! Builds the book: beside the old one first, so that a broken page never takes it away.

use crate::links::{self, Files};
use crate::log::Log;
use crate::preprocess::Lab;
use crate::problem::Problem;
use crate::problem::Problems;
use crate::workspace::Workspace;
use anyhow::{Context, Error, Result, bail};
use mdbook_driver::MDBook;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// A book that was built.
#[derive(Debug)]
pub struct Built {
    /// Where it is on disk.
    pub folder: PathBuf,
    /// The same, read.
    pub files: Files,
}

/// Builds the book into the `build-dir` of its `book.toml` and returns it.
///
/// # Errors
/// [`Problems`], when pages name what is not there or links lead nowhere; else what mdBook or the
/// file system refused. The book that was there is then still there.
pub fn build(workspace: &Workspace) -> Result<Built> {
    let mut book = load(workspace)?;
    let folder = book.build_dir_for("html");
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        bail!("build-dir in book/book.toml names no folder: {}", folder.display());
    };
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let parent = parent.canonicalize()?;
    let folder = parent.join(name);
    let staging = tempfile::Builder::new().prefix("book-").tempdir_in(&parent)?;
    book.config.build.build_dir = staging.path().join("new");
    let files = render(workspace, &book)?;
    swap(&staging.path().join("new"), &folder, &staging.path().join("old"))
        .with_context(|| format!("cannot replace {}", folder.display()))?;
    Ok(Built { folder, files })
}

/// Builds the book into a folder of one's own.
///
/// # Errors
/// As [`build`].
pub fn build_into(workspace: &Workspace, folder: &Path) -> Result<Files> {
    let mut book = load(workspace)?;
    book.config.build.build_dir = folder.to_owned();
    render(workspace, &book)
}

fn load(workspace: &Workspace) -> Result<MDBook> {
    let (book, said) = listening(|| MDBook::load(workspace.book()));
    let mut book = book.context("cannot load the book of book/book.toml")?;
    refuse(said)?;
    // Without it the preprocessor would come last, after the includes.
    if !book.config.contains_key("preprocessor.lab.before") {
        bail!("book/book.toml has no `before = [\"links\"]` under [preprocessor.lab]");
    }
    book.with_preprocessor(Lab);
    Ok(book)
}

fn render(workspace: &Workspace, book: &MDBook) -> Result<Files> {
    let (built, said) = listening(|| book.build());
    if let Err(error) = built {
        return Err(if error.is::<Problems>() {
            error
        } else {
            error.context("cannot build the book of book/book.toml")
        });
    }
    refuse(said)?;
    let folder = &book.config.build.build_dir;
    let mut files = Files::new();
    read(folder, folder, &mut files)
        .with_context(|| format!("cannot read the built book in {}", folder.display()))?;
    let dead = links::check(&files, &workspace.book().join(&book.config.book.src));
    if dead.is_empty() { Ok(files) } else { Err(Problems(dead).into()) }
}

fn listening<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let log = Log::default();
    let result = tracing::subscriber::with_default(log.clone(), work);
    (result, log.take())
}

fn refuse(said: Vec<String>) -> Result<()> {
    let problem = |what| Problem { file: "book".to_owned(), line: 0, what };
    match said {
        said if said.is_empty() => Ok(()),
        said => Err(Error::new(Problems(said.into_iter().map(problem).collect()))),
    }
}

fn read(root: &Path, folder: &Path, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// Puts the new book in the old one's place; one lab at a time.
fn swap(new: &Path, place: &Path, old: &Path) -> std::io::Result<()> {
    let lock = File::create(place.with_extension("lock"))?;
    lock.lock()?;
    if place.exists() {
        fs::rename(place, old)?;
    }
    fs::rename(new, place)
}
