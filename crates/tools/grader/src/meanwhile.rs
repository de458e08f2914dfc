//! What is done from outside while a recording stands still.

use std::fs::File;
use std::sync::mpsc::Receiver;
use trace::{Event, What};

/// Is done once, where the program is about to make one of these calls: nobody goes on until it is done.
pub(crate) struct Meanwhile<'a> {
    calls: &'a [&'a str],
    deed: Option<Box<dyn FnOnce(File) + Send>>,
    /// Gives the write end of standard input, once the run has begun.
    stdin: Receiver<File>,
}

impl<'a> Meanwhile<'a> {
    pub(crate) fn new(
        calls: &'a [&'a str],
        deed: impl FnOnce(File) + Send + 'static,
        stdin: Receiver<File>,
    ) -> Self {
        Self { calls, deed: Some(Box::new(deed)), stdin }
    }

    /// Sees an event, before anybody goes on.
    pub(crate) fn sees(&mut self, event: &Event) {
        let What::Enter { name, .. } = &event.what else { return };
        if self.calls.contains(&name.as_str())
            && let Some(deed) = self.deed.take()
            // Nothing comes when the run could not be begun.
            && let Ok(stdin) = self.stdin.recv()
        {
            deed(stdin);
        }
    }
}
