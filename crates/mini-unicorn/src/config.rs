//! What the server is told: by its command line, and by its configuration file.

use std::path::PathBuf;
use std::time::Duration;

use select::{Address, Options};

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

/// The command line.
#[derive(Debug, Clone, clap::Parser)]
pub struct Command {}

impl Command {
    /// Reads the file, if there is one, and lets the command line win over it.
    ///
    /// # Errors
    /// A message for people: which file, which line, which key, and what was expected.
    pub fn settings(&self) -> Result<Settings, String> {
        Err(String::new())
    }

    /// Whether only to check the configuration.
    pub fn check(&self) -> bool {
        false
    }

    /// Whether to go into the background.
    pub fn daemonize(&self) -> bool {
        false
    }
}
