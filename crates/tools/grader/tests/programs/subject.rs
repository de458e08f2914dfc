//! The programs that the grader's own tests look at: the first argument says which one to be.

mod handlers;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, kill, raise, signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, pause, pipe, read, setsid};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::exit;

mod execs;
mod faulty;
mod tricks;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let arg = |number: usize| args.get(number).map(String::as_str).unwrap_or_default();
    match arg(0) {
        "exit" => exit(arg(1).parse().expect("an exit code")),
        "cat" => cat(),
        "panic" => panic!("as ordered"),
        "abort" => std::process::abort(),
        "reap" => {
            let child = child(|| exit(7));
            waitpid(child, None).expect("wait");
        }
        "reap-a-threads" => {
            // SAFETY: the child makes one call, which may be made there (signal-safety(7)).
            let forks = || match unsafe { fork() }.expect("fork") {
                ForkResult::Parent { child } => child,
                // SAFETY: `_exit` takes a number, and this process ends.
                ForkResult::Child => unsafe { nix::libc::_exit(7) },
            };
            let child = std::thread::spawn(forks).join().expect("a pid");
            waitpid(child, None).expect("wait");
        }
        "leave-a-zombie" => {
            let child = child(|| exit(7));
            let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            waitid(Id::Pid(child), ended).expect("wait");
        }
        "leave-an-orphan" => drop(child(for_ever)),
        "look-for-an-orphan" => {
            child(for_ever);
            waitpid(None, Some(WaitPidFlag::WNOHANG)).expect("wait");
        }
        "daemon" => daemon(),
        "open-and-stay" => {
            let mut gate = std::fs::File::open(arg(1)).expect("open");
            gate.read_to_end(&mut Vec::new()).expect("read");
            println!("through");
            for_ever()
        }
        "closed-folder-and-daemon" => {
            let closed = std::env::temp_dir().join("closed");
            std::fs::create_dir_all(closed.join("inside")).expect("mkdir");
            let nobody = std::os::unix::fs::PermissionsExt::from_mode(0o000);
            std::fs::set_permissions(closed, nobody).expect("chmod");
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            println!("{}", listener.local_addr().expect("it has one").port());
            daemon()
        }
        "close-output" => {
            nix::unistd::close(1).expect("close");
            nix::unistd::close(2).expect("close");
            for_ever()
        }
        "write-for-ever" => loop {
            if std::io::stdout().write_all(&[b'x'; 4096]).is_err() {
                for_ever()
            }
        },
        "deaf" => {
            for number in Signal::iterator() {
                // SAFETY: ignoring installs no handler. KILL and STOP are refused.
                let _ = unsafe { signal(number, SigHandler::SigIgn) };
            }
            for_ever()
        }
        "look-once" => {
            let input = std::io::stdin();
            let mut input = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
            exit(poll(&mut input, PollTimeout::ZERO).expect("poll"));
        }
        "sleep-first" => {
            let child = child(|| exit(7));
            poll(&mut [], 60_000_u16).expect("poll");
            waitpid(child, None).expect("wait");
        }
        "own-pipe" => {
            let (reader, _writer) = pipe().expect("pipe");
            read(&reader, &mut [0]).expect("read");
        }
        "message" => message(arg(1).parse().expect("a number")),
        "stop" => raise(Signal::SIGSTOP).expect("raise"),
        "spin" => spin(),
        "spin-both" => {
            child(spin);
            spin()
        }
        "spin-when-told" => {
            std::io::stdin().read_to_string(&mut String::new()).expect("read");
            spin()
        }
        "ask-again" => {
            child(for_ever);
            println!("ready");
            while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok() {}
        }
        "look-again" => {
            let (reader, _) = pipe().expect("pipe");
            loop {
                let mut end = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
                poll(&mut end, PollTimeout::NONE).expect("poll");
                read(&reader, &mut [0]).expect("read");
            }
        }
        "yield-again" => loop {
            std::thread::yield_now();
        },
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "open" => drop(std::fs::File::open(arg(1))),
        "wait-for-a-reader" => wait_for_a_reader(),
        "many" => {
            for _ in 0..arg(1).parse().expect("a number") {
                child(for_ever);
            }
            println!("ready");
            for_ever()
        }
        "show" => show(),
        "starts" => execs::starts(arg(1)),
        "becomes" => execs::becomes(),
        "kill-the-supervisor" => {
            kill(getppid(), Signal::SIGKILL).expect("kill");
            for_ever()
        }
        "handler" => handlers::prints_with(arg(1)),
        "sleep-with" => handlers::sleeps_with(arg(1)),
        "wait-for-a-signal" => handlers::waits_by(arg(1)),
        "self-pipe" => handlers::has_a_self_pipe(arg(1)),
        "host" => host(),
        "reads" => faulty::reads(arg(1)),
        "writes" => faulty::writes(arg(1)),
        "opens" => faulty::opens(arg(1)),
        "leads" => faulty::leads(arg(1)),
        "first-thread-ends" => tricks::first_thread_ends(),
        "hoard-descriptors" => tricks::hoards_descriptors(),
        "fill-its-input" => tricks::fills_its_input(),
        "relay" => tricks::relay(),
        "count-anew" => tricks::counts_anew(),
        "cut-its-output" => tricks::cuts_its_output(),
        other => {
            eprintln!("grader-subject: no program {other:?}");
            exit(2)
        }
    }
}

