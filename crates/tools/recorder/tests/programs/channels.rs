//! Programs whose processes talk through named pipes, eventfds and datagrams.

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};

use nix::sys::eventfd::EventFd;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrLike,
    recvmmsg, recvmsg, sendmmsg, sendmsg,
};
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
        "several-messages" => several_messages(),
        "passes-several" => passes_several(),
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

/// Several by one call: through a stream, where they are one, and to two servers, of which one reads them by one call.
fn several_messages() {
    let (one, mut other) = UnixStream::pair().expect("there is room");
    assert_eq!(send_all(&one, &["four", "more"], &[]), 2);
    other.read_exact(&mut [0; 8]).expect("so many were sent");
    let (one, other) = UnixDatagram::pair().expect("there is room");
    assert_eq!(send_all(&one, &["a", "bcd"], &[]), 2);
    assert_eq!([0; 2].map(|_| other.recv(&mut [0; 8]).expect("it was sent")), [1, 3]);
    let servers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port is free"));
    let [first, second] = servers.each_ref().map(|server| match server.local_addr() {
        Ok(SocketAddr::V4(address)) => SockaddrIn::from(address),
        other => panic!("{other:?}"),
    });
    child(|| {
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        assert_eq!(send_all(&client, &["to", "you", "both"], &[first, second, first]), 3);
    });
    assert_eq!(servers[1].recv(&mut [0; 8]).expect("it is sent"), 3);
    assert_eq!(receive_all(&servers[0]), [2, 4]);
    wait().expect("our child");
}

/// A pipe's end goes with each of two messages that are sent, and received, by one call.
fn passes_several() {
    let (here, there) = UnixDatagram::pair().expect("there is room");
    let (mut reader, writer) = crate::ends();
    let writer = OwnedFd::from(writer);
    child(|| {
        let mut room = [[0; 1]; 2];
        let mut pieces = room.each_mut().map(|room| [IoSliceMut::new(room)]);
        let mut heads = MultiHeaders::<()>::preallocate(2, Some(nix::cmsg_space!([i32; 1])));
        let came = recvmmsg(there.as_raw_fd(), &mut heads, &mut pieces, MsgFlags::empty(), None);
        for message in came.expect("two messages") {
            let passed = message.cmsgs().expect("there was room").find_map(|it| match it {
                ControlMessageOwned::ScmRights(passed) => passed.first().copied(),
                _ => None,
            });
            // SAFETY: the descriptor has come with the message, and nobody else knows it.
            let writer = unsafe { OwnedFd::from_raw_fd(passed.expect("one was passed")) };
            nix::unistd::write(&writer, b"x").expect("somebody reads");
        }
    });
    let pieces = [b"a", b"b"].map(|text| [IoSlice::new(text)]);
    let passed = [writer.as_raw_fd()];
    let mut heads = MultiHeaders::<()>::preallocate(2, Some(nix::cmsg_space!([i32; 1])));
    let passed = [ControlMessage::ScmRights(&passed)];
    let here = here.as_raw_fd();
    let sent = sendmmsg(here, &mut heads, &pieces, [None, None], passed, MsgFlags::empty());
    assert_eq!(sent.expect("somebody receives").count(), 2);
    drop(writer);
    wait().expect("our child");
    assert_eq!(reader.read(&mut [0; 8]).expect("both have come"), 2);
}

/// Sends several messages by one call, each to its own address, or where the socket is connected to.
fn send_all(socket: &impl AsRawFd, texts: &[&str], to: &[SockaddrIn]) -> i32 {
    let mut pieces: Vec<libc::iovec> = texts
        .iter()
        .map(|text| libc::iovec { iov_base: text.as_ptr() as *mut _, iov_len: text.len() })
        .collect();
    let mut messages = headers(&mut pieces);
    for (message, to) in messages.iter_mut().zip(to) {
        message.msg_hdr.msg_name = to.as_ptr() as *mut _;
        message.msg_hdr.msg_namelen = to.len();
    }
    // SAFETY: the headers point to texts, pieces and addresses that outlive the call, which only reads them.
    unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), texts.len() as u32, 0) }
}

/// How long the next two messages are.
fn receive_all(socket: &impl AsRawFd) -> [u32; 2] {
    let mut room = [[0_u8; 16]; 2];
    let mut pieces = room
        .each_mut()
        .map(|room| libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() });
    let mut messages = headers(&mut pieces);
    let (number, nothing) = (socket.as_raw_fd(), std::ptr::null_mut());
    // SAFETY: the headers point to pieces, and these to room, that outlive the call.
    assert_eq!(unsafe { libc::recvmmsg(number, messages.as_mut_ptr(), 2, 0, nothing) }, 2);
    [messages[0].msg_len, messages[1].msg_len]
}

/// A header for each piece, which is a message of its own.
fn headers(pieces: &mut [libc::iovec]) -> Vec<libc::mmsghdr> {
    let header = |piece| {
        // SAFETY: a header is numbers and pointers, all of which may be zero.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (piece, 1);
        header
    };
    pieces.iter_mut().map(|piece| header(&raw mut *piece)).collect()
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
