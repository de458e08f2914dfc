//! What a program tried to do to others, in words.

use crate::supervisor::Attempt;
use nix::unistd::Pid;

/// Whom a program may have aimed at.
pub(crate) struct Around {
    pub(crate) supervisor: Pid,
    pub(crate) test: Pid,
}

impl Around {
    /// A sentence a kind of attempt, in the order in which they were made.
    pub(crate) fn tell(&self, attempts: &[Attempt]) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        let mut more = 0;
        for attempt in attempts {
            let sentence = self.sentence(*attempt);
            if told.contains(&sentence) {
                continue;
            }
            if told.len() < 5 {
                told.push(sentence);
            } else {
                more += 1;
            }
        }
        if more > 0 {
            told.push(format!("… and {more} more of the kind"));
        }
        told
    }

    fn sentence(&self, (call, argument): Attempt) -> String {
        let what = match libc::c_long::from(call) {
            libc::SYS_kill => format!("called kill({argument}, …): {}", self.whom(argument)),
            libc::SYS_tkill | libc::SYS_tgkill => {
                format!("called tgkill({argument}, …): {}", self.whom(argument))
            }
            libc::SYS_rt_sigqueueinfo | libc::SYS_rt_tgsigqueueinfo => {
                format!("called sigqueue({argument}, …): {}", self.whom(argument))
            }
            libc::SYS_pidfd_open => {
                format!("called pidfd_open({argument}, …): {}", self.whom(argument))
            }
            libc::SYS_prlimit64 => {
                format!("called prlimit({argument}, …): {}", self.whom(argument))
            }
            libc::SYS_fcntl => {
                "sent a descriptor's signals to a process that is not its own".into()
            }
            libc::SYS_sched_setaffinity
            | libc::SYS_sched_setattr
            | libc::SYS_sched_setparam
            | libc::SYS_sched_setscheduler => {
                format!("changed how {argument} is scheduled: {}", self.whom(argument))
            }
            libc::SYS_setpriority | libc::SYS_ioprio_set => {
                format!("changed the priority of {argument}: {}", self.whom(argument))
            }
            libc::SYS_pidfd_send_signal => {
                "sent a signal by a descriptor that leads to no process of its own".into()
            }
            libc::SYS_ptrace => "tried to trace another process by ptrace(2)".into(),
            libc::SYS_process_vm_writev => "tried to write to another process's memory".into(),
            libc::SYS_pidfd_getfd => "tried to take a descriptor from another process".into(),
            libc::SYS_ioctl if argument == libc::TIOCSTI as i32 => {
                "tried to type at a terminal by ioctl(TIOCSTI)".into()
            }
            libc::SYS_ioctl => "sent a socket's signals to a process by ioctl(2)".into(),
            libc::SYS_io_uring_setup => "set up io_uring, whose calls nobody can look at".into(),
            libc::SYS_userfaultfd => "asked to serve page faults itself by userfaultfd(2)".into(),
            libc::SYS_shmget | libc::SYS_msgget | libc::SYS_semget | libc::SYS_mq_open => {
                "made a queue, semaphores or shared memory that would outlive it".into()
            }
            libc::SYS_add_key | libc::SYS_keyctl | libc::SYS_request_key => {
                "asked for the keys of its user's session".into()
            }
            libc::SYS_memfd_create | libc::SYS_memfd_secret => {
                "made more files of memory than it may".into()
            }
            libc::SYS_socket => "opened a socket, and this run has no network".into(),
            _ => format!("made system call {call}"),
        };
        format!("the program {what}; it was refused")
    }

    fn whom(&self, target: i32) -> String {
        if target == -1 {
            return "that is everybody whom it may signal".into();
        }
        let group = if target < 0 { "the group of " } else { "" };
        let pid = target.saturating_abs();
        if pid == self.supervisor.as_raw() {
            format!("{group}the process that watches over it")
        } else if pid == self.test.as_raw() {
            format!("{group}the test that runs it")
        } else {
            format!("{group}a process that is not its own")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_told_once_each_and_counted_after_five() {
        let around = Around { supervisor: Pid::from_raw(70), test: Pid::from_raw(60) };
        let kill = libc::SYS_kill as i32;
        let told = around.tell(&[(kill, -1), (kill, -1), (kill, 70), (kill, -60)]);
        assert_eq!(
            told,
            [
                "the program called kill(-1, …): that is everybody whom it may signal; it was refused",
                "the program called kill(70, …): the process that watches over it; it was refused",
                "the program called kill(-60, …): the group of the test that runs it; it was refused",
            ]
        );
        let many: Vec<Attempt> = (100..200).map(|pid| (kill, pid)).collect();
        assert_eq!(
            around.tell(&many).last().map(String::as_str),
            Some("… and 95 more of the kind")
        );
    }
}
