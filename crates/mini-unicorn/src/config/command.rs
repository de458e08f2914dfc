//! The command line, and how it wins over the file.

use std::path::PathBuf;
use std::time::Duration;

use select::Address;

use super::{Listen, Settings, file, value};

// ANCHOR: command
/// The command line.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    version,
    about = "An HTTP server: a master and its workers, in the manner of Unicorn",
    after_help = "What is said here wins over the file."
)]
pub struct Command {
    /// Read this TOML file now, and again on each SIGHUP
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen at IP:PORT, [IPV6]:PORT, PORT, or a path [default: 8080]
    ///
    /// May be repeated. PORT alone is on all of this machine's IPv4 addresses; a path, which has a
    /// `/` in it, is a Unix socket's. By default it listens where it is handed a listener, and else
    /// at 0.0.0.0:8080.
    #[arg(short, long, value_name = "ADDRESS", value_parser = address)]
    listen: Vec<Address>,

    /// Keep so many workers [default: 1]
    #[arg(long, value_name = "N", value_parser = workers, allow_negative_numbers = true)]
    workers: Option<usize>,

    /// Kill a worker that is silent for so long [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = timeout, allow_negative_numbers = true)]
    timeout: Option<Duration>,

    /// Go into the background once it is ready
    #[arg(short = 'D', long)]
    daemonize: bool,

    /// Serve hello, files:DIR or cgi:DIR [default: hello]
    #[arg(long, value_parser = app)]
    app: Option<String>,

    /// Check the configuration, and no more
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

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;

    use clap::{CommandFactory, Parser};

    use super::*;

    fn command(words: &[&str]) -> Result<Command, clap::Error> {
        Command::try_parse_from([&["mini-unicorn"], words].concat())
    }

    #[test]
    fn claps_own_checks_find_nothing() {
        Command::command().debug_assert();
    }

    #[test]
    fn nothing_said_is_the_default() -> Result<(), Box<dyn Error>> {
        let command = command(&[])?;
        assert_eq!(command.settings()?, Settings::default());
        assert!(!command.check() && !command.daemonize());
        Ok(())
    }

    #[test]
    fn the_command_line_wins_and_the_file_is_read_anew_each_time() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("site.toml");
        let name = file.to_str().ok_or("a path of text")?;
        fs::write(&file, "listen = ['/a', '/b']\ntimeout = 5\npid = '/p'\napp = 'x'")?;
        let command = command(&["-c", name, "-l", "81", "--listen=82", "-l", "81", "--app=y"])?;

        let settings = command.settings()?;
        let listen: Vec<_> = settings.listen.iter().map(|at| at.address.to_string()).collect();
        assert_eq!(listen, ["0.0.0.0:81", "0.0.0.0:82"]);
        assert_eq!(settings.app, "y");
        assert_eq!(settings.timeout, Duration::from_secs(5));
        assert_eq!(settings.pid, Some("/p".into()));

        fs::write(&file, "timeout = 6")?;
        assert_eq!(command.settings()?.timeout, Duration::from_secs(6));
        assert_eq!(command.settings()?.pid, None);
        fs::write(&file, "\ntimeout = 0")?;
        let error = command.settings().err().ok_or("it is wrong")?;
        assert!(error.starts_with(&format!("{name}:2: timeout: expected ")), "{error}");
        fs::remove_file(&file)?;
        let error = command.settings().err().ok_or("it is gone")?;
        assert_eq!(error, format!("cannot read {name}: No such file or directory"));
        Ok(())
    }

    #[test]
    fn the_rest_of_the_command_line_is_understood() -> Result<(), Box<dyn Error>> {
        let command = command(&["-D", "--check", "--workers", "0", "--timeout", "0.5"])?;
        assert!(command.check() && command.daemonize());
        let settings = command.settings()?;
        assert_eq!(settings.worker_processes, 0);
        assert_eq!(settings.timeout, Duration::from_millis(500));
        Ok(())
    }

    #[test]
    fn a_mistake_is_told_with_what_was_expected_and_exits_with_2() {
        for (words, told) in [
            (
                ["--workers", "four"],
                "'four' for '--workers <N>': expected a whole number from 0 to",
            ),
            (["--timeout", "-1"], "'-1' for '--timeout <SECONDS>': expected a number of seconds"),
            (
                ["-l", "nowhere"],
                "'nowhere' for '--listen <ADDRESS>': expected IP:PORT, [IPV6]:PORT",
            ),
        ] {
            let error = command(&words).expect_err("it is wrong");
            assert!(error.to_string().contains(told), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
