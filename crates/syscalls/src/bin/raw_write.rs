//! One sentence said four ways, and each time it is the same system call.
//!
//! `strace -e trace=write target/debug/raw_write` shows the calls (Linux only).

use std::io;
use std::os::fd::RawFd;

use anyhow::{Context, Result};
use nix::unistd::{getpid, write};

// ANCHOR: instruction
/// Asks the kernel to write, by no library at all. The answer: how many bytes it took, or if it
/// took none, the reason's number, below zero.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn ask_to_write(fd: RawFd, bytes: &[u8]) -> isize {
    let answer: isize;
    // SAFETY: the kernel reads `bytes`, which are there, and changes only these three registers.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") libc::SYS_write => answer, // which call: each has a number
            in("rdi") fd as isize,                      // its arguments, in this order
            in("rsi") bytes.as_ptr(),
            in("rdx") bytes.len(),
            out("rcx") _,
            out("r11") _,
            options(nostack, readonly),
        );
    }
    answer
}
// ANCHOR_END: instruction

/// The same, where the processor calls it `svc` and its registers `x…`.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn ask_to_write(fd: RawFd, bytes: &[u8]) -> isize {
    let answer: isize;
    // SAFETY: the kernel reads `bytes`, which are there, and changes only `x0`.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") libc::SYS_write,
            inlateout("x0") fd as isize => answer,
            in("x1") bytes.as_ptr(),
            in("x2") bytes.len(),
            options(nostack, readonly),
        );
    }
    answer
}

fn main() -> Result<()> {
    // ANCHOR: ways
    let me = getpid();
    println!("[process {me}] println! asks for me");

    let line = format!("[process {me}] nix asks for me\n");
    write(io::stdout(), line.as_bytes()).context("cannot write")?;

    let line = format!("[process {me}] C's library asks for me\n");
    // SAFETY: `line` is there, and that long.
    if unsafe { libc::write(1, line.as_ptr().cast(), line.len()) } < 0 {
        return Err(io::Error::last_os_error()).context("cannot write");
    }

    let line = format!("[process {me}] I ask the kernel myself\n");
    let answer = ask_to_write(1, line.as_bytes());
    println!("[process {me}] it took every byte: {}", answer == line.len() as isize);

    let answer = ask_to_write(-1, line.as_bytes());
    println!("[process {me}] where there is nothing to write to, it answers {answer}");
    // ANCHOR_END: ways
    Ok(())
}
