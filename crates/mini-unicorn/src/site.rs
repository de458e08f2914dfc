//! What is served: the settings, as they stand now, and the app that they name.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::config::{Command, Settings};
use crate::logs::Logs;
use crate::{App, Error};

/// How a program comes by its app.
pub(crate) type Load = Box<dyn Fn(&str) -> Result<Box<dyn App>, Error>>;

/// Where the settings and the app come from.
pub(crate) struct Site {
    pub(crate) command: Command,
    pub(crate) load: Load,
}

/// Settings and app, as they were when they were read.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) logs: Logs,
    pub(crate) app: Box<dyn App>,
}

impl Site {
    /// Reads the settings, and makes the app that they name.
    ///
    /// # Errors
    /// A message: what is wrong with the settings, or why there is no app.
    pub(crate) fn load(&self) -> Result<Loaded, String> {
        let settings = self.command.settings()?;
        let logs =
            Logs { stderr: settings.stderr_path.clone(), stdout: settings.stdout_path.clone() };
        // The master lives on, whatever an app does.
        let app = catch_unwind(AssertUnwindSafe(|| (self.load)(&settings.app)))
            .map_err(|_| format!("app {}: it panicked", settings.app))?
            .map_err(|error| format!("app {}: {error}", settings.app))?;
        Ok(Loaded { settings, logs, app })
    }
}
