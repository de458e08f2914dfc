//! Says on which lines it asks for its parent: the recorder must know that by itself.

use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getppid};

mod inner {
    use nix::unistd::getppid;

    pub(crate) fn asks() -> u32 {
        let ask = || (getppid(), line!()).1;
        // Through a function of std's.
        Some(()).map(|()| ask()).unwrap_or_default()
    }
}

extern "C" fn asks(_: libc::c_int) {
    let _ = getppid();
}

fn main() {
    let mut told = vec![(getppid(), line!()).1, inner::asks()];
    told.push(thread::spawn(|| (getppid(), line!()).1).join().expect("it doesn't panic"));
    if std::env::args().nth(1).is_none() {
        // SAFETY: the thread has ended.
        match unsafe { fork() }.expect("there is room for a process") {
            ForkResult::Child => exit(((getppid(), line!()).1 & 0xff) as i32),
            ForkResult::Parent { child } => _ = waitpid(child, None),
        }
        println!("{told:?}");
        panic!("{}", Command::new("/proc/self/exe").arg("again").exec());
    }
    let action = SigAction::new(SigHandler::Handler(asks), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler makes one call, which it may.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("it can be caught");
    raise(Signal::SIGUSR1).expect("it may");
    println!("{told:?}");
}
