//! Gates: named pipes at which children wait until the test lets them go on.

use crate::folder::Folder;
use crate::verdict::fault;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A row of named pipes, `gate-1`, `gate-2`, …, in a folder of their own that goes when this goes.
///
/// A process that opens a gate for reading and reads it to its end has three places to be in: blocked in
/// `open(2)` until somebody opens the gate for writing, then blocked in `read(2)` as long as a writer is
/// there, then through. So a test can know where every process stands, and never has to guess by the clock.
#[derive(Debug)]
pub struct Gates {
    gates: Vec<Gate>,
    paths: Vec<PathBuf>,
    // Last: the folder goes after the files in it are closed.
    _folder: Folder,
}

#[derive(Debug)]
enum Gate {
    /// Nobody was there at the last look.
    Shut,
    /// Somebody stands there for as long as this write end is held.
    Held { _writer: File },
    /// Whoever has stood there may go on, and may not have closed it yet: it is taken no more.
    Open,
}

impl Gates {
    /// Makes `count` gates.
    ///
    /// # Panics
    /// When the machine refuses a temporary folder or a FIFO in it.
    #[must_use]
    pub fn new(count: usize) -> Self {
        // The program may run as another user. It needs to know a gate's path, and can only read there.
        let folder = Folder::new().and_then(|folder| folder.let_others_in().map(|()| folder));
        let folder =
            folder.unwrap_or_else(|e| fault(&format!("cannot make a temporary folder: {e}")));
        let readable = fs::Permissions::from_mode(0o644);
        let paths: Vec<PathBuf> =
            (1..=count).map(|n| folder.path().join(format!("gate-{n}"))).collect();
        for path in &paths {
            let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
            if let Err(error) = nix::unistd::mkfifo(path, mode) {
                fault(&format!("cannot make the named pipe {}: {error}", path.display()));
            }
            if let Err(error) = fs::set_permissions(path, readable.clone()) {
                fault(&format!("cannot open {} to the program: {error}", path.display()));
            }
        }
        Self { gates: paths.iter().map(|_| Gate::Shut).collect(), paths, _folder: folder }
    }

    /// The gates' paths, in order.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Takes the write end of every gate at which somebody has arrived, and tells at how many somebody stands by now.
    ///
    /// A reader that has arrived goes from `open(2)` to `read(2)`, and stays there until [`Gates::open`].
    ///
    /// # Panics
    /// When a gate cannot be opened for another reason than that nobody is there.
    pub fn arrived(&mut self) -> usize {
        for (gate, path) in self.gates.iter_mut().zip(&self.paths) {
            if let Gate::Shut = gate
                && let Some(writer) = take_write_end(path)
            {
                *gate = Gate::Held { _writer: writer };
            }
        }
        self.gates.iter().filter(|gate| matches!(gate, Gate::Held { .. })).count()
    }

    /// Lets whoever waits at this gate (counted from 1) go on: its `read(2)` meets the end of the file.
    ///
    /// # Panics
    /// When there is no such gate.
    pub fn open(&mut self, number: usize) {
        match self.gates.get_mut(number.wrapping_sub(1)) {
            Some(gate @ Gate::Held { .. }) => *gate = Gate::Open,
            Some(Gate::Shut | Gate::Open) => {}
            None => fault(&format!("there is no gate {number}")),
        }
    }
}

fn take_write_end(path: &Path) -> Option<File> {
    // Without O_NONBLOCK this would wait for a reader, past any deadline. With it, "nobody there" is ENXIO.
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(writer) => Some(writer),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => None,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
        Err(error) => fault(&format!("cannot open {} for writing: {error}", path.display())),
    }
}
