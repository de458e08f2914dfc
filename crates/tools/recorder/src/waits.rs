//! What a call waits for: whether something can end the wait that nobody who is recorded does.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use nix::unistd::Pid;
use trace::call::Argument;

use crate::files;
use crate::recording::Recording;
use crate::task::{Call, State, Tracee};

impl Call {
    /// Whether it may have waited for another task's doing: then it is told after that.
    pub(crate) fn may_wait(&self) -> bool {
        !matches!(
            self.name,
            "write"
                | "writev"
                | "close"
                | "kill"
                | "tkill"
                | "tgkill"
                | "exit"
                | "exit_group"
                | "fork"
                | "clone"
                | "dup2"
                | "dup3"
                | "close_range"
                | "sendto"
                | "sendmsg"
                | "shutdown"
        )
    }

    /// Whether it has waited for time, and nothing but time: even where that went too fast to be seen.
    pub(crate) fn surely_slept(&self, result: i64) -> bool {
        let timed = self.waits_for_time();
        timed && (matches!(self.name, "nanosleep" | "clock_nanosleep") || result == 0)
    }

    /// Whether time alone ends it.
    fn waits_for_time(&self) -> bool {
        let timeout = match self.name {
            "poll" | "epoll_wait" | "epoll_pwait" => {
                let at = if self.name == "poll" { 2 } else { 3 };
                return matches!(self.arguments.get(at), Some(Argument::Number(1..)));
            }
            // Its operation is FUTEX_WAIT or FUTEX_WAIT_BITSET.
            "futex" => return matches!(self.args[1] & 0x7f, 0 | 9) && self.args[3] != 0,
            "semtimedop" | "mq_timedreceive" | "io_getevents" => return true,
            "nanosleep" => self.arguments.first(),
            "clock_nanosleep" | "ppoll" | "rt_sigtimedwait" => self.arguments.get(2),
            "epoll_pwait2" => self.arguments.get(3),
            "select" | "pselect6" => self.arguments.get(4),
            _ => None,
        };
        matches!(timeout, Some(Argument::Time(1..)))
    }

    /// The descriptors that it waits on.
    fn waits_on(&self) -> Vec<i32> {
        let mut numbers = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::Descriptor(number) => numbers.push(*number),
                Argument::Polled(polled) => {
                    numbers.extend(polled.iter().map(|&(number, ..)| number))
                }
                Argument::Set(set) => numbers.extend(set),
                _ => (),
            }
        }
        numbers
    }
}

impl Recording<'_> {
    /// Whether everybody sleeps, and nothing can wake them but what one of them would have to do.
    pub(crate) fn is_stuck(&self) -> bool {
        let asleep = |tracee: &Tracee| {
            matches!(tracee.state, State::Sleeps | State::Stopped | State::Ended)
                || tracee.kept.is_some()
        };
        self.tasks.values().all(asleep)
            && !self.processes.values().any(|process| process.alarm && !process.ended)
            && !self.tasks.values().any(|tracee| self.may_be_woken(tracee))
    }

    fn may_be_woken(&self, tracee: &Tracee) -> bool {
        let Some(call) = tracee.call.as_ref().filter(|_| tracee.state == State::Sleeps) else {
            return false;
        };
        call.waits_for_time()
            || call.waits_on().iter().any(|&number| self.comes_from_outside(tracee.pid, number))
    }

    /// Whether somebody who is not recorded, or time, can do something at the other end of this descriptor.
    fn comes_from_outside(&self, pid: Pid, number: i32) -> bool {
        let Some(leads_to) = files::leads_to(pid, number) else { return false };
        let is = |kind| leads_to.starts_with(kind);
        if is("pipe:") {
            self.inherited.contains(&leads_to)
        } else if is("socket:") {
            !self.paired.contains(&leads_to)
        } else if is("anon_inode:[eventpoll]") {
            watched(pid, number).iter().any(|&number| self.comes_from_outside(pid, number))
        } else if is("anon_inode:[timerfd]") {
            !info(pid, number).contains("it_value: (0, 0)")
        } else if is("anon_inode:") {
            is("anon_inode:inotify")
        } else {
            let path = format!("/proc/{pid}/fd/{number}");
            !fs::metadata(path).is_ok_and(|file| file.file_type().is_fifo())
        }
    }
}

/// What an epoll instance watches.
fn watched(pid: Pid, number: i32) -> Vec<i32> {
    let info = info(pid, number);
    let numbers = info.lines().filter_map(|line| line.strip_prefix("tfd:"));
    numbers.filter_map(|rest| rest.split_whitespace().next()?.parse().ok()).collect()
}

fn info(pid: Pid, number: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default()
}
