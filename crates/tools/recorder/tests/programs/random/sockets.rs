//! Bytes, and descriptors that travel with them. All that could wait is asked first whether it would.

use std::mem::zeroed;

use libc::{
    AF_INET, AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, POLLIN, POLLOUT,
    SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_SEQPACKET, SOCK_STREAM, SPLICE_F_NONBLOCK,
};

use crate::{Life, at, call};

/// A control message that holds up to three descriptors: cmsg(3).
#[repr(C)]
struct Rights {
    length: usize,
    level: i32,
    kind: i32,
    descriptors: [i32; 4],
}

impl Life {
    pub(crate) fn moves_bytes(&mut self) {
        match self.chance.u32(..100) {
            0..24 => self.writes(),
            24..50 => self.reads(),
            50..58 => self.opens_a_pair(),
            58..70 => self.sends_descriptors(),
            70..84 => self.receives_descriptors(),
            84..88 => self.connects(),
            88..90 => _ = call(libc::SYS_shutdown, [self.socket(), self.any(&[0, 1, 2])]),
            90..93 => self.watches(),
            _ => self.splices(),
        }
    }

    fn is_ready(&mut self, fd: usize, events: i16) -> bool {
        let mut asked = libc::pollfd { fd: fd as i32, events, revents: 0 };
        let mut time = [0_u64; 2];
        let answer = call(libc::SYS_ppoll, [at(&mut asked), 1, at(&mut time), 0, 8]);
        answer > 0 && asked.revents & libc::POLLNVAL == 0
    }

    fn writes(&mut self) {
        let (fd, mut bytes) = (self.end(), [b'x'; 64]);
        let length = self.chance.usize(..bytes.len());
        if !self.is_ready(fd, POLLOUT) {
            return;
        }
        if self.chance.bool() {
            call(libc::SYS_write, [fd, at(&mut bytes), length]);
        } else {
            let mut pieces = [at(&mut bytes), length, at(&mut bytes), 1];
            call(libc::SYS_writev, [fd, at(&mut pieces), 2]);
        }
    }

    fn reads(&mut self) {
        let (fd, mut bytes) = (self.end(), [0_u8; 64]);
        let length = self.chance.usize(..bytes.len());
        if self.chance.u8(..5) == 0 {
            let flags = MSG_DONTWAIT as usize | self.bits(&[MSG_PEEK]);
            call(libc::SYS_recvfrom, [fd, at(&mut bytes), length, flags, 0, 0]);
        } else if self.is_ready(fd, POLLIN) {
            if self.chance.bool() {
                call(libc::SYS_read, [fd, at(&mut bytes), length]);
            } else {
                let mut pieces = [at(&mut bytes), length / 2, at(&mut bytes), length / 2];
                call(libc::SYS_readv, [fd, at(&mut pieces), 2]);
            }
        }
    }

    fn kind(&mut self) -> usize {
        self.any(&[SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET])
            | self.bits(&[SOCK_CLOEXEC, SOCK_NONBLOCK])
    }

    fn opens_a_pair(&mut self) {
        let mut pair = [0_i32; 2];
        call(libc::SYS_socketpair, [AF_UNIX as usize, self.kind(), 0, at(&mut pair)]);
        self.sockets.extend(pair.map(|fd| fd as usize).iter().filter(|fd| **fd > 0));
    }

    fn sends_descriptors(&mut self) {
        let (socket, count) = (self.socket(), self.chance.usize(1..4));
        let descriptors = [self.end() as i32, self.fd() as i32, self.end() as i32, 0];
        let length = 16 + 4 * count;
        let mut rights =
            Rights { length, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, descriptors };
        self.with_message(&mut rights, length.next_multiple_of(8), |message| {
            let flags = (MSG_DONTWAIT | MSG_NOSIGNAL) as usize;
            call(libc::SYS_sendmsg, [socket, message, flags]);
        });
    }

    /// The room may be too small for what comes: the rest is closed.
    fn receives_descriptors(&mut self) {
        let (socket, room) = (self.socket(), 16 + 4 * self.chance.usize(..5));
        let flags = MSG_DONTWAIT as usize | self.bits(&[MSG_CMSG_CLOEXEC]);
        let mut rights = Rights { length: 0, level: 0, kind: 0, descriptors: [0; 4] };
        self.with_message(&mut rights, room, |message| {
            call(libc::SYS_recvmsg, [socket, message, flags]);
        });
    }

    fn with_message(&mut self, rights: &mut Rights, room: usize, does: impl FnOnce(usize)) {
        let mut byte = [0_u8; 1];
        let mut piece = [at(&mut byte), 1];
        // SAFETY: a msghdr is numbers and pointers, all of which may be zero.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = at(&mut piece) as *mut libc::iovec;
        message.msg_iovlen = 1;
        message.msg_control = at(rights) as *mut libc::c_void;
        message.msg_controllen = room as _;
        does(at(&mut message));
    }

    /// A listener and a client on the loopback device, and the connection's other end, mostly.
    fn connects(&mut self) {
        let flags = self.bits(&[SOCK_CLOEXEC]) | (SOCK_STREAM | SOCK_NONBLOCK) as usize;
        let listener = call(libc::SYS_socket, [AF_INET as usize, flags, 0]) as usize;
        let mut address = libc::sockaddr_in {
            sin_family: AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_be_bytes([127, 0, 0, 1]).to_be() },
            sin_zero: [0; 8],
        };
        let mut size = size_of_val(&address);
        call(libc::SYS_bind, [listener, at(&mut address), size]);
        call(libc::SYS_listen, [listener, 4]);
        call(libc::SYS_getsockname, [listener, at(&mut address), at(&mut size)]);
        let client = call(libc::SYS_socket, [AF_INET as usize, flags, 0]) as usize;
        call(libc::SYS_connect, [client, at(&mut address), size_of_val(&address)]);
        if self.chance.u8(..4) > 0 {
            let flags = self.bits(&[SOCK_CLOEXEC, SOCK_NONBLOCK]);
            let accepted = call(libc::SYS_accept4, [listener, 0, 0, flags]);
            self.sockets.extend([client, accepted.max(0) as usize]);
        }
        if self.chance.bool() {
            call(libc::SYS_close, [listener]);
        }
    }

    fn watches(&mut self) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 1 };
        let (epoll, operation, fd) = (self.fd(), self.any(&[1, 1, 2, 3]), self.end());
        call(libc::SYS_epoll_ctl, [epoll, operation, fd, at(&mut event)]);
        let mut time = [0_u64; 2];
        call(libc::SYS_epoll_pwait2, [epoll, at(&mut event), 1, at(&mut time), 0, 8]);
    }

    fn splices(&mut self) {
        let (from, to, most) = (self.end(), self.end(), self.chance.usize(1..100));
        let flags = SPLICE_F_NONBLOCK as usize;
        match self.chance.u32(..3) {
            0 => call(libc::SYS_splice, [from, 0, to, 0, most, flags]),
            1 => call(libc::SYS_tee, [from, to, most, flags]),
            _ if self.is_ready(to, POLLOUT) => call(libc::SYS_sendfile, [to, from, 0, most]),
            _ => 0,
        };
    }
}
