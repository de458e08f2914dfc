//! What is done from outside while a recording stands still.

use std::fs::File;
use std::sync::mpsc::Receiver;
use trace::event::Injected;
use trace::{Event, What};

/// Is done once, where somebody is about to make one of these calls, or is held: nobody goes on until it is done.
pub(crate) struct Meanwhile<'a> {
    calls: &'a [&'a str],
    deed: Option<Box<dyn FnOnce(Option<File>) + Send>>,
    /// Gives the write end of standard input once the run has begun, if there is one.
    stdin: Receiver<File>,
}

impl<'a> Meanwhile<'a> {
    pub(crate) fn new(
        calls: &'a [&'a str],
        deed: impl FnOnce(Option<File>) + Send + 'static,
        stdin: Receiver<File>,
    ) -> Self {
        Self { calls, deed: Some(Box::new(deed)), stdin }
    }

    /// Sees an event, before anybody goes on.
    pub(crate) fn sees(&mut self, event: &Event) {
        let is_it = match &event.what {
            What::Enter { name, .. } => self.calls.contains(&name.as_str()),
            What::Injected { deed, .. } => *deed == Injected::Holds,
            _ => false,
        };
        if is_it && let Some(deed) = self.deed.take() {
            deed(self.stdin.recv().ok());
        }
    }
}
