//! What survives exec and what doesn't, measured by a program that execs itself.
//!
//! Its first life arranges for each row, and passes on what it measures as arguments; its second
//! life measures again, and prints both. (It looks in /proc: Linux only.)

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Seek;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{alarm, chdir, execv, getpid};

static MEMORY: AtomicU32 = AtomicU32::new(0);
extern "C" fn on_signal(_: libc::c_int) {}

fn measure(kept: &str, closed: &str) -> Result<[(&'static str, String); 11]> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read my status")?;
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?");
    let has = |set, signal: Signal| {
        let set = u64::from_str_radix(field(set), 16).unwrap_or(0);
        ((set >> (signal as u32 - 1)) & 1 == 1).to_string()
    };
    let info = |fd| fs::read_to_string(format!("/proc/self/fdinfo/{fd}"));
    let position = |info: String| info.lines().next().unwrap_or("?").replace("pos:\t", "open at ");
    let offset = |fd| info(fd).map_or("closed".to_string(), position);
    Ok([
        ("process", format!("pid {}", getpid())),
        ("working directory", env::current_dir()?.display().to_string()),
        ("umask", field("Umask:\t").to_string()),
        ("an alarm is set", alarm::set(10).is_some().to_string()),
        ("descriptor", offset(kept)),
        ("descriptor, close-on-exec", offset(closed)),
        ("SIGHUP has a handler", has("SigCgt:\t", Signal::SIGHUP)),
        ("SIGUSR1 is ignored", has("SigIgn:\t", Signal::SIGUSR1)),
        ("SIGTERM is blocked", has("SigBlk:\t", Signal::SIGTERM)),
        ("SIGTERM is pending", has("ShdPnd:\t", Signal::SIGTERM)),
        ("a variable in memory", MEMORY.load(Relaxed).to_string()),
    ])
}

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    if let [kept, closed, before @ ..] = &args[..] {
        for ((what, after), before) in measure(kept, closed)?.iter().zip(before) {
            println!("{what:<27}{before} → {after}");
        }
        return Ok(());
    }

    // ANCHOR: first
    let open = || File::open("/proc/self/exe").context("cannot open my own file");
    let (mut kept, closed) = (open()?, open()?); // std opens with close-on-exec
    kept.seek_relative(5).context("cannot seek")?;
    fcntl(&kept, FcntlArg::F_SETFD(FdFlag::empty())).context("cannot clear close-on-exec")?;
    chdir("/").context("cannot change the directory")?;
    umask(Mode::from_bits_truncate(0o027));
    alarm::set(10);
    // SAFETY: the handler does nothing.
    unsafe { signal(Signal::SIGHUP, SigHandler::Handler(on_signal)) }?;
    // SAFETY: no handler at all.
    unsafe { signal(Signal::SIGUSR1, SigHandler::SigIgn) }?;
    SigSet::from(Signal::SIGTERM).thread_block()?;
    kill(getpid(), Signal::SIGTERM)?; // it waits, since it is blocked
    MEMORY.store(7, Relaxed);

    let fds = [&kept, &closed].map(|file| file.as_raw_fd().to_string());
    let before = measure(&fds[0], &fds[1])?.map(|(_, value)| value);
    let argv = [&["survive_table".to_string()][..], &fds, &before].concat();
    let argv = argv.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()?;
    let Err(error) = execv(c"/proc/self/exe", &argv);
    Err(error).context("cannot exec myself")
    // ANCHOR_END: first
}
