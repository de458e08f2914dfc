//! What stands in a task's memory.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

/// No page is smaller. What is on one page can be read as a whole or not at all.
const PAGE: u64 = 4096;

/// The bytes at an address, as many of them as can be read.
pub(crate) fn read(pid: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        let at = address.wrapping_add(done as u64);
        let on_this_page = (PAGE - at % PAGE) as usize;
        let piece = &mut bytes[done..length.min(done + on_this_page)];
        if !read_exactly(pid, at, piece) {
            break;
        }
        done += piece.len();
    }
    bytes.truncate(done);
    bytes
}

/// Some systems refuse process_vm_readv(2) and still show `/proc/PID/mem` to a tracer.
fn read_exactly(pid: Pid, address: u64, to: &mut [u8]) -> bool {
    let length = to.len();
    let from = [RemoteIoVec { base: address as usize, len: length }];
    if process_vm_readv(pid, &mut [IoSliceMut::new(to)], &from) == Ok(length) {
        return true;
    }
    File::open(format!("/proc/{pid}/mem")).is_ok_and(|mem| mem.read_exact_at(to, address).is_ok())
}

/// `N` bytes at an address.
pub(crate) fn array<const N: usize>(pid: Pid, address: u64) -> Option<[u8; N]> {
    read(pid, address, N).try_into().ok()
}

/// The 32-bit number at an address.
pub(crate) fn int(pid: Pid, address: u64) -> Option<i32> {
    Some(i32::from_ne_bytes(array(pid, address)?))
}

/// The 64-bit number, or the pointer, at an address.
pub(crate) fn long(pid: Pid, address: u64) -> Option<u64> {
    Some(u64::from_ne_bytes(array(pid, address)?))
}

/// The string at an address, up to its null byte, or as much of it as a path may have.
pub(crate) fn string(pid: Pid, address: u64) -> Option<String> {
    let mut text = Vec::new();
    while text.len() < PAGE as usize {
        let at = address.wrapping_add(text.len() as u64);
        let piece = read(pid, at, (PAGE - at % PAGE).min(256) as usize);
        if piece.is_empty() {
            return None;
        }
        match piece.iter().position(|&byte| byte == 0) {
            Some(end) => {
                text.extend_from_slice(&piece[..end]);
                break;
            }
            None => text.extend(piece),
        }
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// The strings that a list of pointers, ended by a null, leads to; at most 64 of them.
pub(crate) fn strings(pid: Pid, mut address: u64) -> Vec<String> {
    let mut strings = Vec::new();
    while let Some(pointer) = long(pid, address).filter(|&pointer| pointer != 0)
        && strings.len() < 64
    {
        strings.extend(string(pid, pointer));
        address = address.wrapping_add(8);
    }
    strings
}
