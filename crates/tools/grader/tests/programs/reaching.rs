//! Hostile scenes beyond bombs and signals: what the kernel offers to whoever looks for a way around.

use super::{for_ever, forked, scratch, told};
use libc::{c_int, c_long};
use std::fs::{self, File};
use std::io::{Error, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Plays the scene of that name; whether there is one.
pub(crate) fn play(scene: &str, parent: c_int, victim: &Path, marker: &str) -> bool {
    match scene {
        "kill-by-descriptor" => {
            let folder = File::open(format!("/proc/{parent}")).expect("open");
            call("send", libc::SYS_pidfd_send_signal, [folder.as_raw_fd().into(), 9, 0, 0]);
        }
        "take-descriptor" => {
            call("pidfd_open", libc::SYS_pidfd_open, [parent.into(), 0, 0, 0]);
            call("pidfd_getfd", libc::SYS_pidfd_getfd, [0, 3, 0, 0]);
        }
        "write-parent" => call("write", libc::SYS_process_vm_writev, [parent.into(), 0, 0, 0]),
        "thread-kill-parent" => {
            call("tgkill", libc::SYS_tgkill, [parent.into(), parent.into(), 9, 0]);
            call("tkill", libc::SYS_tkill, [parent.into(), 9, 0, 0]);
        }
        "queue-to-parent" => call("queue", libc::SYS_rt_sigqueueinfo, [parent.into(), 9, 0, 0]),
        "own-signals-by-ioctl" => {
            let (ours, _) = std::os::unix::net::UnixStream::pair().expect("socketpair");
            let fiosetown = 0x8901;
            let owner = &raw const parent as c_long;
            call("ioctl", libc::SYS_ioctl, [ours.as_raw_fd().into(), fiosetown, owner, 0]);
        }
        "slow-parent" => {
            call("setpriority", libc::SYS_setpriority, [0, parent.into(), 19, 0]);
            call("ioprio_set", libc::SYS_ioprio_set, [1, parent.into(), 3 << 13, 0]);
        }
        "slow-user" => call("setpriority", libc::SYS_setpriority, [2, 0, 19, 0]),
        "bind-parent" => {
            let first = 1u64;
            let set = &raw const first as c_long;
            call("affinity", libc::SYS_sched_setaffinity, [parent.into(), 8, set, 0]);
        }
        "io-uring" => call("io_uring_setup", libc::SYS_io_uring_setup, [8, 0, 0, 0]),
        "userfaultfd" => call("userfaultfd", libc::SYS_userfaultfd, [0; 4]),
        "objects" => {
            let (key, make) = (424_242, 0o1600);
            call("shmget", libc::SYS_shmget, [key, 4096, make, 0]);
            call("msgget", libc::SYS_msgget, [key, make, 0, 0]);
            call("semget", libc::SYS_semget, [key, 1, make, 0]);
            let name = c"unicorn".as_ptr() as c_long;
            call("mq_open", libc::SYS_mq_open, [name, (libc::O_CREAT | libc::O_RDWR).into(), 0, 0]);
        }
        "keys" => call("keyctl", libc::SYS_keyctl, [3, -3, 0, 0]),
        "memory-files" => {
            for _ in 0..20 {
                let name = c"hoard".as_ptr() as c_long;
                call("memfd_create", libc::SYS_memfd_create, [name, 0, 0, 0]);
            }
        }
        "shared-memory" => told("open", File::create(Path::new("/dev/shm").join(marker))),
        "death-signal" => {
            if forked() {
                call("prctl", libc::SYS_prctl, [libc::PR_SET_PDEATHSIG.into(), 0, 0, 0]);
                for_ever()
            }
        }
        "subreaper" => {
            call("prctl", libc::SYS_prctl, [libc::PR_SET_CHILD_SUBREAPER.into(), 1, 0, 0]);
            if forked() && forked() {
                for_ever()
            }
        }
        "sibling" => {
            let flags = libc::CLONE_PARENT | libc::SIGCHLD;
            // SAFETY: without CLONE_VM it is a fork, but for who the parent is.
            if unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } == 0 {
                for_ever()
            }
        }
        "new-namespaces" => {
            let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNS;
            call("unshare", libc::SYS_unshare, [flags.into(), 0, 0, 0]);
            forked();
            for_ever()
        }
        "traced-by-itself" => {
            if forked() {
                call("traceme", libc::SYS_ptrace, [libc::PTRACE_TRACEME as c_long, 0, 0, 0]);
                nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP).expect("raise");
            }
            for_ever()
        }
        "abstract-socket" => {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(marker);
            let bound = std::os::unix::net::UnixListener::bind_addr(&address.expect("a name"));
            if forked() {
                for_ever()
            }
            told("bind", bound);
        }
        "watches" => {
            // SAFETY: plain numbers.
            let watches = (0..100_000).take_while(|_| unsafe { libc::inotify_init1(0) } >= 0);
            println!("{} watches", watches.count());
        }
        "pipe-as-output" => pipe_as_output(),
        "links" => links(victim),
        "closed-scratch" => {
            File::create(scratch("file")).expect("create");
            let nobody = fs::Permissions::from_mode(0o000);
            told("chmod", fs::set_permissions(std::env::temp_dir(), nobody));
        }
        "rename-itself" => {
            let me = std::env::current_exe().expect("exe");
            told("rename", fs::rename(&me, me.with_extension("old")));
        }
        "zombies" => {
            for _ in 0..100 {
                if forked() {
                    return true;
                }
            }
            for_ever()
        }
        "kills-itself" => {
            _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        }
        "drip" => loop {
            print!(".");
            _ = std::io::stdout().flush();
            std::thread::sleep(std::time::Duration::from_millis(50));
        },
        "peek" => peek(parent),
        "core" => std::process::abort(),
        _ => return false,
    }
    true
}

