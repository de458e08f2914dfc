//! Programs that are right, and programs that are wrong in a way that shows only where the recorder
//! does something to them.

use std::hint::black_box;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigHandler, SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::uio::{readv, writev};
use nix::sys::wait::{wait, waitpid};
use nix::unistd::{ForkResult, fork, getppid, pause, read, write};

use crate::{child, ends, on};

pub(crate) fn run(name: &str) {
    match name {
        "read-again" => reads(true),
        "read-once" => reads(false),
        "write-all" => writes(true),
        "write-once" => writes(false),
        "pause" => sleeps(pauses),
        "sigsuspend" => sleeps(suspends),
        "self-pipe" => sleeps(polls),
        "accept" => accepts(),
        "fork-refused" => fork_refused(),
        "close-fails" => close_fails(),
        "sleep" => std::thread::sleep(std::time::Duration::from_millis(1)),
        "count-stays" => count_stays(),
        "pieces" => pieces(),
        "writes" => three_writes(),
        "handler-writes" => handler_writes(),
        "thread-takes" => thread_takes(),
        other => crate::channels::run(other),
    }
}

/// Reads what its child writes, and begins again if it is interrupted, or doesn't.
fn reads(again: bool) {
    let (reader, mut writer) = ends();
    let child = child(|| writer.write_all(b"hello").expect("somebody reads"));
    drop(writer);
    let mut buffer = [0; 8];
    let mut length = 0;
    loop {
        match read(&reader, &mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::EINTR) if again => (),
            Err(error) => {
                println!("cannot read: {error}");
                exit(1);
            }
        }
    }
    assert_eq!(&buffer[..length], b"hello");
    waitpid(child, None).expect("our child");
}

/// Its child writes all of it, or believes that one write does.
fn writes(all: bool) {
    let (mut reader, mut writer) = ends();
    let child = child(|| {
        if all {
            writer.write_all(b"hello").expect("somebody reads");
        } else {
            _ = write(&writer, b"hello");
        }
    });
    drop(writer);
    let mut message = String::new();
    reader.read_to_string(&mut message).expect("it can read");
    println!("{message}");
    waitpid(child, None).expect("our child");
}

/// A call changes none of the registers that its arguments are in, and compilers count on that.
#[cfg(target_arch = "x86_64")]
fn count_stays() {
    let (_reader, writer) = ends();
    let (mut result, mut count) = (libc::SYS_write, 5_usize);
    // SAFETY: a write(2) of five bytes that are there.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") writer.as_raw_fd(),
            in("rsi") b"hello".as_ptr(),
            inlateout("rdx") count,
            out("rcx") _,
            out("r11") _,
        );
    }
    assert_eq!((result, count), (2, 5));
}

#[cfg(not(target_arch = "x86_64"))]
fn count_stays() {}

/// Writes from three places and reads to three, and finds both lists as they were.
fn pieces() {
    let (reader, writer) = ends();
    let from = ["he", "ll", "o"].map(|text| IoSlice::new(text.as_bytes()));
    let written = writev(&writer, black_box(&from)).expect("there is room");
    drop(writer);
    let mut places = [[b'.'; 2]; 3];
    let mut to = places.each_mut().map(|place| IoSliceMut::new(place));
    let read = readv(&reader, &mut to).expect("somebody has written");
    assert_eq!(black_box(&from).each_ref().map(|from| from.len()), [2, 2, 1]);
    assert_eq!(black_box(&to).each_ref().map(|to| to.len()), [2, 2, 2]);
    println!("{written} {read} {}", String::from_utf8_lossy(places.as_flattened()));
}

static CAUGHT: AtomicBool = AtomicBool::new(false);
static WAKE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn catch(_: libc::c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
    let fd = WAKE.load(Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the pipe stays open as long as the program lasts.
        _ = write(unsafe { BorrowedFd::borrow_raw(fd) }, b"!");
    }
}

