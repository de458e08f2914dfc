//! Programs that make it hard to tell what they do: each argument names one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitPidFlag, wait, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, read, setsid, write};

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().unwrap_or_default().as_str() {
        "exit" => (),
        "exec-storm" => exec_storm(),
        "exec-for-another" => exec_for_another(),
        "clients" => clients(),
        "daemon" => daemon(),
        "signal-storm" => signal_storm(),
        "exec-fails" => exec_fails(),
        "ptrace" => ptrace(),
        "subreaper" => subreaper(),
        "private-table" => private_table(),
        "exit-among-sleepers" => exit_among_sleepers(),
        "many-forks" => (0..300).for_each(|_| _ = waitpid(child(|| ()), None)),
        "deep-forks" => deep_forks(40),
        "job-control" => job_control(),
        other => panic!("no program `{other}`"),
    }
    while wait().is_ok() {}
}

/// Forks; the child never comes back.
fn child(does: impl FnOnce()) -> Pid {
    // SAFETY: the children below make system calls only, and start threads and programs: the C library's
    // fork leaves them fit for that.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            does();
            // SAFETY: ends the process, without what its other threads have registered.
            unsafe { libc::_exit(0) }
        }
    }
}

fn again(name: &str) -> std::io::Error {
    Command::new("/proc/self/exe").arg(name).exec()
}

/// A thread becomes another program while others fork, spawn, and are about to do the same.
/// In each, a thread calls exec while the first one is in the middle of a call, whose id it then has.
fn exec_for_another() {
    let left: u32 = std::env::args().nth(2).map_or(30, |left| left.parse().expect("a number"));
    if left > 0 {
        thread::spawn(move || {
            let next = ["exec-for-another".to_string(), (left - 1).to_string()];
            panic!("{}", Command::new("/proc/self/exe").args(next).exec());
        });
        loop {
            getppid();
        }
    }
}

fn exec_storm() {
    for round in 0..6 {
        child(|| {
            let together: &Barrier = Box::leak(Box::new(Barrier::new(4)));
            for number in 0..3 {
                thread::spawn(move || {
                    together.wait();
                    if number == round % 3 {
                        panic!("{}", again("exit"));
                    }
                    child(|| ());
                    _ = Command::new("/bin/true").status();
                });
            }
            together.wait();
            if round > 3 {
                panic!("{}", again("exit"));
            }
            thread::sleep(Duration::from_millis(20));
        });
    }
}

/// Clients that connect at the same time, some of which are gone before they are accepted. Each says another number
/// of bytes, so that whoever takes one for the other is found out.
fn clients() {
    let folder = std::env::temp_dir().join(format!("clients-{}", getpid()));
    let tcp = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let unix = UnixListener::bind(&folder).expect("there is room");
    let address = tcp.local_addr().expect("it has one");
    for number in 1..=8 {
        let tcp_client =
            || _ = TcpStream::connect(address).map(|mut to| to.write_all(&[0; 9][..number]));
        let unix_client =
            || _ = UnixStream::connect(&folder).map(|mut to| to.write_all(&[0; 9][..number]));
        child(tcp_client);
        child(unix_client);
    }
    for _ in 0..8 {
        let mut all = Vec::new();
        tcp.accept().expect("a client").0.read_to_end(&mut all).expect("it speaks");
        unix.accept().expect("a client").0.read_to_end(&mut all).expect("it speaks");
    }
    std::fs::remove_file(folder).expect("it is ours");
}

/// Forks twice, so that nobody waits for the grandchild.
fn daemon() {
    let (end, mut held) = nix::unistd::pipe().map(|(end, held)| (end, Some(held))).expect("a pipe");
    child(|| {
        setsid().expect("a child leads no group");
        child(|| {
            held.take();
            thread::sleep(Duration::from_millis(10));
        });
    });
    held.take();
    _ = read(&end, &mut [0]);
}

static CAUGHT: AtomicU32 = AtomicU32::new(0);

extern "C" fn catch(_: libc::c_int) {
    CAUGHT.fetch_add(1, Ordering::Relaxed);
}

fn on(signal: Signal, flags: SaFlags) {
    let action = SigAction::new(SigHandler::Handler(catch), flags, SigSet::empty());
    // SAFETY: the handler only counts.
    unsafe { sigaction(signal, &action) }.expect("the signal can be caught");
}

/// Children send signals while their parent reads: begun again by the kernel, or not.
fn signal_storm() {
    on(Signal::SIGUSR1, SaFlags::SA_RESTART);
    on(Signal::SIGUSR2, SaFlags::empty());
    on(Signal::SIGCHLD, SaFlags::SA_RESTART | SaFlags::SA_NODEFER);
    let (end, held) = nix::unistd::pipe().expect("a pipe");
    for number in 0..4 {
        child(|| {
            for _ in 0..20 {
                let signal = if number % 2 == 0 { Signal::SIGUSR1 } else { Signal::SIGUSR2 };
                _ = kill(getppid(), signal);
            }
            _ = write(&held, b"x");
        });
    }
    drop(held);
    let mut bytes = 0;
    while bytes < 4 {
        bytes += read(&end, &mut [0]).unwrap_or_default();
    }
}

fn exec_fails() {
    for program in ["/no/such", "/etc/passwd", "/"] {
        assert!(Command::new(program).status().is_err());
    }
    let (Err(error) | Ok(error)) = Ok::<_, std::io::Error>(Command::new("/no/such").exec());
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

/// It can't be traced by a second one.
fn ptrace() {
    let child = child(|| {
        // SAFETY: asks to be traced.
        let asked = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        exit(i32::from(asked == -1));
    });
    _ = waitpid(child, None);
}

fn subreaper() {
    nix::sys::prctl::set_child_subreaper(true).expect("anybody may");
    child(|| {
        child(|| {
            child(|| ());
        });
    });
    for _ in 0..3 {
        wait().expect("all three come to us");
    }
}

/// A thread's table becomes its own: what it closes stays open for the others.
fn private_table() {
    let (end, held) = nix::unistd::pipe().expect("a pipe");
    thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY: numbers only; in this thread nothing refers to those descriptors.
            unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_UNSHARE) };
            // SAFETY: the same.
            unsafe { libc::dup2(1, 9) };
        });
    });
    write(&held, b"x").expect("we read");
    assert_eq!(read(&end, &mut [0]), Ok(1));
    // SAFETY: numbers only.
    unsafe { libc::unshare(libc::CLONE_FILES) };
}

fn exit_among_sleepers() {
    for way in 0..3 {
        child(|| {
            let never: &(Mutex<()>, Condvar) = Box::leak(Box::default());
            for _ in 0..3 {
                thread::spawn(|| drop(never.1.wait(never.0.lock().expect("nobody panics"))));
            }
            match way {
                0 => exit(3),
                1 => _ = kill(getpid(), Signal::SIGKILL),
                _ => panic!("{}", again("exit")),
            }
        });
    }
}

fn deep_forks(depth: u32) {
    if depth > 0 {
        let child = child(|| deep_forks(depth - 1));
        _ = waitpid(child, None);
    }
}

fn job_control() {
    let stopped = child(|| {
        for _ in 0..3 {
            _ = nix::sys::signal::raise(Signal::SIGSTOP);
        }
    });
    for _ in 0..3 {
        _ = waitpid(stopped, Some(WaitPidFlag::WUNTRACED));
        _ = kill(stopped, Signal::SIGCONT);
        // It may be stopped again already, and then nobody is told that it went on.
        _ = waitpid(stopped, Some(WaitPidFlag::WCONTINUED | WaitPidFlag::WNOHANG));
    }
}
