//! Whether somebody who is not recorded can end a wait.
//!
//! What has a name that anybody can find can be reached: a port, a path, the key of a message queue. What was made
//! without one can't, unless it was there before the program.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::sys::socket::{getsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::Pid;
use trace::call::Argument;

use crate::recording::Recording;
use crate::task::{Call, Tracee};
use crate::{borrow, files, locks, memory, peers, terminals};

/// The recorded processes, and what they hold, at one moment.
pub(crate) struct Outside<'a, 'r> {
    recording: &'a Recording<'r>,
    /// The inodes of all their sockets.
    sockets: HashSet<u64>,
}

impl<'a, 'r> Outside<'a, 'r> {
    pub(crate) fn of(recording: &'a Recording<'r>) -> Outside<'a, 'r> {
        let pids = || recording.tasks.values().map(|tracee| tracee.pid);
        let links = pids().flat_map(|pid| {
            files::open(pid).into_iter().filter_map(move |fd| files::leads_to(pid, fd))
        });
        let sockets = links.filter_map(|link| files::inode(&link)).collect();
        Outside { recording, sockets }
    }

    /// Whether somebody outside may end what a task waits for in a call, or a socket's own timeout.
    pub(crate) fn may_end(&self, call: &Call, tracee: &Tracee) -> bool {
        let pid = tracee.pid;
        match call.name {
            "flock" | "fcntl" => {
                let number = call.args[0] as i32;
                locks::are_held_outside(self.leader(tracee), pid, number, self.recording)
            }
            "open" | "openat" | "openat2" => opened(pid, call).is_none_or(|path| self.opens(&path)),
            "msgrcv" | "msgsnd" => has_a_key("msg", call.args[0]),
            "semop" | "semtimedop" => has_a_key("sem", call.args[0]),
            "connect" if self.connects_inside(call, pid) => false,
            "mq_timedreceive" | "mq_timedsend" => {
                !self.recording.options.alone && has_a_name(pid, call.args[0] as i32)
            }
            "io_uring_enter" => true,
            _ => {
                let numbers = call.waits_on();
                numbers.iter().any(|&number| self.may_come(pid, self.leader(tracee), number))
            }
        }
    }

    fn leader(&self, tracee: &Tracee) -> Pid {
        let process = self.recording.processes.get(&tracee.process);
        process.map_or(tracee.pid, |process| process.pid)
    }

    /// Whether somebody outside, or time, can do something at the other end of this descriptor.
    fn may_come(&self, pid: Pid, process: Pid, number: i32) -> bool {
        let Some(leads_to) = files::leads_to(pid, number) else { return false };
        let is = |kind| leads_to.starts_with(kind);
        if is("anon_inode:[eventpoll]") {
            return watched(pid, number).iter().any(|&number| self.may_come(pid, process, number));
        }
        if self.recording.inherited.contains(&leads_to) {
            // In a clean room nobody sits at the terminal.
            return !(self.recording.options.clean && is("/dev/pts/"));
        }
        if let Some(inode) = files::inode(&leads_to) {
            let paired = self.recording.paired.contains(&leads_to);
            let socket = borrow::borrow(process, number).ok();
            return socket.as_ref().is_some_and(has_a_timeout)
                || !(self.recording.options.alone
                    || paired
                    || socket.as_ref().is_some_and(borrow::has_no_port))
                    && peers::strangers_reach(pid, inode, &self.sockets);
        }
        match () {
            () if is("pipe:") || terminals::is_master(&leads_to) => false,
            () if let Some(index) = leads_to.strip_prefix(terminals::SLAVES) => {
                !self.has_master_of(index)
            }
            () if is("anon_inode:[timerfd]") => !is_a_still_timer(&info(pid, number)),
            () if is("anon_inode:[pidfd]") || is("pidfd:") => self.is_anothers(pid, number),
            () if is("anon_inode:[eventfd]") || is("anon_inode:[signalfd]") => false,
            () if is("anon_inode:") => true,
            () => self.opens(&format!("/proc/{pid}/fd/{number}")),
        }
    }

    /// Whether somebody who is recorded plays the keyboard of a terminal.
    fn has_master_of(&self, index: &str) -> bool {
        let pids = self.recording.tasks.values().map(|tracee| tracee.pid);
        let mut all = pids.flat_map(|pid| files::open(pid).into_iter().map(move |fd| (pid, fd)));
        all.any(|(pid, fd)| {
            files::leads_to(pid, fd).is_some_and(|path| terminals::is_master(&path))
                && info(pid, fd).lines().any(|line| {
                    line.strip_prefix("tty-index:").is_some_and(|found| found.trim() == index)
                })
        })
    }