pub(super) fn call(name: &str, number: c_long, args: [c_long; 4]) {
    let [a, b, c, d] = args;
    // SAFETY: it is meant to do harm, to others than this process.
    let done = unsafe { libc::syscall(number, a, b, c, d, 0) };
    told(name, if done < 0 { Err(Error::last_os_error()) } else { Ok(()) });
}

/// Takes back what was written, and leaves the pipe otherwise than it was.
fn pipe_as_output() {
    println!("said, and taken back");
    // Without a wait: whoever listens may have read it already.
    let without_a_wait = File::options().read(true).custom_flags(libc::O_NONBLOCK).clone();
    if let Ok(mut back) = without_a_wait.open("/proc/self/fd/1") {
        _ = back.read(&mut [0; 64]);
    }
    // SAFETY: plain numbers.
    unsafe { libc::fcntl(1, libc::F_SETPIPE_SZ, 4096) };
    // SAFETY: plain numbers.
    unsafe { libc::fcntl(1, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC) };
    let mut stdout = std::io::stdout();
    while stdout.write_all(&[b'x'; 4096]).is_ok() {}
}

/// Makes a folder a link to somebody else's, and back, while whoever removes it may be on the way.
fn links(victim: &Path) {
    let (folder, link) = (scratch("folder"), scratch("link"));
    fs::create_dir_all(folder.join("inside")).expect("mkdir");
    std::os::unix::fs::symlink(victim, &link).expect("symlink");
    if forked() {
        loop {
            for [from, to] in [[&folder, &scratch("x")], [&link, &folder], [&folder, &link]] {
                _ = fs::rename(from, to);
            }
            _ = fs::rename(scratch("x"), &folder);
        }
    }
}

/// Looks for the expected answer in the memory and the environment of those who run this program.
fn peek(parent: c_int) {
    let status = fs::read_to_string(format!("/proc/{parent}/status")).unwrap_or_default();
    let above = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap_or("0").trim();
    let files = ["environ", "maps", "mem", "stack", "io", "fd/3", "cwd/x"];
    let open = [parent.to_string().as_str(), above].map(|pid| {
        let paths = files.map(|file| format!("/proc/{pid}/{file}"));
        paths.into_iter().filter(|path| fs::read(path).is_ok()).collect::<Vec<_>>()
    });
    println!("{open:?} could be read");
}
