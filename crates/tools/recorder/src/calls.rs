//! Calls: how they are told, and what follows from them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::unistd::Pid;
use trace::call::{self, Argument};
use trace::event::{Outcome, Status, What};
use trace::{Call as Form, Task};

use crate::decode::Reader;
use crate::recording::Recording;
use crate::signals::sends;
use crate::task::Call;
use crate::{borrow, files, futexes, memory, normal, numbers, outside, pointed};

/// From ERESTARTSYS to ERESTART_RESTARTBLOCK: the kernel's own codes, which only a tracer sees.
const INTERRUPTED: [i64; 4] = [-512, -513, -514, -516];
/// The largest number that means an error.
const ERRORS: i64 = 4095;
/// What a signalfd tells of one signal has this size.
const SIGNALFD_INFO: i64 = size_of::<libc::signalfd_siginfo>() as i64;
/// Who gives its turn up so often, and does nothing else, waits that way. A few times are no news, as `std` does it for a lock.
const YIELDS: u32 = 100;
/// In a siginfo_t for SIGCHLD: that the child has ended, and its id.
const CLD_ENDED: std::ops::RangeInclusive<i32> = libc::CLD_EXITED..=libc::CLD_DUMPED;

impl Recording<'_> {
    pub(crate) fn enters(&mut self, task: Task, number: u64, args: [u64; 6]) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let pid = tracee.pid;
        let raw = numbers::name(number).unwrap_or("unknown");
        // What a signal has interrupted goes on under another name.
        let again = tracee.interrupted.take().filter(|_| raw == "restart_syscall");
        let mut call = again.unwrap_or_else(|| decode(pid, &self.names, raw, args));
        let form =
            call::called(raw).is_some() || raw == "restart_syscall" && !call.kinds.is_empty();
        let in_handler = tracee.handlers > 0;
        let belongs = tracee.prologue.goes_on_with(raw, form, &args) && !call.fills_a_gap();
        // In a handler each call matters: few are allowed there.
        call.told =
            (form && !belongs || in_handler || self.options.all) && call.name != "rt_sigreturn";
        tracee.yields = if raw == "sched_yield" { tracee.yields + 1 } else { 0 };
        call.told |= tracee.yields > YIELDS;
        call.slept = false;
        let counts = (self.options.all || !belongs)
            && raw != "restart_syscall"
            && call.name != "rt_sigreturn";
        if counts && self.steps_back(task, &mut call) {
            return;
        }
        call.told |= self.is_to_change(task, &call);
        if call.told {
            let (name, arguments) = (call.name.to_string(), call.arguments.clone());
            let line = self.line(task);
            self.tell(task, What::Enter { name, arguments, line });
        }
        self.connects(task, pid, &call);
        self.may_kill(task, &call);
        self.changes(task, &mut call);
        if self.looks_at_another(task, &call) {
            self.turns.give_up(task);
        }
        if call.sends_to_many() {
            self.forget_taken_signals();
        }
        self.shows_processors(task, &call);
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.call = Some(call);
        }
    }

    pub(crate) fn leaves(&mut self, task: Task, result: i64) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let pid = tracee.pid;
        // None: a new task, or a new program.
        let Some(mut call) = tracee.call.take() else { return };
        if let Some(changed) = call.changed.take() {
            changed.put_back(pid);
        }
        if INTERRUPTED.contains(&result) {
            tracee.interrupted = Some(call.clone());
        }
        if call.name == "rt_sigreturn" {
            return self.tell(task, What::HandlerReturns);
        }
        let reader = Reader { pid, names: &self.names };
        reader.leave(call.kinds, &call.args, result, &mut call.arguments);
        if call.name == "recvmsg" && result >= 0 {
            call.arguments.extend(reader.whose_message(call.args[1]));
        }
        if call.name == "recvmmsg" && result > 0 {
            let text = reader.text_of_messages(&call.arguments[1], call.args[1]);
            call.arguments.extend(text);
            call.arguments.extend(reader.passed_with_messages(result as u64, call.args[1]));
        }
        if call.name == "bind" && result == 0 {
            self.tell_chosen_port(task, pid, &mut call);
        }
        if call.name == "ioctl" && call.args[1] as libc::Ioctl == libc::TIOCGPTPEER && result >= 0 {
            let path = files::leads_to(pid, result as i32);
            call.arguments.extend(path.map(|path| Argument::Path(self.names.in_text(&path))));
        }
        self.follow_proc_files(task, &mut call, result);
        self.has_connected(task, pid, &call, result);
        self.tell_client(task, pid, &call, result);
        let result_told = self.outcome(&call, result);
        let interrupted = INTERRUPTED.contains(&result) || result == -i64::from(libc::EINTR);
        let has_slept = call.surely_slept(result)
            || interrupted && !call.slept && self.waited_for_a_timer(task, &call);
        if call.told && !call.slept && !call.skipped && has_slept {
            self.tell(task, What::Sleeps);
        }
        if call.told {
            let (name, arguments) = (call.name.to_string(), call.arguments.clone());
            self.tell(task, What::Leave { name, result: result_told, arguments });
        }
        self.is_over(task, &call);
        self.has_killed(task, result == 0);
        if call.asked_in_vain(result) {
            self.turns.give_up(task);
        }
        if !(-ERRORS..0).contains(&result) && !INTERRUPTED.contains(&result) {
            self.follows(task, pid, &call, result);
        }
    }

    /// The task sleeps in its call. One that was not told until now is told then.
    pub(crate) fn tell_sleep(&mut self, task: Task) {
        let Some(call) = self.tasks.get_mut(&task).and_then(|tracee| tracee.call.as_mut()) else {
            return;
        };
        if std::mem::replace(&mut call.slept, true) {
            return;
        }
        if !std::mem::replace(&mut call.told, true) {
            let (name, arguments) = (call.name.to_string(), call.arguments.clone());
            self.tell(task, What::Enter { name, arguments, line: None });
        }
        self.tell(task, What::Sleeps);
    }

    fn outcome(&self, call: &Call, result: i64) -> Outcome {
        if INTERRUPTED.contains(&result) {
            return Outcome::Interrupted;
        }
        if (-ERRORS..0).contains(&result) {
            return Outcome::Error(format!("{:?}", Errno::from_raw(-result as i32)));
        }
        match call::called(call.name) {
            Some(Form { returns_task: true, .. }) if result > 0 => {
                Outcome::Task(self.names.task(Pid::from_raw(result as i32)))
            }
            _ => Outcome::Value(result),
        }
    }

    /// Who asks for port 0 gets one that the system chooses: without it, nobody could say who connects here.
    fn tell_chosen_port(&self, task: Task, pid: Pid, call: &mut Call) {
        let process = self.tasks.get(&task).and_then(|tracee| self.processes.get(&tracee.process));
        if let Some(Argument::Address(address)) = call.arguments.get_mut(1)
            && address.ends_with(":0")
            && let Some(process) = process
            && let Some(chosen) = borrow::bound_to(process.pid, pid, call.args[0] as i32)
        {
            *address = self.names.of_chosen(&chosen);
        }
    }

    /// A FIFO, perhaps: nobody else knows of it.
    fn has_made(&mut self, path: Option<String>) {
        let file = path.and_then(|path| fs::metadata(path).ok());
        self.fifos.extend(file.map(|file| (file.dev(), file.ino())));
    }

    /// What follows from a call that has succeeded.
    fn follows(&mut self, task: Task, pid: Pid, call: &Call, result: i64) {
        let process = self.tasks.get(&task).map(|tracee| tracee.process);
        match call.name {
            "wait4" if result > 0 => {
                let still_there = call.arguments.get(1).is_some_and(|argument| {
                    matches!(argument, Argument::Signal(_)) // stopped, or continued
                });
                if !still_there {
                    self.reaped(Pid::from_raw(result as i32), task);
                }
            }
            "waitid" if call.args[3] & libc::WNOWAIT as u64 != 0 => (),
            "waitid" if call.args[2] == 0 => self.has_reaped_somebody(task),
            "waitid" => {
                let field = |offset| memory::int(pid, call.args[2] + offset).unwrap_or_default();
                if CLD_ENDED.contains(&field(8)) {
                    self.reaped(Pid::from_raw(field(16)), task);
                }
            }
            name if sends(name) => self.has_sent(task, call),
            "write" | "writev" => self.has_written_to_terminal(pid, call),
            "unshare" | "setns" => self.may_be_nested = true,
            "seccomp" => {
                self.may_be_asked |= call.args[1] & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
            }
            "rt_sigtimedwait" => self.has_taken(task, result),
            // It may have been from a signalfd.
            "read" if result > 0 && result % SIGNALFD_INFO == 0 => self.forget_taken_signals(),
            "socketpair" => {
                if let Some(Argument::Descriptors(pair)) = call.arguments.get(3) {
                    self.paired.extend(pair.iter().filter_map(|&fd| files::leads_to(pid, fd)));
                }
            }
            "rt_sigaction" if call.args[0] == libc::SIGCHLD as u64 && call.args[1] != 0 => {
                if let Some(process) = process.and_then(|process| self.processes.get_mut(&process))
                {
                    process.never_waits = call.flags & libc::SA_NOCLDWAIT as u64 != 0;
                }
            }
            "alarm" | "setitimer" | "timer_settime" | "timer_delete" => {
                if let Some(process) = process.and_then(|process| self.processes.get_mut(&process))
                {
                    process.timers.follow(pid, call);
                }
            }
            "mknod" => self.has_made(outside::found(pid, libc::AT_FDCWD, call.args[0])),
            "mknodat" => {
                self.has_made(outside::found(pid, call.args[0] as i32, call.args[1]));
            }
            _ => (),
        }
    }
}

