//! Who waits for a datagram, from nobody, from itself, or from whoever may come; or for a message in a queue.

use std::ffi::CString;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::ptr;

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

/// Waits for a message in a queue whose name is gone, so that nobody else finds it.
pub(super) fn in_a_queue() {
    let name = CString::new(format!("/recorder-hangs-{}", std::process::id())).expect("no 0");
    let how = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let no_more: *const libc::mq_attr = ptr::null();
    // SAFETY: the name ends with 0, and there are no attributes.
    let queue = unsafe { libc::mq_open(name.as_ptr(), how, 0o600, no_more) };
    // SAFETY: the name ends with 0.
    unsafe { libc::mq_unlink(name.as_ptr()) };
    let mut message = vec![0; 1 << 16];
    // SAFETY: the message has that much room, and nobody wants to know its priority.
    unsafe { libc::mq_receive(queue, message.as_mut_ptr(), message.len(), ptr::null_mut()) };
}
