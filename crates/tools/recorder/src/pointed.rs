//! The structures that arguments point to.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;

use nix::unistd::Pid;
use trace::call::Argument;

use crate::{look, memory, outside};

/// More than any program of a course has, and less than would take long to read.
const MANY: u64 = 1024;

/// The descriptors in a `select` set of which `count` bits count.
pub(crate) fn set(pid: Pid, address: u64, count: u64) -> Vec<i32> {
    let count = count.min(MANY) as usize;
    let words = count.div_ceil(64);
    let bytes = memory::read(pid, address, words * 8);
    let is_in = |bit: &usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
    (0..count).filter(is_in).map(|bit| bit as i32).collect()
}

/// An array of `struct pollfd`.
pub(crate) fn polled(pid: Pid, address: u64, count: u64) -> Vec<(i32, u16, u16)> {
    let bytes = memory::read(pid, address, count.min(MANY) as usize * 8);
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[a, b, c, d, e, f, g, h]| {
            let asked = u16::from_ne_bytes([e, f]);
            (i32::from_ne_bytes([a, b, c, d]), asked, u16::from_ne_bytes([g, h]))
        })
        .collect()
}

/// The first `shown` bytes of an array of `struct iovec`, and how many it holds, at most `limit`.
pub(crate) fn pieces(
    pid: Pid,
    address: u64,
    count: u64,
    limit: u64,
    shown: usize,
) -> (Vec<u8>, u64) {
    let bytes = memory::read(pid, address, count.min(MANY) as usize * 16);
    let (mut text, mut total) = (Vec::new(), 0_u64);
    for [base, length] in bytes.as_chunks::<8>().0.as_chunks::<2>().0 {
        let length = u64::from_ne_bytes(*length).min(limit - total);
        let to_read = (length as usize).min(shown - text.len());
        text.extend(memory::read(pid, u64::from_ne_bytes(*base), to_read));
        total += length;
    }
    (text, total)
}

