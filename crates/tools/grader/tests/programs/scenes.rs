//! The hostile programs' scenes, and what is expected of each.

/// What is expected of a scene: how its run ends, and a text in what is told about it.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) exit: &'static [&'static str],
    pub(crate) told: &'static str,
}

impl Scene {
    /// In seconds: a gigabyte is not touched in one, nor are all buffers filled on a slow machine, or 40 000 calls asked about.
    pub(crate) fn timeout(&self) -> &'static str {
        const LONG: [&str; 5] =
            ["memory", "memory-in-ten", "socket-buffers", "pipe-buffers", "kill-every-pid"];
        if LONG.contains(&self.name) { "15" } else { "1" }
    }
}

const fn scene(name: &'static str, exit: &'static [&'static str], told: &'static str) -> Scene {
    Scene { name, exit, told }
}

pub(crate) const SCENES: &[Scene] = &[
    scene("fork-bomb", &["deadline"], "it has as many processes as it may"),
    scene("setsid-bomb", &["deadline"], "it has as many processes as it may"),
    scene("thread-bomb", &["deadline"], "it has as many processes as it may"),
    scene("kill-everybody", &["code 0"], "kill(-1, …): that is everybody"),
    scene("kill-parent", &["code 0"], "the process that watches over it"),
    scene("kill-parents-group", &["code 0"], "the program called kill(-"),
    scene("kill-every-pid", &["code 0"], "called kill(1, …)"),
    scene("limit-parent", &["code 0"], "the process that watches over it"),
    scene("own-signals", &["code 0"], ""),
    scene("daemon", &["code 0"], "is still alive"),
    scene("endless-output", &["output"], "ended for writing too much"),
    scene("deaf", &["deadline"], "is blocked in"),
    scene("spin", &["deadline"], "is running, after"),
    scene("vfork-hang", &["deadline"], "is blocked in clone(2)"),
    scene("stop", &["deadline"], "is stopped by a signal"),
    scene("descriptors", &["code 0"], "1021 descriptors"),
    scene("big-file", &["signal 25"], "was killed by SIGXFSZ"),
    scene("many-files", &["code 0", "deadline"], ""),
    scene("closed-folder", &["code 0"], ""),
    scene("memory", &["memory", "signal 6"], "memory"),
    scene("memory-in-ten", &["memory"], "ended for using too much memory"),
    scene("terminal", &["code 0"], "tcsetpgrp: "),
    scene("parent-memory", &["code 0"], "open: Permission denied"),
    scene("attach", &["code 0"], "tried to trace another process"),
    scene("seize", &["code 0"], "tried to trace another process"),
    scene("delete", &["code 0"], "unlink: "),
    scene("write-outside", &["code 0"], "open: "),
    scene("append-outside", &["code 0"], "open: "),
    scene("take-port", &["code 0"], "opened a socket, and this run has no network"),
    scene("close-descriptors", &["code 0"], "exited with code 0"),
    scene("forge", &["code 3"], "test result: ok"),
    scene("exit-early", &["code 0"], "is still alive"),
    scene("kill-by-descriptor", &["code 0"], "by a descriptor that leads to no process of its own"),
    scene("take-descriptor", &["code 0"], "called pidfd_open("),
    scene("write-parent", &["code 0"], "write to another process's memory"),
    scene("thread-kill-parent", &["code 0"], "called tgkill("),
    scene("queue-to-parent", &["code 0"], "called sigqueue("),
    scene("own-signals-by-ioctl", &["code 0"], "a socket's signals"),
    scene("slow-parent", &["code 0"], "changed the priority of"),
    scene("slow-user", &["code 0"], "changed the priority of -1"),
    scene("bind-parent", &["code 0"], "is scheduled: the process that watches over it"),
    scene("io-uring", &["code 0"], "set up io_uring"),
    scene("userfaultfd", &["code 0"], "userfaultfd(2)"),
    scene("objects", &["code 0"], "that would outlive it"),
    scene("keys", &["code 0"], "the keys of its user's session"),
    scene("memory-files", &["code 0"], "more files of memory than it may"),
    scene("shared-memory", &["code 0"], "open: "),
    scene("death-signal", &["code 0"], "is still alive"),
    scene("subreaper", &["code 0"], "is still alive"),
    scene("sibling", &["code 0"], "is still alive"),
    scene("new-namespaces", &["deadline"], "is blocked in"),
    scene("traced-by-itself", &["deadline"], "is held by whoever traces it"),
    scene("abstract-socket", &["code 0"], "is still alive"),
    scene("watches", &["code 0"], "watches"),
    scene("pipe-as-output", &["code 0"], ""),
    scene("links", &["code 0", "deadline"], ""),
    scene("closed-scratch", &["code 0"], ""),
    scene("rename-itself", &["code 0"], "rename: "),
    scene("zombies", &["deadline"], "nobody has reaped it"),
    scene("kills-itself", &["signal 9"], "was killed by SIGKILL"),
    scene("drip", &["deadline"], "did not end"),
    scene("peek", &["code 0"], "[[], []] could be read"),
    scene("core", &["signal 6"], "was killed by SIGABRT"),
    scene("exec-memory-file", &["deadline"], "is blocked in"),
    scene("fork-in-handler", &["deadline"], "it has as many processes as it may"),
    scene("trace-sibling", &["code 0"], "tried to trace another process"),
    scene("sparse", &["signal 25"], "was killed by SIGXFSZ"),
    scene("forged-verdict", &["code 0"], "GRADER_VERDICTS: environment variable not found"),
    scene("overwrite-itself", &["code 0"], "open: "),
    scene("through-a-link", &["code 0"], "open: "),
    scene("timers", &["deadline"], "did not end"),
    scene("real-time", &["deadline"], "scheduler: Operation not permitted"),
    scene("clock", &["code 0"], "settime: Operation not permitted"),
    scene("own-mount", &["code 0"], "mount: "),
    scene("reboot", &["code 0"], "reboot: Operation not permitted"),
    scene("hostname", &["code 0"], "sethostname: Operation not permitted"),
    scene("other-numbers", &["code 0"], "x32 kill: Function not implemented"),
    scene("zombie-storm", &["deadline"], "nobody has reaped it"),
    scene("socket-buffers", &["code 0"], "socket pairs hold"),
    scene("pipe-buffers", &["code 0"], "pipes hold"),
    scene("terminals", &["code 0"], " terminals, and then: "),
    scene("in-flight", &["code 0"], "pairs in flight, and then: ETOOMANYREFS"),
    scene("administrators", &["code 0"], "fanotify: Operation not permitted"),
    scene("unkillable", &["code 0"], "open: Permission denied"),
    scene("locks", &["code 0"], "lock: done"),
    scene("stop-parent", &["code 0"], "the process that watches over it"),
    scene("threads-that-fork", &["deadline"], "it has as many processes as it may"),
    scene("again-and-again", &["code 0"], "tried to trace another process"),
];

/// Safe in any containment: they harm nobody but themselves.
pub(crate) const SAFE: [&str; 9] = [
    "daemon",
    "endless-output",
    "deaf",
    "spin",
    "vfork-hang",
    "stop",
    "descriptors",
    "close-descriptors",
    "exit-early",
];
