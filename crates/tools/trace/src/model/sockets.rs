//! Sockets: who is connected to whom, and descriptors that travel in messages.

use super::files::{Kind, Socket};
use super::{Arguments, Model, OpenCall};
use crate::event::{Outcome, Task};
use crate::names::{O_CLOEXEC, O_NONBLOCK, O_RDWR};

pub(super) const MSG_PEEK: u64 = 2;
const MSG_CMSG_CLOEXEC: u64 = 0x4000_0000;

/// The level SOL_SOCKET, and the option.
const SO_REUSEPORT: [Option<i64>; 2] = [Some(1), Some(15)];

/// SOCK_STREAM is the one kind whose bytes have no borders.
fn messages(kind: u64) -> bool {
    kind & 0xf != 1
}

impl Model {
    /// The number of the socket behind a task's descriptor.
    #[must_use]
    pub fn socket(&self, task: Task, fd: i32) -> Option<u32> {
        match self.kind(task, fd)? {
            Kind::Socket(number) => Some(*number),
            _ => None,
        }
    }

    /// The listening socket whose queue holds this end of a connection.
    #[must_use]
    pub fn queued_at(&self, number: u32) -> Option<u32> {
        let mut sockets = self.sockets.iter();
        sockets.find(|(_, socket)| socket.queue.contains(&number)).map(|(listener, _)| *listener)
    }

    pub(super) fn next_socket(&mut self, socket: Socket) -> u32 {
        let number = self.sockets.last_key_value().map_or(0, |(number, _)| *number) + 1;
        self.sockets.insert(number, socket);
        number
    }

    /// Calls that make sockets and connect them.
    pub(super) fn joins(&mut self, task: Task, name: &str, arguments: &Arguments<'_>, value: i64) {
        let bits = arguments.flags(1);
        let open = |model: &mut Self, fd: i32, number: u32, bits: u64| {
            let status = bits & O_NONBLOCK | O_RDWR;
            model.open(task, fd.into(), Kind::Socket(number), status, bits & O_CLOEXEC != 0);
        };
        match name {
            "socket" => {
                let mut socket = Socket::new(messages(bits));
                if socket.messages {
                    socket.received = socket.received.open_to_others();
                }
                let number = self.next_socket(socket);
                open(self, value as i32, number, bits);
            }
            "socketpair" => {
                let Some((a, b)) = arguments.pair() else { return };
                let first = self.next_socket(Socket::new(messages(bits)));
                let second = self.next_socket(Socket::new(messages(bits)));
                self.connect(first, second);
                open(self, a, first, bits);
                open(self, b, second, bits);
            }
            "accept" | "accept4" => {
                let bits = if name == "accept4" { arguments.flags(3) } else { 0 };
                let Some(listener) = arguments.fd(0).and_then(|fd| self.socket(task, fd)) else {
                    return;
                };
                let client = self.clients.remove(&task);
                let number = self.accepted(listener, client);
                open(self, value as i32, number, bits);
            }
            "bind" | "listen" | "connect" | "shutdown" | "setsockopt" => {
                let Some(number) = arguments.fd(0).and_then(|fd| self.socket(task, fd)) else {
                    return;
                };
                if name == "connect" {
                    self.sends_to(number, arguments.address());
                }
                let Some(socket) = self.sockets.get_mut(&number) else { return };
                match name {
                    "bind" => socket.address = arguments.address().map(str::to_owned),
                    "listen" => socket.listening = true,
                    "connect" => {
                        socket.foreign = socket.peer.or(socket.sends_to).is_none();
                        socket.connecting.remove(&task);
                    }
                    "setsockopt" => {
                        socket.shares_port |=
                            [arguments.number(1), arguments.number(2)] == SO_REUSEPORT;
                    }
                    // SHUT_RD is 0, and SHUT_WR is 1.
                    _ => {
                        socket.sends_no_more |= arguments.number(1) != Some(0);
                        socket.hears_no_more |= arguments.number(1) != Some(1);
                    }
                }
            }
            _ => {}
        }
    }

    fn connect(&mut self, first: u32, second: u32) {
        for (one, other) in [(first, second), (second, first)] {
            if let Some(socket) = self.sockets.get_mut(&one) {
                socket.peer = Some(other);
            }
        }
    }

