//! Calls that fail, each for a reason of its own: a tour of errno, and whose it is.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::{io, thread};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access, getpid, getppid, write};

/// Writes one line: what the kernel said to a request.
fn tell<T>(request: &str, answer: nix::Result<T>) {
    let me = getpid();
    match answer {
        Ok(_) => println!("[process {me}] {request}: done"),
        Err(errno) => println!("[process {me}] {request}: {errno:?}: {}", io::Error::from(errno)),
    }
}

fn main() -> Result<()> {
    let me = getpid();
    let null = File::open("/dev/null").context("cannot open /dev/null")?;
    let (_reader, writer) = io::pipe().context("cannot make a pipe")?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot ask for the limit")?;

    // ANCHOR: tour
    let for_reading = |path| open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    tell("open /no/such/file", for_reading("/no/such/file"));
    tell("open /dev/null/file", for_reading("/dev/null/file"));
    tell("open / to write", open("/", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()));
    tell("may I run /dev/null", access("/dev/null", AccessFlags::X_OK));
    tell("write where I may only read", write(&null, b"hello"));

    let not_mine = (usize::MAX - 4095) as *const libc::c_void;
    // SAFETY: nothing reads there: the kernel looks at the address, and refuses.
    let answer = unsafe { libc::write(writer.as_raw_fd(), not_mine, 5) };
    tell("write 5 bytes that aren't mine", Errno::result(answer));

    setrlimit(Resource::RLIMIT_NOFILE, 0, hard).context("cannot set the limit")?;
    tell("open /dev/null, allowed no more files", for_reading("/dev/null"));
    // ANCHOR_END: tour
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).context("cannot put the limit back")?;

    // ANCHOR: rules
    let _ = for_reading("/no/such/file");
    let _ = getppid(); // can't fail
    println!("[process {me}] getppid works; errno still says {:?}", Errno::last());

    let other = thread::spawn(move || {
        let _ = write(&null, b"hello");
        println!("[process {me}] in another thread, errno says {:?}", Errno::last());
    });
    other.join().ok().context("the other thread panicked")?;
    println!("[process {me}] and in this one, {:?}", Errno::last());
    // ANCHOR_END: rules
    Ok(())
}
