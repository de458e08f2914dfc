//! How whoever has started the recorder ends it.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{self, SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The signal that ends the recording; 0: none has come.
pub(crate) static SIGNAL: AtomicI32 = AtomicI32::new(0);
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
/// How many times a key may still be pressed that sends a signal to all: the first one is the program's.
static KEYS: AtomicI32 = AtomicI32::new(1);

/// Ctrl-C and Ctrl-\ go to the program too, which decides; the recorder ends after it, and ends it if the key
/// is pressed again. What is sent to the recorder alone ends both. Handlers, since what is ignored would
/// stay so in the program.
pub(crate) fn hear(alone: bool) {
    extern "C" fn end(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: with SA_SIGINFO, the kernel gives the handler a siginfo_t.
        let by_a_key = unsafe { (*info).si_code } > 0 && signal != libc::SIGTERM;
        if !by_a_key || KEYS.fetch_sub(1, Ordering::Relaxed) <= 0 {
            SIGNAL.store(signal, Ordering::Relaxed);
        }
    }
    if alone {
        KEYS.store(0, Ordering::Relaxed); // the program has another terminal
    }
    let flags = SaFlags::SA_RESTART | SaFlags::SA_SIGINFO;
    let action = SigAction::new(SigHandler::SigAction(end), flags, SigSet::empty());
    for signal in SIGNALS {
        // SAFETY: the handler stores numbers only. Were it refused, the recorder would end at once, and
        // the program with it.
        _ = unsafe { sigaction(signal, &action) };
    }
}

/// The program has ended: what is still to be drawn of it may take long, and nobody has to wait for that.
pub(crate) fn let_through() {
    for signal in SIGNALS {
        // SAFETY: no handler is set, but one taken away.
        _ = unsafe { signal::signal(signal, SigHandler::SigDfl) };
    }
}
