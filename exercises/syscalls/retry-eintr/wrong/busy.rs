//! What is short, or busy, or late is taken for something that will pass.
//! Told: "asks again after ENOMEM"

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::os::fd::RawFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    let from = std::env::args().nth(1).map_or(Ok(0), |text| text.parse());
    let Ok(from) = from else {
        eprintln!("retry-eintr: expected a descriptor's number, or nothing");
        return ExitCode::from(2);
    };
    match say_when_interrupted().and_then(|()| read_all(from)) {
        Ok(bytes) => {
            println!("read: {}", String::from_utf8_lossy(&bytes));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("retry-eintr: {error}");
            // The kernel's numbers are small.
            ExitCode::from(u8::try_from(error as i32).unwrap_or(1))
        }
    }
}

/// Makes a call, and makes it again for as long as a signal interrupts it. Every other answer is final, and is returned.
#[allow(unused_variables, reason = "until it is written")]
fn retry_on_eintr<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(
                Errno::EINTR | Errno::ENOMEM | Errno::EBUSY | Errno::ETIMEDOUT | Errno::ENOBUFS,
            ) => {}
            other => return other,
        }
    }
}

/// Reads to the end, eight bytes at a time.
fn read_all(from: RawFd) -> nix::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8];
    loop {
        match retry_on_eintr(|| read(from, &mut buffer))? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// `read(2)`, of a number that may lead nowhere.
fn read(from: RawFd, buffer: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: the pointer and the length are of one slice, which is ours to fill.
    let count = unsafe { nix::libc::read(from, buffer.as_mut_ptr().cast(), buffer.len()) };
    Errno::result(count).map(|count| count.unsigned_abs())
}

/// From now on, SIGUSR1 has a handler, and a call that waits is interrupted by it (no SA_RESTART).
fn say_when_interrupted() -> nix::Result<()> {
    let handler = SigHandler::Handler(on_signal);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes one call, which may be made there (signal-safety(7)).
    unsafe { sigaction(Signal::SIGUSR1, &action) }.map(drop)
}

extern "C" fn on_signal(_: nix::libc::c_int) {
    const LINE: &[u8] = b"interrupted\n";
    // SAFETY: the pointer and the length are of one constant.
    unsafe { nix::libc::write(1, LINE.as_ptr().cast(), LINE.len()) };
}
