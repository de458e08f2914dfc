//! Descriptors: opened, copied, closed, and what is said of them.

use libc::{
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD,
    F_SETFL, FIOCLEX, FIONBIO, FIONCLEX, IN_CLOEXEC, IN_NONBLOCK, MFD_CLOEXEC, O_APPEND, O_CLOEXEC,
    O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY, SFD_CLOEXEC, SFD_NONBLOCK, TFD_CLOEXEC,
    TFD_NONBLOCK,
};

use crate::{Life, at, call};

const PATHS: [&[u8]; 5] =
    [b"/dev/null\0", b"/dev/zero\0", b"/proc/self/stat\0", b"/\0", b"/no/such\0"];

impl Life {
    pub(crate) fn handles_descriptors(&mut self) {
        match self.chance.u32(..100) {
            0..16 => self.opens_a_pipe(),
            16..30 => self.opens_a_file(),
            30..40 => self.opens_something_else(),
            40..62 => self.copies(),
            62..82 => self.closes(),
            82..96 => self.marks(),
            _ => _ = call(libc::SYS_unshare, [libc::CLONE_FILES as usize]),
        }
    }

    fn opens_a_pipe(&mut self) {
        let mut pair = [0_i32; 2];
        let flags = self.bits(&[O_CLOEXEC, O_NONBLOCK]);
        if flags == 0 && self.chance.bool() {
            // SAFETY: the kernel fills in two numbers.
            unsafe { libc::pipe(pair.as_mut_ptr()) };
        } else {
            call(libc::SYS_pipe2, [at(&mut pair), flags]);
        }
        self.pipes.extend(pair.map(|fd| fd as usize).iter().filter(|fd| **fd > 0));
    }

    fn opens_a_file(&mut self) {
        let path = PATHS[self.chance.usize(..PATHS.len())];
        let flags = self.any(&[O_RDONLY, O_WRONLY, O_RDWR, O_PATH, O_PATH | O_RDWR])
            | self.bits(&[O_CLOEXEC, O_NONBLOCK, O_APPEND]);
        let (here, path) = (libc::AT_FDCWD as usize, path.as_ptr() as usize);
        if self.chance.u8(..4) == 0 {
            let mut how = [flags as u64, 0, 0];
            call(libc::SYS_openat2, [here, path, at(&mut how), size_of_val(&how)]);
        } else {
            call(libc::SYS_openat, [here, path, flags, 0]);
        }
    }

    fn opens_something_else(&mut self) {
        let mut set: u64 = 1 << (libc::SIGUSR2 - 1);
        match self.chance.u32(..7) {
            0 => call(libc::SYS_eventfd2, [1, self.bits(&[EFD_CLOEXEC, EFD_NONBLOCK])]),
            1 => call(libc::SYS_timerfd_create, [1, self.bits(&[TFD_CLOEXEC, TFD_NONBLOCK])]),
            2 => {
                let flags = self.bits(&[SFD_CLOEXEC, SFD_NONBLOCK]);
                call(libc::SYS_signalfd4, [usize::MAX, at(&mut set), 8, flags])
            }
            3 => call(libc::SYS_epoll_create1, [self.bits(&[EPOLL_CLOEXEC])]),
            4 => call(libc::SYS_inotify_init1, [self.bits(&[IN_CLOEXEC, IN_NONBLOCK])]),
            5 => {
                let name = c"notes".as_ptr() as usize;
                call(libc::SYS_memfd_create, [name, self.bits(&[MFD_CLOEXEC as i32])])
            }
            _ => {
                let flags = self.bits(&[O_NONBLOCK]);
                call(libc::SYS_pidfd_open, [std::process::id() as usize, flags])
            }
        };
    }

    fn copies(&mut self) {
        let (one, other) = (self.fd(), self.fd());
        match self.chance.u32(..6) {
            0 => call(libc::SYS_dup, [one]),
            // SAFETY: two numbers.
            1 | 2 => i64::from(unsafe { libc::dup2(one as i32, other as i32) }),
            3 => call(libc::SYS_dup3, [one, other, self.bits(&[O_CLOEXEC])]),
            4 => call(libc::SYS_fcntl, [one, F_DUPFD as usize, other]),
            _ => call(libc::SYS_fcntl, [one, F_DUPFD_CLOEXEC as usize, other]),
        };
    }

    fn closes(&mut self) {
        // A standard one now and then: exec'd programs find the gap.
        let one = if self.chance.u8(..20) == 0 { self.chance.usize(..3) } else { self.fd() };
        if self.chance.u8(..5) > 0 {
            call(libc::SYS_close, [one]);
            return;
        }
        let flags =
            self.bits(&[libc::CLOSE_RANGE_CLOEXEC as i32, libc::CLOSE_RANGE_UNSHARE as i32]);
        let last =
            if self.chance.u8(..5) == 0 { u32::MAX as usize } else { one + self.chance.usize(..4) };
        call(libc::SYS_close_range, [one.max(3), last, flags]);
    }

    fn marks(&mut self) {
        let fd = self.fd();
        let mut on = i32::from(self.chance.bool());
        match self.chance.u32(..8) {
            0 | 1 => call(libc::SYS_fcntl, [fd, F_SETFD as usize, self.bits(&[1])]),
            2 | 3 => {
                call(libc::SYS_fcntl, [fd, F_SETFL as usize, self.bits(&[O_NONBLOCK, O_APPEND])])
            }
            4 => call(libc::SYS_fcntl, [fd, self.any(&[F_GETFD, F_GETFL]), 0]),
            5 => call(libc::SYS_ioctl, [fd, FIONBIO as usize, at(&mut on)]),
            6 => call(libc::SYS_ioctl, [fd, FIOCLEX as usize, 0]),
            _ => call(libc::SYS_ioctl, [fd, FIONCLEX as usize, 0]),
        };
    }
}