fn decode(pid: Pid, names: &crate::names::Names, raw: &'static str, mut args: [u64; 6]) -> Call {
    let peek = |address| memory::long(pid, address);
    let flags = normal::clone_flags(raw, &args, peek);
    let name = flags.map_or(raw, normal::maker);
    if let Some(flags) = flags {
        // Where a pidfd is to be put: clone has that as its third argument.
        if raw == "clone3" {
            args[2] = peek(args[0] + 8).unwrap_or_default();
        }
        args[0] = flags;
    }
    let kinds = call::called(if flags.is_some() { name } else { raw })
        .map_or(&[][..], |form| form.arguments);
    let reader = Reader { pid, names };
    let mut arguments = reader.enter(kinds, &args);
    if raw == "sendmsg" {
        arguments.extend(reader.whose_message(args[1]));
    }
    if raw == "sendmmsg" {
        let text = reader.text_of_messages(&arguments[1], args[1]);
        arguments.extend(text);
        arguments.extend(reader.passed_with_messages(args[2], args[1]));
    }
    pointed::named_pipe(pid, raw, &args, &mut arguments);
    normal::tidy(raw, &args, &mut arguments);
    pointed::by_request(pid, raw, &args, &mut arguments);
    if raw == "futex"
        && let Some(found) = futexes::id_there(pid, &args, names)
        && let Some(value) = arguments.get_mut(2)
    {
        *value = found;
    }
    let name = normal::call(name, &args, &mut arguments, normal::NEWER_ONLY, peek);
    let action_flags = (raw == "rt_sigaction" && args[1] != 0).then(|| peek(args[1] + 8)).flatten();
    let flags = flags.or(action_flags).unwrap_or_default();
    Call {
        name,
        kinds,
        args,
        arguments,
        flags,
        told: false,
        slept: false,
        nth: 0,
        anew: false,
        skipped: false,
        changed: None,
    }
}

impl Recording<'_> {
    /// A task is gone: forgets it, and tells its end if that was not told yet.
    pub(crate) fn gone(&mut self, task: Task, status: Status) {
        let process = self.tasks.get(&task).map(|tracee| tracee.process);
        let is_first = self.is_first(task);
        self.forget(task, status);
        let Some(process) = process else { return };
        if process == Task(1) && (is_first || self.status.is_none()) {
            self.status = Some(status);
        }
        if !self.tasks.values().any(|tracee| tracee.process == process) {
            self.process_ended(process);
        }
    }
}
