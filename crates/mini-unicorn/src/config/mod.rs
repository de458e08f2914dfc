//! What the server is told: by its command line, and by its configuration file.
//!
//! Read in this order: [`Settings`]; [`Command`] (`command.rs`); `file.rs`, the file's keys;
//! `value.rs`, what counts as a value, in the file as on the command line; `entry.rs`, how a mistake
//! is told with its line.

mod command;
mod entry;
mod file;
mod value;

use std::path::PathBuf;
use std::time::Duration;

use select::{Address, Options};

pub use command::Command;

// ANCHOR: settings
/// One place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: Address,
    /// How the socket is set up.
    pub options: Options,
    /// How often to try again while somebody else has the address.
    pub tries: u32,
    /// How long to wait before each further try.
    pub delay: Duration,
}

/// Everything that can be set, with its default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How many workers.
    pub worker_processes: usize,
    /// Where to listen. Empty: at what was inherited, or else at 0.0.0.0:8080.
    pub listen: Vec<Listen>,
    /// How long a worker may be silent.
    pub timeout: Duration,
    /// Where the master writes its pid.
    pub pid: Option<PathBuf>,
    /// The log.
    pub stderr_path: Option<PathBuf>,
    /// What apps print.
    pub stdout_path: Option<PathBuf>,
    /// Which app: what the program's `load` gets.
    pub app: String,
}
// ANCHOR_END: settings

impl Default for Settings {
    /// Unicorn's: one worker, which may be silent for a minute. It says hello.
    fn default() -> Settings {
        Settings {
            worker_processes: 1,
            listen: Vec::new(),
            timeout: Duration::from_secs(60),
            pid: None,
            stderr_path: None,
            stdout_path: None,
            app: "hello".into(),
        }
    }
}

impl From<Address> for Listen {
    /// With Unicorn's defaults: five more tries, half a second apart.
    fn from(address: Address) -> Listen {
        let (tries, delay) = (5, Duration::from_millis(500));
        Listen { address, options: Options::default(), tries, delay }
    }
}

impl Listen {
    /// Whether one of them is at that address already. (Port 0 is another port each time.)
    fn is_at(all: &[Listen], address: &Address) -> bool {
        let fixed = !matches!(address, Address::Tcp(address) if address.port() == 0);
        fixed && all.iter().any(|listen| listen.address == *address)
    }
}