    /// A connection waits at its listener from the moment on that somebody asks for it.
    pub(super) fn begins_to_connect(&mut self, task: Task, name: &str, arguments: &Arguments<'_>) {
        let number = arguments.fd(0).and_then(|fd| self.socket(task, fd));
        let (Some(number), Some(address), "connect") = (number, arguments.address(), name) else {
            return;
        };
        let Some(socket) = self.sockets.get(&number) else { return };
        if socket.peer.is_some() || socket.messages {
            return;
        }
        let Some(listener) = self.listener(address) else { return };
        let other = self.next_socket(Socket { asked_by: Some(task), ..Socket::new(false) });
        self.connect(number, other);
        if let Some(listener) = self.sockets.get_mut(&listener) {
            listener.queue.push_back(other);
        }
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.connecting.insert(task, other);
        }
    }

    pub(super) fn fails_to_connect(&mut self, task: Task, call: &OpenCall, result: &Outcome) {
        // It goes on without its caller.
        if matches!(result, Outcome::Error(name) if name == "EINPROGRESS" || name == "EINTR") {
            return;
        }
        let fd = Arguments(&call.arguments).fd(0);
        let Some(number) = fd.and_then(|fd| self.socket(task, fd)) else { return };
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        let Some(other) = socket.connecting.remove(&task) else { return };
        socket.peer = None;
        self.sockets.remove(&other);
        for listener in self.sockets.values_mut() {
            listener.queue.retain(|waiting| *waiting != other);
        }
    }

    /// Who listens at an address.
    fn listener(&self, address: &str) -> Option<u32> {
        // Among several at one address the system chooses, and doesn't say whom.
        if self.sockets.values().filter(|socket| socket.shares_port && socket.listening).count() > 1
        {
            return None;
        }
        self.at_address(address, |socket| socket.listening)
    }

    /// The socket at an address. The system chooses the port where a program asks for port 0.
    pub(super) fn at_address(
        &self,
        address: &str,
        counts: impl Fn(&Socket) -> bool,
    ) -> Option<u32> {
        let (host, _) = address.rsplit_once(':').unwrap_or((address, ""));
        let at = |wanted: &str| {
            let mut all = self.sockets.iter();
            all.find(|(_, socket)| {
                counts(socket) && !socket.closed && socket.address.as_deref() == Some(wanted)
            })
            .map(|(number, _)| *number)
        };
        let port = address.strip_prefix(host).unwrap_or("");
        at(address)
            .or_else(|| at(&format!("0.0.0.0{port}")))
            .or_else(|| at(&format!("[::]{port}")))
            .or_else(|| at(&format!("{host}:0")))
    }

    /// The connection that has waited longest, or the client's, where that is known; one from outside, if none is
    /// known.
    fn accepted(&mut self, listener: u32, client: Option<Task>) -> u32 {
        let asked_by = |number: &u32| self.sockets.get(number).and_then(|found| found.asked_by);
        let queue = self.sockets.get(&listener).map(|listener| &listener.queue);
        let is_clients = |number: &u32| client.is_none() || asked_by(number) == client;
        let first = queue.and_then(|queue| queue.iter().position(is_clients));
        let listener = self.sockets.get_mut(&listener);
        let found = listener.zip(first).and_then(|(listener, first)| listener.queue.remove(first));
        found.unwrap_or_else(|| self.next_socket(Socket { foreign: true, ..Socket::new(false) }))
    }

    /// Descriptors leave with a message: from now on, they may arrive.
    pub(super) fn sends_descriptors(&mut self, task: Task, name: &str, arguments: &Arguments<'_>) {
        if !matches!(name, "sendmsg" | "sendmmsg") {
            return;
        }
        let to = arguments.fd(0).and_then(|fd| self.socket(task, fd));
        let peer = to.and_then(|number| self.sockets.get(&number)?.peer);
        for passed in arguments.passed() {
            let message: Vec<u32> =
                passed.iter().filter_map(|fd| Some(self.slot(task, *fd)?.description)).collect();
            if let Some(peer) = peer.and_then(|peer| self.sockets.get_mut(&peer)) {
                peer.in_flight.push_back((task, message));
            }
        }
    }

    pub(super) fn takes_descriptors_back(&mut self, task: Task, call: &OpenCall) {
        let arguments = Arguments(&call.arguments);
        if !matches!(call.name.as_str(), "sendmsg" | "sendmmsg") {
            return;
        }
        let from = arguments.fd(0).and_then(|fd| self.socket(task, fd));
        let Some(peer) = from.and_then(|number| self.sockets.get(&number)?.peer) else { return };
        for _ in arguments.passed() {
            let Some(peer) = self.sockets.get_mut(&peer) else { return };
            let last = peer.in_flight.iter().rposition(|(by, _)| *by == task);
            if let Some((_, message)) = last.and_then(|index| peer.in_flight.remove(index)) {
                self.release_all(message);
            }
        }
    }

    pub(super) fn receives_descriptors(
        &mut self,
        task: Task,
        name: &str,
        arguments: &Arguments<'_>,
    ) {
        // Of several messages, the flags stand behind their number.
        let flags = match name {
            "recvmsg" => arguments.flags(2),
            "recvmmsg" => arguments.flags(3),
            _ => return,
        };
        for passed in arguments.passed() {
            self.receives(task, arguments, passed, flags);
        }
    }

    fn receives(&mut self, task: Task, arguments: &Arguments<'_>, passed: &[i32], flags: u64) {
        let cloexec = flags & MSG_CMSG_CLOEXEC != 0;
        let number = arguments.fd(0).and_then(|fd| self.socket(task, fd));
        let Some(socket) = number.and_then(|number| self.sockets.get_mut(&number)) else { return };
        // Who only looks at a message gets copies of its descriptors, and it stays where it is.
        let message = match flags & MSG_PEEK == 0 {
            true => socket.in_flight.pop_front(),
            false => socket.in_flight.front().cloned(),
        };
        let Some((_, message)) = message else {
            if socket.peer.is_some() {
                self.expect("expected that descriptors are sent before they are received".into());
            }
            for fd in passed {
                self.open(task, (*fd).into(), Kind::Outside("from outside".into()), 0, cloexec);
            }
            return;
        };
        for (fd, description) in passed.iter().zip(&message) {
            self.install(task, *fd, *description, cloexec);
        }
        // What didn't fit is closed.
        self.release_all(message);
    }
}
