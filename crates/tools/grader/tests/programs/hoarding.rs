//! Hostile scenes that hoard what is no process's memory, and ask for what is an administrator's.

use super::reaching::call;
use super::{scratch, told};
use libc::{c_int, c_long};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::{pipe2, write};
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

/// Plays the scene of that name; whether there is one.
pub(crate) fn play(scene: &str) -> bool {
    match scene {
        "socket-buffers" => {
            let pairs = std::iter::from_fn(|| {
                let (one, other) = UnixStream::pair().ok()?;
                one.set_nonblocking(true).ok()?;
                other.set_nonblocking(true).ok()?;
                Some([OwnedFd::from(one), OwnedFd::from(other)])
            });
            hoard("socket pairs", pairs);
        }
        "pipe-buffers" => {
            let pipes = std::iter::from_fn(|| {
                let (reader, writer) = pipe2(OFlag::O_NONBLOCK).ok()?;
                let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(1 << 20));
                Some([writer, reader])
            });
            hoard("pipes", pipes);
        }
        "terminals" => {
            let open = || File::options().read(true).write(true).open("/dev/ptmx");
            let mut terminals = Vec::new();
            while let Ok(terminal) = open() {
                terminals.push(terminal);
            }
            println!("{} terminals, and then: {:?}", terminals.len(), Errno::last());
        }
        // Each leads to itself only: nobody can close what nobody can receive.
        "in-flight" => {
            let mut pairs = 0;
            while flies() {
                pairs += 1;
            }
            println!("{pairs} pairs in flight, and then: {:?}", Errno::last());
        }
        "administrators" => administrators(),
        "unkillable" => told("open", std::fs::write("/proc/self/oom_score_adj", "-1000")),
        "locks" => {
            let file = File::create(scratch("locked")).expect("create");
            call(
                "lease",
                libc::SYS_fcntl,
                [file.as_raw_fd().into(), libc::F_SETLEASE.into(), libc::F_WRLCK.into(), 0],
            );
            told("lock", file.lock());
        }
        _ => return false,
    }
    true
}

/// Sends both ends of a pair through themselves, and drops them.
fn flies() -> bool {
    let Ok((one, other)) = UnixStream::pair() else { return false };
    let fds = [one.as_raw_fd(), other.as_raw_fd()];
    let sent = |fd| {
        let (text, rights) = ([IoSlice::new(b"x")], [ControlMessage::ScmRights(&fds)]);
        sendmsg::<()>(fd, &text, &rights, MsgFlags::empty(), None).is_ok()
    };
    fds.into_iter().all(sent)
}

/// Fills what it is given, and says how much that takes.
fn hoard<F: AsFd>(what: &str, from: impl Iterator<Item = [F; 2]>) {
    let (mut all, mut bytes) = (Vec::new(), 0);
    for both in from {
        for fd in &both {
            while let Ok(count) = write(fd, &[1; 4096]) {
                bytes += count;
            }
        }
        all.push(both);
    }
    println!("{} {what} hold {} MiB", all.len(), bytes >> 20);
}

fn administrators() {
    let mut event = [0u8; 128];
    event[4] = 128; // its size
    let event = &raw const event as c_long;
    // Of all processes, on the first processor.
    call("perf", libc::SYS_perf_event_open, [event, -1, 0, -1]);
    call("bpf", libc::SYS_bpf, [5, event, 128, 0]);
    call("fanotify", libc::SYS_fanotify_init, [0, 0, 0, 0]);
    call("module", libc::SYS_init_module, [event, 128, event, 0]);
    call("acct", libc::SYS_acct, [0, 0, 0, 0]);
    call("syslog", libc::SYS_syslog, [5, 0, 0, 0]);
    call("swapoff", libc::SYS_swapoff, [event, 0, 0, 0]);
    let nothing: c_int = 0;
    call("chroot", libc::SYS_chroot, [&raw const nothing as c_long, 0, 0, 0]);
}