fn child(work: fn() -> !) -> Pid {
    // SAFETY: this program has one thread.
    match unsafe { fork() }.expect("fork") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => work(),
    }
}

fn for_ever() -> ! {
    loop {
        pause();
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Writes so many bytes to a child, which reads to the end.
fn message(bytes: usize) {
    let (mut reader, mut writer) = std::io::pipe().expect("pipe");
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }.expect("fork") {
        drop(writer);
        std::io::copy(&mut reader, &mut std::io::sink()).expect("read");
        exit(0)
    }
    drop(reader);
    writer.write_all(&vec![b'x'; bytes]).expect("write");
    drop(writer);
    waitpid(None, None).expect("wait");
}

fn cat() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("read");
    print!("{text}");
}

/// Forks twice and leaves the session: nothing but being its descendant ties the daemon to its beginnings.
fn daemon() {
    let middle = child(|| {
        setsid().expect("setsid");
        println!("{}", child(for_ever));
        exit(0)
    });
    waitpid(middle, None).expect("wait");
}

/// Waits for a child that reads a pipe of which this process itself holds the write end.
fn wait_for_a_reader() {
    let (reader, writer) = pipe().expect("pipe");
    // SAFETY: this program has one thread.
    let reading = match unsafe { fork() }.expect("fork") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            drop(writer);
            read(&reader, &mut [0]).expect("read");
            exit(0)
        }
    };
    let ended = child(|| exit(0));
    waitid(Id::Pid(ended), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("wait");
    waitpid(reading, None).expect("wait");
    drop(writer);
}

/// Prints what this program was given: descriptors, session, signal state and limits.
fn show() {
    let folder = std::fs::read_dir("/proc/self/fd").expect("proc");
    let mut open: Vec<i32> =
        folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    open.sort_unstable();
    // The last one is the folder that is being read.
    open.pop();
    println!("open {open:?}");
    println!("leader {}", nix::unistd::getsid(None) == Ok(getpid()));
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    for line in status.lines() {
        if ["SigBlk:", "SigIgn:", "NoNewPrivs:"].iter().any(|name| line.starts_with(name)) {
            println!("{}", line.replace('\t', " "));
        }
    }
    let limits = std::fs::read_to_string("/proc/self/limits").expect("proc");
    for line in limits.lines() {
        if ["Max file size", "Max core", "Max address"].iter().any(|name| line.starts_with(name)) {
            println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
}

/// A test process in miniature: starts a daemon under the grader, tells everybody's pid, and waits to be killed.
fn host() {
    let me = std::env::current_exe().expect("exe");
    let _gates = grader::Gates::new(2);
    let run = grader::Run::new(me).args(["closed-folder-and-daemon"]);
    let mut running = run.network(grader::Network::Shared).start();
    let port = running.line().expect("the port that the daemon listens at");
    let daemon: i32 = running.line().expect("the daemon's pid").parse().expect("a number");
    // While it changes parents, it may be missed.
    let host = running.until(|now| Some(now.others().find(|p| p.pid.as_raw() == daemon)?.host));
    println!("{} {port}", host.expect("the daemon"));
    for_ever()
}
