//! The command line, and how it wins over the file.

use std::path::PathBuf;
use std::time::Duration;

use select::Address;

use super::{Listen, Settings, file, value};

// ANCHOR: command
/// The command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "An HTTP server with a master and workers, in the manner of Unicorn")]
pub struct Command {
    /// Read this file, in TOML, and read it again on SIGHUP. What is said here wins over it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen at IP:PORT, [IPV6]:PORT, PORT, or a path with a `/` (a Unix socket). May be repeated.
    /// Default: what was inherited, or 0.0.0.0:8080
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    listen: Vec<Address>,

    /// How many workers to keep. Default: 1
    #[arg(long, value_name = "N", value_parser = workers)]
    workers: Option<usize>,

    /// For how long a worker may be silent before it is killed; decimals are fine. Default: 60
    #[arg(long, value_name = "SECONDS", value_parser = timeout)]
    timeout: Option<Duration>,

    /// Go into the background, once ready to serve
    #[arg(short = 'D', long)]
    daemonize: bool,

    /// What to serve: hello, files:DIR or cgi:DIR. Default: hello
    #[arg(long, value_name = "APP", value_parser = app)]
    app: Option<String>,

    /// Only check the configuration
    #[arg(long)]
    check: bool,
}
// ANCHOR_END: command

impl Command {
    // ANCHOR: settings
    /// Reads the file, if there is one, and lets the command line win over it. Each call reads the
    /// file anew, by a path that is relative to where this process is then.
    ///
    /// # Errors
    /// A message for people: which file, which line, which key, and what was expected.
    pub fn settings(&self) -> Result<Settings, String> {
        let mut settings = self.config.as_deref().map_or(Ok(Settings::default()), file::read)?;
        if !self.listen.is_empty() {
            settings.listen.clear();
        }
        for address in &self.listen {
            if !Listen::is_at(&settings.listen, address) {
                settings.listen.push(address.clone().into());
            }
        }
        settings.worker_processes = self.workers.unwrap_or(settings.worker_processes);
        settings.timeout = self.timeout.unwrap_or(settings.timeout);
        settings.app = self.app.clone().unwrap_or(settings.app);
        Ok(settings)
    }
    // ANCHOR_END: settings

    /// Whether only to check the configuration.
    pub fn check(&self) -> bool {
        self.check
    }

    /// Whether to go into the background.
    pub fn daemonize(&self) -> bool {
        self.daemonize
    }
}

fn address(text: &str) -> Result<Address, String> {
    value::address(Some(text)).map_err(expected)
}

fn workers(text: &str) -> Result<usize, String> {
    value::whole(text.parse().ok(), value::WORKERS).map_err(expected)
}

fn timeout(text: &str) -> Result<Duration, String> {
    value::timeout(text.parse().ok()).map_err(expected)
}

fn app(text: &str) -> Result<String, String> {
    value::app(Some(text)).map_err(expected)
}

fn expected(what: String) -> String {
    format!("expected {what}")
}
