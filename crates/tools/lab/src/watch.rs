//! Notices that a page, a listing's source or the look of the book changed.

use crate::workspace::Workspace;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What the book is made of.
const SOURCES: [&str; 3] = ["book", "crates", "exercises"];

/// An editor saves in several steps; this long after the last one it is done.
const SETTLED: Duration = Duration::from_millis(100);

/// Calls `changed` after each change, on a thread of its own, for as long as the program runs.
///
/// # Errors
/// The system refuses to watch: no such folder, or no watches left.
pub fn watch(
    workspace: &Workspace,
    mut changed: impl FnMut() + Send + 'static,
) -> notify::Result<()> {
    let (sender, events) = mpsc::channel();
    let mut watched = Watched {
        watcher: notify::recommended_watcher(sender)?,
        root: workspace.root().to_owned(),
        folders: BTreeSet::new(),
    };
    watched.cover()?;
    thread::spawn(move || {
        while let Ok(event) = events.recv() {
            if !matters(event) {
                continue;
            }
            while events.recv_timeout(SETTLED).is_ok() {}
            // Cover first: what is written in a new folder from now on is a change of its own.
            _ = watched.cover();
            changed();
        }
    });
    Ok(())
}

struct Watched {
    watcher: RecommendedWatcher,
    root: PathBuf,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Watches the sources, and each folder in them as a tree of its own: that way `target`, with
    /// its thousands of folders, is left out, and a chapter that comes later is noticed.
    fn cover(&mut self) -> notify::Result<()> {
        self.folders.retain(|folder| folder.is_dir());
        for source in SOURCES.map(|source| self.root.join(source)) {
            if !source.is_dir() {
                continue;
            }
            self.add(source.clone(), RecursiveMode::NonRecursive)?;
            for entry in fs::read_dir(&source)?.flatten() {
                let path = entry.path();
                if path.is_dir() && !ignored(&path) {
                    self.add(path, RecursiveMode::Recursive)?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, folder: PathBuf, mode: RecursiveMode) -> notify::Result<()> {
        if !self.folders.contains(&folder) {
            self.watcher.watch(&folder, mode)?;
            self.folders.insert(folder);
        }
        Ok(())
    }
}

/// Reading a file is an event too, and building the book reads them all.
pub(crate) fn matters(event: notify::Result<Event>) -> bool {
    match event {
        Ok(event) => {
            !matches!(event.kind, EventKind::Access(_))
                && (event.need_rescan() || event.paths.iter().any(|path| !ignored(path)))
        }
        // Better one rebuild too many.
        Err(_) => true,
    }
}

/// Built things, and what editors leave beside a file while they save it.
fn ignored(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = name.starts_with(['.', '#'])
        || name.ends_with(['~', '#'])
        || [".swp", ".tmp", ".bak"].iter().any(|end| name.ends_with(end))
        || name == "4913"; // Vim's test of whether it may write here.
    temporary || path.components().any(|part| part.as_os_str() == "target")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editors_leavings_and_built_things_are_ignored() {
        for path in ["/a/.fork.md.swp", "/a/fork.md~", "/a/#fork.md#", "/a/4913", "/a/target/x.rs"]
        {
            assert!(ignored(Path::new(path)), "{path}");
        }
        for path in ["/a/fork.md", "/a/theme/course.css", "/a/src/bin/fork_twice.rs"] {
            assert!(!ignored(Path::new(path)), "{path}");
        }
    }
}
