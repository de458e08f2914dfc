//! What calls do to the bytes in pipes and between sockets.

use super::channel::Channel;
use super::files::{Kind, Pipe, Place};
use super::sockets::MSG_PEEK;
use super::{Arguments, Change, Model, OpenCall};
use crate::event::{Outcome, Task};

/// Which of a call's descriptors bytes come from, and which they go to, by index.
pub(crate) fn directions(name: &str) -> (Option<usize>, Option<usize>) {
    match name {
        "read" | "readv" | "recvfrom" | "recvmsg" | "recvmmsg" => (Some(0), None),
        "write" | "writev" | "sendto" | "sendmsg" | "sendmmsg" => (None, Some(0)),
        "sendfile" => (Some(1), Some(0)),
        "splice" => (Some(0), Some(2)),
        "tee" => (None, Some(1)),
        // Which end it has says which way they go.
        "vmsplice" => (Some(0), Some(0)),
        _ => (None, None),
    }
}

/// How many bytes a call wants to move at most.
fn asked(name: &str, arguments: &Arguments<'_>) -> u64 {
    let index = match name {
        "sendfile" => 3,
        "splice" => 4,
        _ if arguments.count().is_some() => return arguments.count().unwrap_or_default(),
        "read" | "recvfrom" | "tee" => 2,
        _ => return arguments.bytes().map_or(u64::MAX, |(_, total)| total),
    };
    arguments.number(index).map_or(u64::MAX, |number| number as u64)
}

impl Model {
    /// Where bytes go that a task writes to a descriptor; `None`: to a file, or out of the recording.
    #[must_use]
    pub fn written_to(&self, task: Task, fd: i32) -> Option<Place> {
        match self.kind(task, fd)? {
            Kind::WriteEnd(pipe) | Kind::BothEnds(pipe) => Some(Place::Pipe(*pipe)),
            Kind::Socket(number) => {
                let socket = self.sockets.get(number)?;
                Some(Place::Socket(socket.peer.or(socket.sends_to)?))
            }
            Kind::EventFd(number) => Some(Place::EventFd(*number)),
            _ => None,
        }
    }

    /// Where the bytes come from that a task reads from a descriptor.
    #[must_use]
    pub fn read_from(&self, task: Task, fd: i32) -> Option<Place> {
        match self.kind(task, fd)? {
            Kind::ReadEnd(pipe) | Kind::BothEnds(pipe) => Some(Place::Pipe(*pipe)),
            Kind::Socket(number) => {
                let socket = self.sockets.get(number)?;
                let receives = socket.peer.is_some() || socket.takes_from_all();
                receives.then_some(Place::Socket(*number))
            }
            Kind::EventFd(number) => Some(Place::EventFd(*number)),
            _ => None,
        }
    }

    /// Bytes that were written by calls that have returned, and not yet read.
    #[must_use]
    pub fn queued(&self, place: Place) -> u64 {
        match place {
            Place::Pipe(number) => self.pipes.get(&number).map(|pipe| pipe.channel.queued()),
            Place::Socket(number) => {
                self.sockets.get(&number).map(|socket| socket.received.queued())
            }
            Place::EventFd(number) => self.eventfds.get(&number).map(Channel::queued),
        }
        .unwrap_or(0)
    }

    pub(super) fn next_pipe(&mut self) -> u32 {
        let number = self.pipes.last_key_value().map_or(0, |(number, _)| *number) + 1;
        self.pipes.insert(number, Pipe { channel: Channel::default(), path: None });
        number
    }

    pub(super) fn next_eventfd(&mut self, count: Channel) -> Kind {
        let number = self.eventfds.last_key_value().map_or(0, |(number, _)| *number) + 1;
        self.eventfds.insert(number, count);
        Kind::EventFd(number)
    }

    pub(super) fn channel(&mut self, place: Place) -> Option<&mut Channel> {
        match place {
            Place::Pipe(number) => self.pipes.get_mut(&number).map(|pipe| &mut pipe.channel),
            Place::Socket(number) => {
                self.sockets.get_mut(&number).map(|socket| &mut socket.received)
            }
            Place::EventFd(number) => self.eventfds.get_mut(&number),
        }
    }

    fn target(&self, task: Task, name: &str, arguments: &Arguments<'_>) -> Option<Place> {
        let fd = arguments.fd(directions(name).1?)?;
        let addressed = self.addressed(task, fd, arguments).map(Place::Socket);
        addressed.or_else(|| self.written_to(task, fd))
    }

    /// A call that writes has begun: from now on, its bytes may be read.
    pub(super) fn offer(&mut self, task: Task, name: &str, arguments: &Arguments<'_>) {
        if let Some(messages) = arguments.messages() {
            for (place, sizes) in self.sorted(task, arguments, messages) {
                if let Some(channel) = self.channel(place) {
                    channel.offer(task, sizes.iter().sum());
                }
            }
        } else if let Some(place) = self.target(task, name, arguments)
            && let Some(channel) = self.channel(place)
        {
            channel.offer(task, asked(name, arguments));
        }
        self.sends_descriptors(task, name, arguments);
        self.begins_to_connect(task, name, arguments);
    }