/// The descriptors in the control part of a `struct msghdr`.
pub(crate) fn passed(pid: Pid, message: u64) -> Vec<i32> {
    let field = |offset| memory::long(pid, message + offset).unwrap_or_default();
    let control = memory::read(pid, field(32), field(40).min(4096) as usize);
    let mut passed = Vec::new();
    let mut rest = &control[..];
    // A header is a length of 8 bytes, which counts the header too, a level and a type.
    while let Some((header, _)) = rest.split_first_chunk::<16>() {
        let [length, kinds] = *header.as_chunks::<8>().0 else { break };
        let length = u64::from_ne_bytes(length) as usize;
        let Some(data) = rest.get(16..length) else { break };
        let rights = [libc::SOL_SOCKET.to_ne_bytes(), libc::SCM_RIGHTS.to_ne_bytes()];
        if kinds == *rights.as_flattened() {
            passed.extend(data.as_chunks::<4>().0.iter().map(|&number| i32::from_ne_bytes(number)));
        }
        rest = rest.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    passed
}

/// What some arguments are depends on another one, or stands a pointer further: whether `ioctl` is to
/// wait (FIONBIO) or how it opens a terminal's other end, which bytes `fcntl` is to lock, how `openat2` is to open,
/// what `pselect6` blocks meanwhile.
pub(crate) fn by_request(pid: Pid, name: &str, args: &[u64; 6], arguments: &mut [Argument]) {
    let (place, told) = match name {
        "ioctl" if args[1] as libc::Ioctl == libc::FIONBIO => {
            (2, memory::int(pid, args[2]).map(|value| Argument::Number(value.into())))
        }
        "fcntl" if LOCKS.contains(&(args[1] as i32)) => (2, lock(pid, args[0] as i32, args[2])),
        "ioctl" if args[1] as libc::Ioctl == libc::TIOCGPTPEER => {
            (2, Some(Argument::Flags(u64::from(args[2] as u32))))
        }
        "openat2" => (2, memory::long(pid, args[2]).map(Argument::Flags)),
        "pselect6" => {
            let set = memory::long(pid, args[5]).and_then(|set| memory::long(pid, set));
            (5, set.map(|set| Argument::Signals(look::members(set))))
        }
        _ => return,
    };
    if let (Some(told), Some(argument)) = (told, arguments.get_mut(place)) {
        *argument = told;
    }
}

/// The commands of fcntl(2) that lock or unlock.
const LOCKS: [i32; 4] = [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW];

/// A `struct flock`, its bytes counted from the beginning of the file.
fn lock(pid: Pid, number: i32, address: u64) -> Option<Argument> {
    let kinds = memory::int(pid, address)?.to_ne_bytes();
    let [kind, whence] = [[kinds[0], kinds[1]], [kinds[2], kinds[3]]].map(i16::from_ne_bytes);
    let [start, length] = [8, 16].map(|offset| memory::long(pid, address + offset));
    let (start, length) = (start? as i64, length? as i64);
    let from = match i32::from(whence) {
        libc::SEEK_CUR => position(pid, number)?,
        libc::SEEK_END => fs::metadata(format!("/proc/{pid}/fd/{number}")).ok()?.len() as i64,
        _ => 0,
    };
    let from = from.saturating_add(start);
    let exclusive = match i32::from(kind) {
        libc::F_WRLCK => Some(true),
        libc::F_RDLCK => Some(false),
        _ => None,
    };
    Some(match length {
        0 => Argument::Lock(exclusive, from, i64::MAX),
        ..0 => Argument::Lock(exclusive, from.saturating_add(length), from),
        _ => Argument::Lock(exclusive, from, from.saturating_add(length)),
    })
}

/// Where the next byte would be read or written.
fn position(pid: Pid, number: i32) -> Option<i64> {
    let info = outside::info(pid, number);
    info.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()
}

/// A path that is opened may lead to a named pipe: opening that waits, and what is written there is read here.
pub(crate) fn named_pipe(pid: Pid, name: &str, args: &[u64; 6], arguments: &mut [Argument]) {
    let (folder, at) = match name {
        "open" => (libc::AT_FDCWD, 0),
        "openat" => (args[0] as i32, 1),
        _ => return,
    };
    let (Some(Argument::Path(told)), Some(path)) =
        (arguments.get(at), memory::string(pid, args[at]))
    else {
        return;
    };
    // Asked for here, it would be one of the recorder's. The model knows what it leads to.
    if trace::names::descriptor(told).is_some() {
        return;
    }
    let from = match folder {
        _ if path.starts_with('/') => format!("/proc/{pid}/root"),
        libc::AT_FDCWD => format!("/proc/{pid}/cwd/"),
        folder => format!("/proc/{pid}/fd/{folder}/"),
    };
    if fs::metadata(from + &path).is_ok_and(|file| file.file_type().is_fifo()) {
        arguments[at] = Argument::Fifo(told.clone());
    }
}

/// A socket's address.
pub(crate) fn address(pid: Pid, address: u64, length: u64) -> Option<String> {
    let bytes = memory::read(pid, address, length.min(128) as usize);
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let [p, q, a, b, c, d] = *rest.first_chunk()?;
            let address = Ipv4Addr::new(a, b, c, d);
            Some(SocketAddr::from((address, u16::from_be_bytes([p, q]))).to_string())
        }
        libc::AF_INET6 => {
            let port = u16::from_be_bytes(*rest.first_chunk()?);
            let address: [u8; 16] = *rest.get(6..)?.first_chunk()?;
            Some(SocketAddr::from((Ipv6Addr::from(address), port)).to_string())
        }
        // The first byte of an abstract name is 0, and all of it counts.
        libc::AF_UNIX if rest.first() == Some(&0) => {
            Some(format!("@{}", String::from_utf8_lossy(&rest[1..])))
        }
        libc::AF_UNIX => {
            let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            Some(String::from_utf8_lossy(&rest[..end]).into_owned())
        }
        _ => None,
    }
}
