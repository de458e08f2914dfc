//! Who writes to a terminal and hears its own echo, and who waits at its other end.

use std::fs::File;
use std::io::{Read, Write};

use nix::pty::openpty;
use nix::sys::wait::waitpid;

/// A child reads lines at a terminal and answers; each line comes back as an echo before. The answers are no lines: the kernel makes two
/// pieces of a line and its end, and whether who sleeps at the other end gets up after the first is chance.
pub(crate) fn echoes() {
    let pty = openpty(None, None).expect("there is room for a terminal");
    let (mut keyboard, mut terminal) = (File::from(pty.master), File::from(pty.slave));
    let child = super::child(|| {
        for _ in 0..4 {
            _ = terminal.read(&mut [0; 8]).expect("somebody types");
            terminal.write_all(b"yes").expect("it is read");
        }
    });
    for _ in 0..4 {
        keyboard.write_all(b"well?\n").expect("it is read");
        let mut heard = Vec::new();
        while !heard.ends_with(b"yes") {
            let mut some = [0; 32];
            let number = keyboard.read(&mut some).expect("it is answered");
            heard.extend(&some[..number]);
        }
    }
    waitpid(child, None).expect("it is ours");
}
