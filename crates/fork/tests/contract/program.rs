//! What `fork`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and a process with threads can't
//! fork and go on. It prints what it saw; the test judges.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::{env, fs, io, thread};

use anyhow::{Result, bail};
use fork::{Children, reap_all, spawn, spawn_missing, wait_for};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, Uid, alarm, getpid, getppid, pause, setuid};

/// Sleeps until `pid` has ended, and leaves it a zombie.
fn wait_without_reaping(pid: Pid) -> Result<()> {
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    Ok(())
}

fn fills_free_slots() -> Result<()> {
    let mut children = Children::new();
    // SAFETY: this program has one thread (and so below).
    let other = unsafe { spawn(|| 0) }?;
    children.insert(1, other);
    // SAFETY: one thread.
    unsafe { spawn_missing(&mut children, 4, |slot| 10 + slot as u8) }?;
    for (slot, pid) in children.iter() {
        println!("slot {slot}: {}", wait_for(pid)?);
    }
    Ok(())
}

fn reaps_everyone() -> Result<()> {
    let mut children = Children::new();
    // SAFETY: one thread.
    unsafe { spawn_missing(&mut children, 5, |slot| slot as u8) }?;
    for (_, pid) in children.iter() {
        wait_without_reaping(pid)?;
    }
    let mut ended = reap_all(&mut children)?;
    ended.sort_by_key(|dead| dead.slot);
    for dead in ended {
        println!("slot {:?}: {}", dead.slot, dead.exit);
    }
    println!("then {} more, {} in the table", reap_all(&mut children)?.len(), children.len());
    Ok(())
}

fn reaps_nobody() -> Result<()> {
    println!("reaped {}", reap_all(&mut Children::new())?.len());
    Ok(())
}

fn leaves_the_living() -> Result<()> {
    let mut children = Children::new();
    // SAFETY: one thread.
    unsafe {
        spawn_missing(&mut children, 2, |slot| {
            if slot == 1 {
                alarm::set(20);
                pause();
            }
            7
        })
    }?;
    let [(_, dead), (_, living)] = children.iter().collect::<Vec<_>>()[..] else {
        bail!("two children were wanted")
    };
    wait_without_reaping(dead)?;
    println!("reaped {}", reap_all(&mut children)?.len());
    println!("reaped {}", reap_all(&mut children)?.len());
    println!("slot {:?} is held still", children.slot_of(living));
    kill(living, Signal::SIGKILL)?;
    wait_for(living)?;
    Ok(())
}

fn names_a_stranger() -> Result<()> {
    // SAFETY: one thread.
    let stranger = unsafe { spawn(|| 3) }?;
    wait_without_reaping(stranger)?;
    for dead in reap_all(&mut Children::new())? {
        println!("slot {:?}: {}, {}", dead.slot, dead.exit, dead.pid == stranger);
    }
    Ok(())
}

fn tells_real_time_signals() -> Result<()> {
    // SAFETY: one thread; `raise` is called in the child, with a signal that exists.
    let child = unsafe {
        spawn(|| {
            libc::raise(libc::SIGRTMIN() + 1);
            0
        })
    }?;
    let exit = wait_for(child)?;
    println!("{}", exit == fork::Exit::Signal(libc::SIGRTMIN() + 1));
    Ok(())
}

fn tells_signals_from_codes() -> Result<()> {
    // SAFETY: one thread.
    let killed = unsafe { spawn(|| u8::from(raise(Signal::SIGTERM).is_err())) }?;
    // SAFETY: one thread.
    let exited = unsafe { spawn(|| 15) }?;
    for pid in [killed, exited] {
        let exit = wait_for(pid)?;
        println!("{exit}, for a shell {}", exit.shell_status());
    }
    Ok(())
}

fn keeps_a_panic_in_the_child() -> Result<()> {
    struct Mine;
    impl Drop for Mine {
        fn drop(&mut self) {
            println!("the parent's value is dropped");
        }
    }
    let _mine = Mine;
    // SAFETY: one thread.
    let child = unsafe { spawn(|| panic!("on purpose")) }?;
    println!("only the parent gets here: {}", wait_for(child)?);
    Ok(())
}

fn says_text_once() -> Result<()> {
    extern "C" fn farewell() {
        println!("and left");
    }
    // SAFETY: the function lives as long as the program.
    unsafe { libc::atexit(farewell) };
    print!("buffered, ");
    // SAFETY: one thread.
    let child = unsafe { spawn(|| 0) }?;
    wait_for(child)?;
    println!("written out");
    Ok(())
}

fn refuses_others_children() -> Result<()> {
    println!("{:?}", wait_for(getppid()).map_err(|error| error.raw_os_error()));
    println!("{}", libc::ECHILD);
    Ok(())
}

fn waits_on_through_signals() -> Result<()> {
    static HANDLED: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn say_so(_: libc::c_int) {
        // SAFETY: write(2) is async-signal-safe, and the byte outlives the call.
        unsafe { libc::write(HANDLED.load(Ordering::Relaxed), b"!".as_ptr().cast(), 1) };
    }
    let (mut handled, say) = io::pipe()?;
    HANDLED.store(say.as_raw_fd(), Ordering::Relaxed);
    // No SA_RESTART: the wait is interrupted.
    let action = SigAction::new(SigHandler::Handler(say_so), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing but write a byte.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    let parent = getpid();
    // SAFETY: one thread.
    let child = unsafe {
        spawn(|| {
            let asleep = |stat: io::Result<String>| stat.is_ok_and(|stat| stat.contains(") S "));
            while !asleep(fs::read_to_string(format!("/proc/{parent}/stat"))) {
                thread::yield_now();
            }
            let sent = kill(parent, Signal::SIGUSR1);
            // Still alive when the handler runs, so that the wait has nobody to return.
            u8::from(sent.is_err() || handled.read_exact(&mut [0]).is_err())
        })
    }?;
    println!("{}", wait_for(child)?);
    Ok(())
}

fn reports_that_there_is_no_room() -> Result<()> {
    let mut children = Children::new();
    // SAFETY: one thread.
    unsafe { spawn_missing(&mut children, 1, |_| 0) }?;
    // This limit does not bind root, so be nobody. Where there is no nobody to be (a user namespace
    // that maps root alone), root is bound as well.
    let _ = setuid(Uid::from_raw(65534));
    setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    // SAFETY: one thread.
    let refused = unsafe { spawn_missing(&mut children, 3, |_| 0) };
    println!("{:?}", refused.map_err(|error| error.raw_os_error() == Some(libc::EAGAIN)));
    println!("{} in the table", children.len());
    for (_, pid) in children.iter() {
        wait_for(pid)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "fills_free_slots" => fills_free_slots(),
        "reaps_everyone" => reaps_everyone(),
        "reaps_nobody" => reaps_nobody(),
        "leaves_the_living" => leaves_the_living(),
        "names_a_stranger" => names_a_stranger(),
        "tells_real_time_signals" => tells_real_time_signals(),
        "tells_signals_from_codes" => tells_signals_from_codes(),
        "keeps_a_panic_in_the_child" => keeps_a_panic_in_the_child(),
        "says_text_once" => says_text_once(),
        "refuses_others_children" => refuses_others_children(),
        "waits_on_through_signals" => waits_on_through_signals(),
        "reports_that_there_is_no_room" => reports_that_there_is_no_room(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
