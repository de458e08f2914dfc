//! What is done from outside while a recording stands still.

use crate::copies::copies_are_closed;
use nix::unistd::Pid;
use std::fs::File;
use std::sync::mpsc::Receiver;
use trace::event::Injected;
use trace::{Event, What};

/// What a deed is given: the program's pid, as the test knows it, and the write end of its standard input, where that comes later.
pub(crate) type Deed<'a> = Box<dyn FnOnce(Pid, Option<File>) + Send + 'a>;

/// Is done once, where somebody is about to make one of these calls, or is held: nobody goes on until it is done.
pub(crate) struct Meanwhile<'a> {
    calls: &'a [&'a str],
    deed: Option<Deed<'a>>,
    /// Gives the two once the run has begun.
    begun: Receiver<(Pid, Option<File>)>,
}

impl<'a> Meanwhile<'a> {
    pub(crate) fn new(
        calls: &'a [&'a str],
        deed: Deed<'a>,
        begun: Receiver<(Pid, Option<File>)>,
    ) -> Self {
        Self { calls, deed: Some(deed), begun }
    }

    /// Sees an event, before anybody goes on.
    pub(crate) fn sees(&mut self, event: &Event) {
        let is_it = match &event.what {
            What::Enter { name, .. } => self.calls.contains(&name.as_str()),
            What::Injected { deed, .. } => *deed == Injected::Holds,
            _ => false,
        };
        if is_it
            && let Some(deed) = self.deed.take()
            && let Ok((program, stdin)) = self.begun.recv()
        {
            deed(program, stdin);
            copies_are_closed();
        }
    }
}