/// Its child sends one signal, for which it waits.
fn sleeps(waits: impl FnOnce()) {
    on(Signal::SIGUSR1, SigHandler::Handler(catch), SaFlags::empty());
    let child = child(|| {
        kill(getppid(), Signal::SIGUSR1).expect("our parent");
    });
    waits();
    waitpid(child, None).expect("our child");
}

/// WRONG ON PURPOSE: a signal between the question and the pause wakes nobody.
fn pauses() {
    while !CAUGHT.load(Ordering::Relaxed) {
        pause();
    }
}

/// The signal waits outside until the pause has begun.
fn suspends() {
    let signal = SigSet::from(Signal::SIGUSR1);
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signal), Some(&mut before))
        .expect("it can be blocked");
    while !CAUGHT.load(Ordering::Relaxed) {
        before.suspend().expect("a signal ends it");
    }
}

/// A byte that was written before still wakes.
fn polls() {
    let (reader, writer) = ends();
    WAKE.store(writer.as_raw_fd(), Ordering::Relaxed);
    while !CAUGHT.load(Ordering::Relaxed) {
        _ = poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE);
    }
}

/// Serves one client, even where there is no descriptor left for it at first.
fn accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it has one");
    let child = child(|| {
        let mut answer = String::new();
        let mut server = TcpStream::connect(address).expect("it listens");
        server.read_to_string(&mut answer).expect("it answers");
        assert_eq!(answer, "hello");
    });
    loop {
        match listener.accept() {
            Ok((mut client, _)) => break client.write_all(b"hello").expect("it reads"),
            Err(error) => println!("{error}"),
        }
    }
    waitpid(child, None).expect("our child");
}

/// Forks three times, and says how often that was refused.
fn fork_refused() {
    let mut refused = 0;
    for _ in 0..3 {
        // SAFETY: this program has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => exit(0),
            Ok(ForkResult::Parent { .. }) => (),
            Err(Errno::EAGAIN) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    while wait().is_ok() {}
    println!("{refused}");
}

/// A close that was not made has closed nothing.
fn close_fails() {
    let (mut reader, writer) = ends();
    // SAFETY: nobody else has this number, whether the call closes it or not: it is forgotten then.
    let closed = Errno::result(unsafe { libc::close(writer.as_raw_fd()) });
    assert_eq!(closed, Err(Errno::EIO));
    write(&writer, b"still open").expect("we read");
    assert_eq!(reader.read(&mut [0; 16]).expect("it can read"), 10);
}

/// The child writes three times, and its parent reads what is there.
fn three_writes() {
    let (mut reader, mut writer) = ends();
    let child = child(|| {
        for letter in [b'a', b'b', b'c'] {
            writer.write_all(&[letter]).expect("somebody reads");
        }
    });
    drop(writer);
    let mut buffer = [0; 8];
    let length = reader.read(&mut buffer).expect("it can read");
    println!("{}", String::from_utf8_lossy(&buffer[..length]));
    while reader.read(&mut buffer).expect("it can read") > 0 {}
    waitpid(child, None).expect("our child");
}

/// A thread takes the signal, and the first one, which holds it back as well, waits for that thread.
fn thread_takes() {
    let signals = SigSet::from(Signal::SIGUSR1);
    signals.thread_block().expect("it can be blocked");
    let thread = std::thread::spawn(move || signals.wait());
    let taken = thread.join().expect("it doesn't panic").expect("a signal comes");
    println!("{taken}");
}

/// Its handler makes the same call as the program.
fn handler_writes() {
    on(Signal::SIGUSR1, SigHandler::Handler(catch), SaFlags::empty());
    let (mut reader, mut writer) = ends();
    WAKE.store(writer.as_raw_fd(), Ordering::Relaxed);
    for letter in [b'a', b'b'] {
        writer.write_all(&[letter]).expect("we read");
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("it can read");
    println!("{text}");
}
