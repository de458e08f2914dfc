//! Who looks at /proc, or asks in vain: such a task sees how far others have come, so they go first.

use trace::Task;
use trace::call::Argument;

use crate::recording::Recording;
use crate::task::Call;

impl Call {
    /// Whether it says that nothing has happened yet, or gives the turn up by itself.
    pub(crate) fn asked_in_vain(&self, result: i64) -> bool {
        match self.name {
            "sched_yield" => true,
            "wait4" | "poll" | "ppoll" | "select" | "pselect6" | "epoll_wait" | "epoll_pwait" => {
                result == 0
            }
            "waitid" => result == 0 && self.args[3] & libc::WNOHANG as u64 != 0,
            _ => result == -i64::from(libc::EAGAIN),
        }
    }

    /// The path that it opens.
    fn opens(&self) -> Option<&str> {
        if !matches!(self.name, "open" | "openat" | "openat2") {
            return None;
        }
        self.arguments.iter().find_map(|argument| match argument {
            Argument::Path(path) => Some(path.as_str()),
            _ => None,
        })
    }
}

impl Recording<'_> {
    /// Whether a call is about to look at another task in /proc.
    pub(crate) fn looks_at_another(&self, task: Task, call: &Call) -> bool {
        let Some(path) = call.opens().and_then(|path| path.strip_prefix("/proc/P")) else {
            return false;
        };
        let whose = path.split('/').next().and_then(|number| number.parse().ok()).map(Task);
        whose.is_some_and(|whose| whose != task && self.tasks.contains_key(&whose))
    }

    /// Whether a call is about to read a file of /proc.
    pub(crate) fn reads_proc_file(&self, task: Task, call: &Call) -> bool {
        let Some(tracee) = self.tasks.get(&task) else { return false };
        let number = match call.name {
            "read" | "readv" | "pread64" | "preadv" | "splice" | "copy_file_range" => call.args[0],
            "sendfile" => call.args[1],
            _ => return false,
        };
        self.proc_files.contains(&(tracee.process, number as i32))
    }

    /// What stands in /proc is times and addresses, and another text each time: it is not shown.
    pub(crate) fn follow_proc_files(&mut self, task: Task, call: &mut Call, result: i64) {
        let Some(process) = self.tasks.get(&task).map(|tracee| tracee.process) else { return };
        if let Some(path) = call.opens() {
            let (file, in_proc) = ((process, result as i32), path.starts_with("/proc/"));
            if result >= 0 && in_proc {
                self.proc_files.insert(file);
            } else if result >= 0 {
                self.proc_files.remove(&file);
            }
        }
        let Some(&Argument::Descriptor(number)) = call.arguments.first() else { return };
        if call.name == "close" {
            self.proc_files.remove(&(process, number));
        } else if self.proc_files.contains(&(process, number)) {
            for argument in &mut call.arguments {
                if let Argument::Bytes(text, _) = argument {
                    text.clear();
                }
            }
        }
    }
}
