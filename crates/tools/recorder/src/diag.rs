//! Asks the kernel about a Unix socket, by sock_diag(7).

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

// Of linux/sock_diag.h and linux/unix_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SHOW_PEER: u32 = 4;
const SHOW_WAITING: u32 = 8;
const PEER: u16 = 2;
const WAITING: u16 = 3;
/// A nlmsghdr, and the part of an answer that has no attributes: a nlmsghdr and a unix_diag_msg.
const HEADER: usize = 16;
const ANSWER: usize = HEADER + 16;

/// The socket that this one is connected to; 0: nobody has accepted it yet. `None`: to none, or the kernel doesn't say.
pub(crate) fn peer(inode: u64) -> Option<u64> {
    inodes(inode, SHOW_PEER, PEER)?.first().copied()
}

/// Those who wait to be accepted here.
pub(crate) fn waiting(inode: u64) -> Vec<u64> {
    inodes(inode, SHOW_WAITING, WAITING).unwrap_or_default()
}

/// What an attribute of a socket holds.
fn inodes(inode: u64, show: u32, wanted: u16) -> Option<Vec<u64>> {
    let answer = ask(inode, show).ok()?;
    let word = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    if word(4)? != SOCK_DIAG_BY_FAMILY {
        return None; // an error: it is no Unix socket, say
    }
    let mut at = ANSWER;
    while let (Some(length), Some(kind)) = (word(at), word(at + 2)) {
        let length = usize::from(length);
        if kind == wanted {
            let numbers = answer.get(at + 4..at + length)?.as_chunks::<4>().0;
            return Some(numbers.iter().map(|&n| u32::from_ne_bytes(n).into()).collect());
        }
        at += length.next_multiple_of(4).max(4);
    }
    None
}

fn ask(inode: u64, show: u32) -> nix::Result<Vec<u8>> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers only.
    let socket = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
    // SAFETY: the descriptor is new, and nobody else knows it.
    let socket = Errno::result(socket).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })?;
    let request = request(inode, show);
    // SAFETY: the bytes are a vector of ours, and nothing is written to them.
    let sent = unsafe {
        libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), libc::MSG_DONTWAIT)
    };
    Errno::result(sent)?;
    let mut answer = vec![0; 8192];
    // SAFETY: as many bytes as the vector has may be written to it.
    let length = unsafe {
        libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), libc::MSG_DONTWAIT)
    };
    answer.truncate(Errno::result(length)? as usize);
    Ok(answer)
}

/// A nlmsghdr and a unix_diag_req, which asks for one socket by its inode.
fn request(inode: u64, show: u32) -> Vec<u8> {
    let words = [u32::MAX, inode as u32, show, u32::MAX, u32::MAX];
    let length = (HEADER + 4 + size_of_val(&words)) as u32;
    let mut bytes = Vec::new();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([libc::AF_UNIX as u8, 0, 0, 0]);
    bytes.extend(words.into_iter().flat_map(u32::to_ne_bytes));
    bytes
}
