//! SIGUSR1 takes its handler away each time, the handler sets itself anew, and a next one may come before that.
//! Told: "it came twice while the program was stopped"

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{pipe2, read, write};
use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering};

/// The write end of a pipe. Who writes to it doesn't wait: where there is no room, it fails with EAGAIN.
static WAKE: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, room @ ("room" | "full")] = [0, 1].map(|at| args.get(at).map_or("", String::as_str))
    else {
        eprintln!("errno-safe: expected the path of a file, and room or full");
        return ExitCode::from(255);
    };
    match look(file, room == "full") {
        // The error's number, as in `errno -l`; 0: there was none.
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("errno-safe: {error}");
            ExitCode::from(255)
        }
    }
}

/// Looks whether the file can be opened, and says why not.
fn look(file: &str, full: bool) -> io::Result<u8> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    if full {
        while write(&writer, &[b'.'; 4096]) != Err(Errno::EAGAIN) {}
    }
    WAKE.store(writer.as_raw_fd(), Ordering::Relaxed);
    listen()?;
    let path = CString::new(file)?;
    // SAFETY: the path ends with a NUL.
    let opened =
        unsafe { nix::libc::open(path.as_ptr(), nix::libc::O_RDONLY | nix::libc::O_CLOEXEC) };
    // Between a call and the look at errno, a signal may come as anywhere.
    std::thread::yield_now();
    if opened >= 0 {
        println!("{file} can be opened");
        return Ok(0);
    }
    let why = Errno::last();
    println!("{file}: {why}");
    let mut byte = [0];
    if !full && read(&reader, &mut byte) == Ok(1) {
        println!("woken");
    }
    Ok(why as u8)
}

extern "C" fn on_usr1(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    let _ = listen();
    // SAFETY: it is open as long as anybody could ask.
    let pipe = unsafe { BorrowedFd::borrow_raw(WAKE.load(Ordering::Relaxed)) };
    let _ = write(pipe, b"!");
    Errno::set_raw(errno);
}

/// From now on, SIGUSR1 puts a byte into the pipe of `WAKE`, if there is room, and changes nothing else.
fn listen() -> nix::Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(on_usr1),
        SaFlags::SA_RESETHAND | SaFlags::SA_NODEFER,
        SigSet::empty(),
    );
    // SAFETY: it writes a byte, does not wait for room, and leaves errno as it was.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.map(drop)
}
