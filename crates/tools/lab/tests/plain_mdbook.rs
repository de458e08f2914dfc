//! One `book.toml` serves both `cargo lab` and the plain `mdbook` command.

mod common;

use common::{Done, project};
use lab::workspace::Workspace;
use mdbook_driver::MDBook;
use std::fs;
use std::path::Path;

/// `mdbook build` does no more than this: load what `book.toml` says, with the preprocessor as the
/// command that stands there, and build.
#[test]
fn the_plain_mdbook_command_gives_the_same_pages() -> Done {
    let (plain, ours) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut book = MDBook::load(project().join("book"))?;
    book.config.build.build_dir = plain.path().to_owned();
    book.build()?;

    let files = lab::book::build_into(&Workspace::at(project()), ours.path())?;
    assert!(files.contains_key("fork.html"));
    for (name, bytes) in &files {
        assert!(*bytes == fs::read(plain.path().join(name))?, "{name} differs");
    }
    assert_eq!(count(plain.path())?, files.len(), "neither has a file that the other hasn't");
    Ok(())
}

fn count(folder: &Path) -> std::io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        files += if path.is_dir() { count(&path)? } else { 1 };
    }
    Ok(files)
}
