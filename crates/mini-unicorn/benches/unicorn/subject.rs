//! Who takes part, and how each is started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use execve::Program;

use crate::WORKERS;

/// The same app twice: `/` says hello, any other path says which process answers.
const RUBY: &str = r##"run lambda { |env|
  body = env["PATH_INFO"] == "/" ? "hello\n" : "#{Process.pid}\n"
  [200, { "content-type" => "text/plain", "content-length" => body.bytesize.to_s }, [body]]
}
"##;
const PYTHON: &str = r#"import os

def app(environ, start_response):
    body = b"hello\n" if environ["PATH_INFO"] == "/" else b"%d\n" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"#;

/// A server to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    BareServer,
    MiniUnicorn,
    Unicorn,
    Gunicorn,
    Puma,
}

impl Subject {
    pub(crate) const ALL: [Subject; 5] = [
        Subject::BareServer,
        Subject::MiniUnicorn,
        Subject::Unicorn,
        Subject::Gunicorn,
        Subject::Puma,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Subject::BareServer => "bare_server",
            Subject::MiniUnicorn => "mini-unicorn",
            Subject::Unicorn => "unicorn",
            Subject::Gunicorn => "gunicorn",
            Subject::Puma => "puma",
        }
    }

    /// Whether SIGHUP gives it fresh workers, and SIGUSR2 a second master.
    pub(crate) fn is_unicorn(self) -> bool {
        matches!(self, Subject::MiniUnicorn | Subject::Unicorn | Subject::Gunicorn)
    }

    pub(crate) fn is_installed(self) -> bool {
        self.path().is_some()
    }

    /// Ours are built with this program; the others may be in PATH.
    fn path(self) -> Option<PathBuf> {
        match self {
            Subject::BareServer => Some(env!("CARGO_BIN_EXE_bare_server").into()),
            Subject::MiniUnicorn => Some(env!("CARGO_BIN_EXE_mini-unicorn").into()),
            _ => env::split_paths(&env::var_os("PATH")?)
                .map(|directory| directory.join(self.name()))
                .find(|path| path.is_file()),
        }
    }

    /// What to run so that it serves there, with what it needs in `folder`.
    ///
    /// # Errors
    /// It is not installed, or its app can't be written.
    pub(crate) fn program(
        self,
        folder: &Path,
        address: SocketAddr,
    ) -> io::Result<Program<'static>> {
        let path = self.path().ok_or(io::ErrorKind::NotFound)?;
        let (address, workers) = (address.to_string(), WORKERS.to_string());
        let program = Program::new(path).directory(folder);
        Ok(match self {
            Subject::BareServer => program.args([address, workers]),
            Subject::MiniUnicorn => program.args(["--listen", &address, "--workers", &workers]),
            Subject::Unicorn => {
                fs::write(folder.join("config.ru"), RUBY)?;
                // Without a file of its own, its SIGHUP is another thing.
                let config = format!("worker_processes {workers}\nlisten '{address}'\n");
                fs::write(folder.join("unicorn.rb"), config)?;
                program.args(["-E", "none", "-c", "unicorn.rb", "config.ru"])
            }
            Subject::Gunicorn => {
                fs::write(folder.join("app.py"), PYTHON)?;
                program.args(["--bind", &address, "--workers", &workers, "app:app"])
            }
            Subject::Puma => {
                fs::write(folder.join("config.ru"), RUBY)?;
                let address = format!("tcp://{address}");
                let arguments = ["-e", "production", "-w", &workers, "-t", "1:1", "-b", &address];
                program.args(arguments).args(["config.ru"])
            }
        })
    }
}
