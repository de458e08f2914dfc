//! Programs whose processes talk through named pipes, eventfds and datagrams.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::eventfd::EventFd;
use nix::sys::socket::{MsgFlags, SockaddrIn, recvmsg, sendmsg};
use nix::sys::stat::Mode;
use nix::sys::wait::wait;
use nix::unistd::{mkdtemp, mkfifo};

use crate::child;

pub(crate) fn run(name: &str) {
    match name {
        "fifo" => fifo(),
        "eventfd" => eventfd(),
        "datagrams" => datagrams(),
        "messages" => messages(),
        other => crate::execs::run(other),
    }
}

fn fifo() {
    let folder = mkdtemp(&std::env::temp_dir().join("fifo-XXXXXX")).expect("there is room");
    let path = folder.join("fifo");
    mkfifo(&path, Mode::S_IRWXU).expect("there is room");
    child(|| {
        let mut writer = OpenOptions::new().write(true).open(&path).expect("somebody reads");
        writer.write_all(b"hello").expect("somebody reads");
    });
    let mut message = String::new();
    let mut reader = File::open(&path).expect("somebody writes");
    reader.read_to_string(&mut message).expect("it can read");
    assert_eq!(message, "hello");
    std::fs::remove_dir_all(folder).expect("it is ours");
    wait().expect("our child");
}

fn eventfd() {
    let counter = EventFd::new().expect("there is room");
    child(|| assert_eq!(counter.read(), Ok(1000)));
    counter.write(1000).expect("it fits");
    wait().expect("our child");
}

fn datagrams() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = server.local_addr().expect("it is bound");
    child(|| {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client.send_to(b"ping", address).expect("it is there");
        assert_eq!(client.recv(&mut [0; 16]).expect("an answer"), 4);
    });
    let mut message = [0; 16];
    let (length, from) = server.recv_from(&mut message).expect("a message");
    server.send_to(&message[..length], from).expect("it is there");
    wait().expect("our child");
}

/// The same with sendmsg(2) and recvmsg(2), which have the address in a structure.
fn messages() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let SocketAddr::V4(address) = server.local_addr().expect("it is bound") else { unreachable!() };
    child(|| {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        send(&client, address.into());
        receive(&client);
    });
    let from = receive(&server);
    send(&server, from);
    wait().expect("our child");
}

fn send(socket: &UdpSocket, to: SockaddrIn) {
    let bytes = [IoSlice::new(b"ping")];
    let sent = sendmsg(socket.as_raw_fd(), &bytes, &[], MsgFlags::empty(), Some(&to));
    assert_eq!(sent, Ok(4));
}

fn receive(socket: &UdpSocket) -> SockaddrIn {
    let mut message = [0; 16];
    let mut bytes = [IoSliceMut::new(&mut message)];
    let received = recvmsg(socket.as_raw_fd(), &mut bytes, None, MsgFlags::empty());
    received.expect("a message").address.expect("it says from where")
}
