//! Sockets that send to whoever is bound to an address, message by message: UDP, and its like among Unix
//! sockets; and several messages that go by one call.

use std::collections::BTreeMap;

use super::files::{Kind, Place, Socket};
use super::sockets::MSG_PEEK;
use super::{Arguments, Model};
use crate::event::Task;

impl Socket {
    /// Anybody who knows its address may send to it.
    pub(crate) fn takes_from_all(&self) -> bool {
        self.messages && self.peer.is_none() && !self.listening
    }
}

impl Model {
    /// Whom `connect` lets it send to from now on, without a connection.
    pub(super) fn sends_to(&mut self, number: u32, address: Option<&str>) {
        let to = address.and_then(|address| self.bound_to(address));
        if let Some(socket) = self.sockets.get_mut(&number).filter(|it| it.takes_from_all()) {
            socket.sends_to = to;
            socket.foreign = to.is_none();
        }
    }

    fn bound_to(&self, address: &str) -> Option<u32> {
        self.at_address(address, Socket::takes_from_all)
    }

    /// Where a message goes that says to whom.
    pub(super) fn addressed(&self, task: Task, fd: i32, arguments: &Arguments<'_>) -> Option<u32> {
        self.sent_to(task, fd, arguments.address()?)
    }

    fn sent_to(&self, task: Task, fd: i32, address: &str) -> Option<u32> {
        let sender = self.socket(task, fd).and_then(|number| self.sockets.get(&number))?;
        self.bound_to(Some(address).filter(|_| sender.takes_from_all())?)
    }

    /// How long the messages are that go by one call, by where they go.
    pub(super) fn sorted(
        &self,
        task: Task,
        arguments: &Arguments<'_>,
        messages: &[(u64, Option<String>)],
    ) -> BTreeMap<Place, Vec<u64>> {
        let mut places = BTreeMap::<Place, Vec<u64>>::new();
        let Some(fd) = arguments.fd(0) else { return places };
        for (size, address) in messages {
            let address = address.as_ref().and_then(|address| self.sent_to(task, fd, address));
            let place = address.map(Place::Socket).or_else(|| self.written_to(task, fd));
            if let Some(place) = place {
                places.entry(place).or_default().push(*size);
            }
        }
        places
    }

    /// `sendmmsg` and `recvmmsg` have returned.
    pub(super) fn moves_messages(
        &mut self,
        task: Task,
        name: &str,
        arguments: &Arguments<'_>,
        messages: &[(u64, Option<String>)],
    ) {
        let Some(fd) = arguments.fd(0) else { return };
        if name == "sendmmsg" {
            for (place, sizes) in self.sorted(task, arguments, messages) {
                self.put(task, place, &sizes);
                sizes.iter().for_each(|_| self.is_from(task, Some(fd), place));
            }
            // Not all may have gone.
            for socket in self.sockets.values_mut() {
                _ = socket.received.withdraw(task);
            }
            return;
        }
        let Some(place) = self.read_from(task, fd) else { return };
        if arguments.flags(3) & MSG_PEEK != 0 {
            return;
        }
        let sizes: Vec<u64> = messages.iter().map(|(size, _)| *size).collect();
        match sizes.as_slice() {
            [0] => self.end_of_file(place),
            sizes => self.take_all(place, sizes),
        }
        for (_, address) in messages {
            self.learns(place, address.as_deref());
        }
    }

    /// Who has sent a message is told to who receives it.
    pub(super) fn is_from(&mut self, task: Task, fd: Option<i32>, to: Place) {
        let sender = fd.and_then(|fd| self.socket(task, fd));
        let (Some(sender), Place::Socket(to)) = (sender, to) else { return };
        if let Some(socket) = self.sockets.get_mut(&to).filter(|to| to.takes_from_all()) {
            socket.senders.push_back(sender);
        }
    }

    /// A socket that was bound to nothing has got an address when it has sent: now it is known.
    pub(super) fn learns_address(&mut self, at: Place, arguments: &Arguments<'_>) {
        self.learns(at, arguments.address());
    }

    fn learns(&mut self, at: Place, address: Option<&str>) {
        let Place::Socket(number) = at else { return };
        let sender = self.sockets.get_mut(&number).and_then(|socket| socket.senders.pop_front());
        if let Some(sender) = sender.and_then(|sender| self.sockets.get_mut(&sender))
            && sender.address.is_none()
        {
            sender.address = address.map(str::to_owned);
        }
    }

    /// The open sockets that send to this one without saying so each time.
    pub(crate) fn senders(&self, to: u32) -> impl Iterator<Item = Kind> + '_ {
        let sends = move |socket: &Socket| socket.sends_to == Some(to) && !socket.closed;
        let senders = self.sockets.iter().filter(move |(_, socket)| sends(socket));
        senders.map(|(number, _)| Kind::Socket(*number))
    }
}
