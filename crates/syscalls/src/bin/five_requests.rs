//! What a process can't do by itself: five things that it must ask for, and one that it needn't.
//!
//! `strace target/debug/five_requests` shows the calls under the lines (Linux only).

use std::fs::{self, File};
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::unistd::getpid;

/// "How much randomness is there?": a request that only this device knows (random(4)).
const RNDGETENTCNT: libc::Ioctl = libc::_IOR::<libc::c_int>(b'R' as u32, 0);

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: requests
    // Reading: openat(2), read(2), close(2).
    let name = fs::read_to_string("/proc/sys/kernel/ostype").context("cannot read its name")?;
    // Writing: write(2), here and for every line.
    println!("[process {me}] reading: the kernel's name is {}", name.trim());
    println!("[process {me}] writing: you are looking at it");

    // Memory: mmap(2).
    let mib = NonZeroUsize::new(1 << 20).context("1 MiB is not zero")?;
    let read_write = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: new memory, wherever there is room: none that is in use is touched.
    let memory = unsafe { mmap_anonymous(None, mib, read_write, MapFlags::MAP_PRIVATE) }
        .context("cannot get memory")?;
    // SAFETY: the kernel has just made this byte ours, and it is zero.
    let first = unsafe { memory.cast::<u8>().read() };
    println!("[process {me}] memory: 1 MiB more, and its first byte is {first}");

    // Networking: socket(2), bind(2), listen(2), getsockname(2).
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr().context("cannot ask for the address")?;
    println!("[process {me}] networking: I listen on {}, at a free port", address.ip());

    // Devices: ioctl(2), for whatever is neither reading nor writing.
    let device = File::open("/dev/random").context("cannot open /dev/random")?;
    let mut bits: libc::c_int = 0;
    // SAFETY: `bits` is the one integer that this request fills in.
    let answer = unsafe { libc::ioctl(device.as_raw_fd(), RNDGETENTCNT, &mut bits) };
    Errno::result(answer).context("cannot ask /dev/random")?;
    println!("[process {me}] devices: /dev/random has randomness in store: {}", bits > 0);

    // Nobody was asked for this.
    let sum: u32 = (1..=100).sum();
    println!("[process {me}] and without a call: 1 + 2 + … + 100 = {sum}");
    // ANCHOR_END: requests
    Ok(())
}