    /// A call has failed, or was interrupted before it did anything.
    pub(super) fn withdraw(&mut self, task: Task, call: &OpenCall, result: &Outcome) {
        let arguments = Arguments(&call.arguments);
        if let Some(messages) = arguments.messages() {
            let places = self.sorted(task, &arguments, messages);
            places.into_keys().for_each(|place| self.takes_back(task, place));
        } else if let Some(place) = self.target(task, &call.name, &arguments) {
            self.takes_back(task, place);
        }
        self.takes_descriptors_back(task, call);
        self.fails_to_connect(task, call, result);
    }

    fn takes_back(&mut self, task: Task, place: Place) {
        if let Some(Err(taken)) = self.channel(place).map(|channel| channel.withdraw(task)) {
            self.expect(format!("expected that nobody reads the {taken} bytes of a failed write"));
        }
    }

    /// A task ends in the middle of a call.
    pub(super) fn abandon(&mut self, task: Task, call: &OpenCall) {
        let arguments = Arguments(&call.arguments);
        let messages = arguments.messages().unwrap_or_default();
        let places = self.sorted(task, &arguments, messages).into_keys();
        let one = self.target(task, &call.name, &arguments);
        for place in places.chain(one).collect::<Vec<_>>() {
            if let Some(channel) = self.channel(place) {
                channel.abandon(task);
            }
        }
    }

    pub(super) fn moves_bytes(
        &mut self,
        task: Task,
        name: &str,
        arguments: &Arguments<'_>,
        value: i64,
    ) {
        if let Some(messages) = arguments.messages() {
            self.moves_messages(task, name, arguments, messages);
            return self.receives_descriptors(task, name, arguments);
        }
        let bytes = arguments.count().unwrap_or(value.max(0) as u64);
        // Bytes say nothing of a count.
        let counts =
            |place: &Place| !matches!(place, Place::EventFd(_)) || arguments.count().is_some();
        if let Some(place) = self.target(task, name, arguments).filter(counts) {
            self.put(task, place, &[bytes]);
            self.is_from(task, directions(name).1.and_then(|index| arguments.fd(index)), place);
        }
        let flags = match name {
            "recvfrom" => arguments.flags(3),
            "recvmsg" => arguments.flags(2),
            _ => 0,
        };
        let source = directions(name).0.and_then(|index| arguments.fd(index));
        let place = source.and_then(|fd| self.read_from(task, fd)).filter(counts);
        if let Some(place) = place
            && flags & MSG_PEEK == 0
        {
            if bytes > 0 {
                self.take(place, bytes);
            } else if asked(name, arguments) > 0 {
                self.end_of_file(place);
            }
            self.learns_address(place, arguments);
        }
        if let (Some(fd), "read") = (source, name) {
            self.takes_signals(task, fd, bytes);
        }
        self.receives_descriptors(task, name, arguments);
    }

    pub(super) fn put(&mut self, task: Task, place: Place, messages: &[u64]) {
        let Some(channel) = self.channel(place) else { return };
        let bytes = messages.iter().sum();
        if let Err(taken) = channel.put(task, messages) {
            self.expect(format!("expected at least {taken} bytes: so many were read already"));
        }
        if bytes > 0 {
            let queued = self.queued(place);
            self.changes.push(Change::Put(place, bytes, queued));
        }
    }

    fn take(&mut self, place: Place, bytes: u64) {
        self.take_all(place, &[bytes]);
    }

    pub(super) fn take_all(&mut self, place: Place, messages: &[u64]) {
        let Some(channel) = self.channel(place) else { return };
        let bytes: u64 = messages.iter().sum();
        let missing: u64 = messages.iter().filter_map(|size| channel.take(*size).err()).sum();
        if missing > 0 {
            let there = bytes - missing;
            self.expect(format!("expected at most {there} bytes from {place}, not {bytes}"));
        }
        let queued = self.queued(place);
        self.changes.push(Change::Taken(place, bytes, queued));
    }

    /// A read has found the end: nobody may be left who could write.
    pub(super) fn end_of_file(&mut self, place: Place) {
        let messages = match place {
            Place::Pipe(_) | Place::EventFd(_) => false,
            Place::Socket(number) => {
                self.sockets.get(&number).is_some_and(|socket| socket.messages)
            }
        };
        if messages {
            return self.take(place, 0);
        }
        let queued = self.queued(place);
        if queued > 0 {
            self.expect(format!("expected some of the {queued} bytes in {place}, not its end"));
        } else if self.may_be_written(place) {
            self.expect(format!("expected no end of {place}, which can still be written to"));
        }
        self.changes.push(Change::EndOfFile(place));
    }

    fn may_be_written(&self, place: Place) -> bool {
        match place {
            Place::Pipe(number) => self.held_firmly(&Kind::WriteEnd(number)),
            Place::EventFd(_) => true,
            Place::Socket(number) => {
                let hears = self.sockets.get(&number).filter(|socket| !socket.hears_no_more);
                let peer = hears.and_then(|socket| socket.peer);
                let Some(peer) = peer.and_then(|peer| Some((peer, self.sockets.get(&peer)?)))
                else {
                    return false;
                };
                !peer.1.sends_no_more && self.held_firmly(&Kind::Socket(peer.0))
            }
        }
    }
}
