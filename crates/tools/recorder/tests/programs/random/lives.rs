//! Processes and threads, made and waited for.

use std::ffi::CString;
use std::thread;

use fastrand::Rng;

use crate::{Life, at, call};

const SELF: &std::ffi::CStr = c"/proc/self/exe";

impl Life {
    pub(crate) fn makes_somebody(&mut self) {
        if self.depth == 0 {
            return;
        }
        match self.chance.u32(..100) {
            0..40 => self.forks(),
            40..50 => self.forks_sharing_the_table(),
            50..65 => self.spawns(),
            65..85 => self.starts_a_thread(),
            _ => self.passes_by_pidfd(),
        }
    }

    fn child_of(&mut self) -> Life {
        let (seed, steps) = (self.chance.u64(..), self.steps / 2);
        Life {
            chance: Rng::with_seed(seed),
            steps,
            depth: self.depth - 1,
            threads: false,
            pipes: self.pipes.clone(),
            sockets: self.sockets.clone(),
        }
    }

    fn forks(&mut self) {
        let mut child = self.child_of();
        // SAFETY: the child only makes system calls, and starts threads and programs: the C library's
        // fork leaves it fit for that.
        match unsafe { libc::fork() } {
            0 => {
                child.live();
                // SAFETY: ends the process.
                unsafe { libc::_exit(0) }
            }
            pid => self.waits_for(pid),
        }
    }

    /// clone(2) as fork, but with one table for both.
    fn forks_sharing_the_table(&mut self) {
        if self.threads {
            return;
        }
        let mut child = self.child_of();
        child.depth = 0;
        let flags = (libc::CLONE_FILES | libc::SIGCHLD) as usize;
        match call(libc::SYS_clone, [flags, 0, 0, 0, 0]) {
            0 => {
                child.live();
                // SAFETY: ends the process.
                unsafe { libc::_exit(0) }
            }
            pid => self.waits_for(pid as i32),
        }
    }

    /// At once, or not at all: it is reaped by whoever comes after.
    fn waits_for(&mut self, pid: i32) {
        if pid > 0 && self.chance.u8(..3) > 0 {
            call(libc::SYS_wait4, [pid as usize, 0, 0, 0]);
        }
    }

    fn arguments(&mut self) -> [CString; 4] {
        let child = self.child_of();
        let number = |number: u64| CString::new(number.to_string()).unwrap_or_default();
        let seed = number(self.chance.u64(..));
        [SELF.to_owned(), seed, number(child.steps.into()), number(child.depth.into())]
    }

    /// posix_spawn(3), which uses vfork: of this program, or of none.
    fn spawns(&mut self) {
        let arguments = self.arguments();
        let mut list: Vec<_> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
        list.push(std::ptr::null_mut());
        let path = if self.chance.u8(..3) > 0 { SELF } else { c"/no/such" };
        let (mut pid, no_environment) = (0, [std::ptr::null_mut()]);
        // SAFETY: lists of strings that end with a null.
        let failed = unsafe {
            libc::posix_spawn(
                &mut pid,
                path.as_ptr(),
                std::ptr::null(),
                std::ptr::null(),
                list.as_ptr(),
                no_environment.as_ptr(),
            )
        };
        if failed == 0 {
            self.waits_for(pid);
        }
    }

    /// Becomes this program anew, from whichever thread this is.
    pub(crate) fn becomes_another(&mut self) {
        if self.depth == 0 {
            return;
        }
        let arguments = self.arguments();
        let mut list: Vec<_> = arguments.iter().map(|text| text.as_ptr()).collect();
        list.push(std::ptr::null());
        let path = if self.chance.u8(..3) > 0 { SELF } else { c"/no/such" };
        let mut no_environment = [0_usize];
        call(
            libc::SYS_execve,
            [path.as_ptr() as usize, list.as_ptr() as usize, at(&mut no_environment)],
        );
    }

    fn starts_a_thread(&mut self) {
        self.threads = true;
        let mut other = Life { threads: true, ..self.child_of() };
        let thread = thread::Builder::new().spawn(move || other.live());
        if self.chance.bool()
            && let Ok(thread) = thread
        {
            _ = thread.join();
        }
    }

    /// A descriptor of a child's, taken by pidfd_getfd(2).
    fn passes_by_pidfd(&mut self) {
        let (pidfd, wanted) = (self.fd(), self.fd());
        let taken = call(libc::SYS_pidfd_getfd, [pidfd, wanted, 0]);
        if taken < 0 && self.chance.bool() {
            let own = call(libc::SYS_pidfd_open, [std::process::id() as usize, 0]);
            call(libc::SYS_pidfd_getfd, [own as usize, wanted, 0]);
        }
    }
}
