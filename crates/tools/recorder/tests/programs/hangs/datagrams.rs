//! Who waits for a datagram: from nobody, from itself, or from whoever may come.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Nobody can send to a socket that has no port.
pub(super) fn without_a_port() {
    let (family, kind) = (AddressFamily::Inet, SockType::Datagram);
    let socket: OwnedFd = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    receive(&UdpSocket::from(socket));
}

/// Who is connected hears only that one, which is its own.
pub(super) fn from_itself() {
    let [one, other] = [(); 2].map(|()| bound());
    one.connect(other.local_addr().expect("it has one")).expect("it is there");
    receive(&one);
}

/// Says at which port it waits.
pub(super) fn from_outside() {
    let socket = bound();
    println!("{}", socket.local_addr().expect("it has one"));
    receive(&socket);
}

fn bound() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a port is free")
}

fn receive(socket: &UdpSocket) {
    assert_eq!(socket.recv(&mut [0]).expect("somebody sends"), 1);
}
