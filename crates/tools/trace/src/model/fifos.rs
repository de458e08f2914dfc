//! Pipes that have a name in the file system: fifo(7).

use super::channel::Channel;
use super::files::{Kind, Pipe};
use super::{Arguments, Model};
use crate::event::Task;
use crate::names::{self, O_ACCMODE, O_RDWR};

impl Model {
    /// What somebody who opens a file gets to.
    pub(super) fn opened_kind(
        &mut self,
        task: Task,
        arguments: &Arguments<'_>,
        path: &str,
        flags: u64,
    ) -> Kind {
        let theirs = names::descriptor(path);
        let pipe = match theirs.and_then(|(of, fd)| self.kind(of.unwrap_or(task), fd)) {
            Some(Kind::ReadEnd(pipe) | Kind::WriteEnd(pipe) | Kind::BothEnds(pipe)) => *pipe,
            Some(outside @ Kind::Outside(_)) => return outside.clone(),
            _ if arguments.fifo().is_some() => self.named_pipe(path),
            _ => return Kind::File(path.into()),
        };
        match flags & O_ACCMODE {
            0 => Kind::ReadEnd(pipe),
            O_RDWR => Kind::BothEnds(pipe),
            _ => Kind::WriteEnd(pipe),
        }
    }

    /// The pipe of that name; a new one, where nobody has opened it before.
    fn named_pipe(&mut self, path: &str) -> u32 {
        let mut pipes = self.pipes.iter();
        let known = pipes.find(|(_, pipe)| pipe.path.as_deref() == Some(path));
        if let Some((number, _)) = known {
            return *number;
        }
        let number = self.next_pipe();
        if let Some(pipe) = self.pipes.get_mut(&number) {
            pipe.path = Some(path.into());
        }
        number
    }

    /// What is in a named pipe goes when the last one lets go of it; its name stays.
    pub(super) fn empties_named(&mut self, number: u32) {
        if self.readers(number) > 0 || self.writers(number) > 0 {
            return;
        }
        if let Some(Pipe { channel, path: Some(_) }) = self.pipes.get_mut(&number) {
            *channel = Channel::default();
        }
    }
}
