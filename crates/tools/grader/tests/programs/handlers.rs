//! Programs with a handler of SIGUSR1, right ones and wrong ones.

use nix::poll::ppoll;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, kill, raise, sigaction, sigprocmask,
};
use nix::sys::time::TimeSpec;
use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork, getpid, getppid, pause, pipe, read, write};
use std::hint::black_box;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static CAUGHT: AtomicBool = AtomicBool::new(false);
static LIST: Mutex<Vec<u8>> = Mutex::new(Vec::new());

extern "C" fn notes(_: libc::c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
}

extern "C" fn prints(_: libc::c_int) {
    println!("caught");
}

extern "C" fn allocates(_: libc::c_int) {
    drop(black_box(Box::new(1)));
}

extern "C" fn locks(_: libc::c_int) {
    drop(LIST.lock());
}

extern "C" fn asks_on(_: libc::c_int) {
    while getppid() != getpid() {}
}

extern "C" fn computes(_: libc::c_int) {
    loop {
        std::hint::spin_loop();
    }
}

extern "C" fn leaves(_: libc::c_int) {
    // SAFETY: it returns to nobody.
    unsafe { libc::_exit(0) }
}

/// Sets a handler, and prints a line, in the middle of which the signal may come.
pub(crate) fn prints_with(handler: &str) {
    set(handler);
    let _held = LIST.lock().expect("nobody panics");
    println!("ready");
}

/// Sets a handler, and sleeps.
pub(crate) fn sleeps_with(handler: &str) -> ! {
    set(handler);
    loop {
        pause();
    }
}

fn set(handler: &str) {
    match handler {
        "notes" => on(notes, SaFlags::empty()),
        "prints" => on(prints, SaFlags::empty()),
        "allocates" => on(allocates, SaFlags::empty()),
        "locks" => on(locks, SaFlags::empty()),
        "leaves" => on(leaves, SaFlags::empty()),
        "asks-on" => on(asks_on, SaFlags::empty()),
        "computes" => on(computes, SaFlags::empty()),
        other => panic!("no handler {other:?}"),
    }
}

/// Waits for the signal, in a way that depends on the name.
pub(crate) fn waits_by(way: &str) {
    let flags = if way == "restarts" { SaFlags::SA_RESTART } else { SaFlags::empty() };
    on(notes, flags);
    let (reader, _writer) = pipe().expect("pipe");
    let signal = SigSet::from(Signal::SIGUSR1);
    let mut before = SigSet::empty();
    if ["suspends", "blocks", "unblocks", "ppolls"].contains(&way) {
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signal), Some(&mut before))
            .expect("it can be blocked");
    }
    write(io::stdout(), b"ready\n").expect("somebody reads");
    if ["restarts", "asks-again", "ppolls"].contains(&way) {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }.expect("fork") {
            kill(getppid(), Signal::SIGUSR1).expect("our parent");
            std::process::exit(0);
        }
    }
    while !CAUGHT.load(Ordering::Relaxed) {
        match way {
            "suspends" => before.suspend().expect("a signal ends it"),
            "pauses" | "blocks" => pause(),
            "ppolls" => drop(ppoll(&mut [], Some(TimeSpec::new(60, 0)), Some(before))),
            "unblocks" => {
                before.thread_set_mask().expect("it was the mask");
                pause();
            }
            "restarts" => drop(read(&reader, &mut [0])),
            "asks-again" => while read(&reader, &mut [0]).is_err() {},
            other => panic!("no way {other:?}"),
        }
    }
}

static WRITER: AtomicI32 = AtomicI32::new(-1);

fn write_to_the_pipe(bytes: &[u8]) {
    // SAFETY: reads what the slice says.
    unsafe { libc::write(WRITER.load(Ordering::Relaxed), bytes.as_ptr().cast(), bytes.len()) };
}

extern "C" fn wakes(_: libc::c_int) {
    write_to_the_pipe(b"!");
}

extern "C" fn wakes_loudly(_: libc::c_int) {
    write_to_the_pipe(b"!!");
}

/// Has a handler that writes into a pipe, and a signal, in a way that depends on the name.
pub(crate) fn has_a_self_pipe(way: &str) {
    let (reader, writer) = pipe().expect("pipe");
    let number = if way == "wrong-end" { reader.as_raw_fd() } else { writer.as_raw_fd() };
    WRITER.store(number, Ordering::Relaxed);
    on(if way == "two-bytes" { wakes_loudly } else { wakes }, SaFlags::empty());
    if way == "closed" {
        drop(writer);
    }
    // SAFETY: this program has one thread.
    if way == "inherited" && !unsafe { fork() }.expect("fork").is_child() {
        wait().expect("our child");
        return;
    }
    raise(Signal::SIGUSR1).expect("ourselves");
}

fn on(handler: extern "C" fn(libc::c_int), flags: SaFlags) {
    let action = SigAction::new(SigHandler::Handler(handler), flags, SigSet::empty());
    // SAFETY: some of them do what a handler must not, and that is what they are for.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("it can be caught");
}
