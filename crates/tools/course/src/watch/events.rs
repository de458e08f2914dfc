//! What can happen while course watches, and who tells it: keys, signals, saves, checks.

use crate::report::Report;
use anyhow::{Context as _, Result};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread;

/// What can happen.
#[derive(Debug)]
pub(super) enum Event {
    Key(Key),
    /// The learner's file was written.
    Saved,
    Signal(i32),
    /// Cargo says something while it builds, in the check of this number.
    Cargo(u64, String),
    /// A check has found something; `None` if it was stopped.
    Found(u64, Result<Option<Box<Report>>>),
    /// A check has panicked.
    Panicked(u64),
    /// Nobody can type any more.
    Hangup,
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Up,
    Down,
    Enter,
    Escape,
    Other,
}

impl Key {
    /// The keys in what one read(2) of a terminal gave. An arrow is several bytes, which come together.
    pub(super) fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut keys = Vec::new();
        while let [first, rest @ ..] = bytes {
            let (key, length) = match (first, rest) {
                (0x1b, []) => (Self::Escape, 1),
                (0x1b, [b'[' | b'O', sequence @ ..]) => {
                    // Parameters, then one letter (ECMA-48, 5.4).
                    let parameters =
                        sequence.iter().take_while(|it| matches!(it, b' '..=b'?')).count();
                    let key = match sequence {
                        [b'A', ..] => Self::Up,
                        [b'B', ..] => Self::Down,
                        _ => Self::Other,
                    };
                    (key, 3 + parameters)
                }
                // A key together with Alt.
                (0x1b, _) => (Self::Other, 2),
                (byte, _) => (Self::one(*byte), 1),
            };
            keys.push(key);
            bytes = bytes.get(length..).unwrap_or_default();
        }
        keys
    }

    fn one(byte: u8) -> Self {
        match byte {
            b'\r' | b'\n' => Self::Enter,
            // Ctrl-D, the end of input.
            4 => Self::Char('q'),
            b' '..=b'~' => Self::Char(byte.into()),
            _ => Self::Other,
        }
    }
}

/// Tells of keys, from now on and for as long as the program runs.
pub(super) fn hear_keys(to: Sender<Event>) {
    thread::spawn(move || {
        let mut bytes = [0; 64];
        loop {
            match io::stdin().read(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return to.send(Event::Hangup),
                Ok(count) => {
                    let keys = Key::all(&bytes[..count]);
                    keys.into_iter().try_for_each(|key| to.send(Event::Key(key)))?;
                }
            }
        }
    });
}

/// Tells of signals, from now on and for as long as the program runs.
pub(super) fn hear_signals(to: Sender<Event>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT])
        .context("cannot listen to signals")?;
    thread::spawn(move || signals.forever().try_for_each(|it| to.send(Event::Signal(it))));
    Ok(())
}

/// Tells of saves in one folder at a time.
pub(super) struct Saves {
    watcher: RecommendedWatcher,
    folder: Option<PathBuf>,
}

impl Saves {
    pub(super) fn to(to: Sender<Event>) -> Result<Self> {
        let tell = move |event: notify::Result<notify::Event>| {
            if event.as_ref().is_ok_and(is_save) {
                // Nobody is there any more: the program is ending.
                _ = to.send(Event::Saved);
            }
        };
        let watcher = notify::recommended_watcher(tell).context("cannot watch files")?;
        Ok(Self { watcher, folder: None })
    }

    /// Watches this folder, and no other.
    pub(super) fn watch(&mut self, folder: PathBuf) -> Result<()> {
        if self.folder.as_ref() == Some(&folder) {
            return Ok(());
        }
        if let Some(before) = self.folder.take() {
            // It may be gone, and is no longer watched then.
            _ = self.watcher.unwatch(&before);
        }
        let watched = self.watcher.watch(&folder, RecursiveMode::Recursive);
        watched.with_context(|| format!("cannot watch {}", folder.display()))?;
        self.folder = Some(folder);
        Ok(())
    }
}

/// Whether Rust source was written: in place, or beside it and put in its place. Reading is an event too.
fn is_save(event: &notify::Event) -> bool {
    let written = matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Create(_)
            | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Name(_) | ModifyKind::Any)
    );
    let source = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rs") && !name.starts_with(['.', '#'])
    };
    event.need_rescan() || written && event.paths.iter().any(|path| source(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, MetadataKind, RenameMode};

    #[test]
    fn arrows_are_one_key_and_letters_are_each_their_own() {
        assert_eq!(Key::all(b"nq"), [Key::Char('n'), Key::Char('q')]);
        assert_eq!(Key::all(b"\x1b[A"), [Key::Up]);
        assert_eq!(Key::all(b"\x1b"), [Key::Escape]);
        assert_eq!(Key::all(b"\x1b[Bc\x1bOA"), [Key::Down, Key::Char('c'), Key::Up]);
        assert_eq!(Key::all(b"\x1b[1;5Dq"), [Key::Other, Key::Char('q')]);
        assert_eq!(Key::all(b"\x1bqn\x1b[1"), [Key::Other, Key::Char('n'), Key::Other]);
        assert_eq!(Key::all("é".as_bytes()), [Key::Other, Key::Other]);
    }

    #[test]
    fn a_save_is_a_written_source_and_not_what_editors_leave_beside_it() {
        let event = |kind, path: &str| notify::Event::new(kind).add_path(path.into());
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        assert!(is_save(&event(data, "/a/src/main.rs")));
        assert!(is_save(&event(renamed, "/a/src/main.rs")));
        assert!(is_save(&event(EventKind::Create(CreateKind::File), "/a/src/more.rs")));
        assert!(!is_save(&event(data, "/a/src/.main.rs.swp")));
        assert!(!is_save(&event(data, "/a/src/.#main.rs")));
        assert!(!is_save(&event(data, "/a/src/main.rs~")));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Read));
        assert!(!is_save(&event(opened, "/a/src/main.rs")));
        let touched = EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime));
        assert!(!is_save(&event(touched, "/a/src/main.rs")));
    }
}