    /// Whether the process behind a pidfd lives and is not recorded.
    fn is_anothers(&self, pid: Pid, number: i32) -> bool {
        let info = info(pid, number);
        behind_pidfd(&info)
            .is_none_or(|whose| whose != REAPED && !self.recording.by_pid.contains_key(&whose))
    }

    /// Whether a file is one whose other end may be opened by others: not a FIFO that the program has made.
    fn opens(&self, path: &str) -> bool {
        fs::metadata(path).map_or(true, |file| {
            let made = self.recording.fifos.contains(&(file.dev(), file.ino()));
            !file.file_type().is_fifo()
                || !made && file.nlink() > 0 && !self.recording.options.alone
        })
    }

    /// Whether a call waits for one who is recorded to take its connection: on a Unix socket.
    fn connects_inside(&self, call: &Call, pid: Pid) -> bool {
        let Some(Argument::Address(address)) = call.arguments.get(1) else { return false };
        !peers::is_a_strangers(pid, address, &self.sockets)
    }
}

/// Whether a wait on a socket ends by itself: SO_RCVTIMEO, SO_SNDTIMEO.
pub(crate) fn has_a_timeout(socket: &OwnedFd) -> bool {
    let timeouts =
        [getsockopt(socket, sockopt::ReceiveTimeout), getsockopt(socket, sockopt::SendTimeout)];
    timeouts.into_iter().flatten().any(|time| time > TimeVal::zero())
}

/// The file that a call opens, as the recorder can find it.
fn opened(pid: Pid, call: &Call) -> Option<String> {
    match call.name {
        "open" => found(pid, libc::AT_FDCWD, call.args[0]),
        _ => found(pid, call.args[0] as i32, call.args[1]),
    }
}

/// The path to what a task calls by a name that stands in its memory.
pub(crate) fn found(pid: Pid, folder: i32, name: u64) -> Option<String> {
    let name = memory::string(pid, name)?;
    Some(match folder {
        _ if name.starts_with('/') => format!("/proc/{pid}/root{name}"),
        libc::AT_FDCWD => format!("/proc/{pid}/cwd/{name}"),
        folder => format!("/proc/{pid}/fd/{folder}/{name}"),
    })
}

/// Whether a System V object has a name: a key by which any process finds it.
fn has_a_key(kind: &str, id: u64) -> bool {
    let Ok(all) = fs::read_to_string(format!("/proc/sysvipc/{kind}")) else { return true };
    let of = |line: &str| {
        let mut words = line.split_whitespace();
        let key: i64 = words.next()?.parse().ok()?;
        (words.next()?.parse() == Ok(id)).then_some(key != 0) // IPC_PRIVATE
    };
    all.lines().find_map(of).unwrap_or(true)
}

/// Whether a POSIX message queue can be found by its name: it was not unlinked.
fn has_a_name(pid: Pid, number: i32) -> bool {
    files::leads_to(pid, number).is_none_or(|name| !name.ends_with(" (deleted)"))
}

/// Whether a timer will not expire, and has not: one that has expired in this moment wakes its reader.
fn is_a_still_timer(info: &str) -> bool {
    let says = |line: &str| info.lines().any(|it| it.trim() == line);
    says("it_value: (0, 0)") && says("ticks: 0")
}

/// What an epoll instance watches.
fn watched(pid: Pid, number: i32) -> Vec<i32> {
    let info = info(pid, number);
    let numbers = info.lines().filter_map(|line| line.strip_prefix("tfd:"));
    numbers.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
}

/// Stands in fdinfo where a pid was, once its process is reaped (the kernel's `pidfd_show_fdinfo`).
const REAPED: Pid = Pid::from_raw(-1);

/// Whom a pidfd stands for, by what /proc says of it.
pub(crate) fn behind_pidfd(info: &str) -> Option<Pid> {
    let whose = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    whose.map(Pid::from_raw)
}

pub(crate) fn info(pid: Pid, number: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_has_just_expired_wakes_its_reader() {
        let info = |ticks, value| {
            format!(
                "pos:\t0\nclockid: 1\nticks: {ticks}\nit_value: ({value}, 0)\nit_interval: (0, 0)\n"
            )
        };
        assert!(is_a_still_timer(&info(0, 0)));
        assert!(!is_a_still_timer(&info(1, 0)));
        assert!(!is_a_still_timer(&info(0, 5)));
    }
}
