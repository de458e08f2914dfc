//! What `signals`' library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and a mask belongs to one of them. It
//! prints what it saw; the test judges.

use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io, thread};

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork, getpid, read};
use signals::{Disposition, block, disposition, pending, preserving_errno, set_disposition};

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

fn runs() -> u32 {
    RUNS.load(Ordering::Relaxed)
}

fn catch(signal: Signal) -> Result<()> {
    // SAFETY: the handler adds to an atomic, and nothing else.
    Ok(unsafe { set_disposition(signal, Disposition::Handler(count)) }?)
}

fn ignore(signal: Signal) -> Result<()> {
    // SAFETY: no code of ours runs.
    Ok(unsafe { set_disposition(signal, Disposition::Ignore) }?)
}

fn is_blocked(signal: Signal) -> Result<bool> {
    Ok(SigSet::thread_get_mask()?.contains(signal))
}

/// How a child that does this work ends: "exit code N", or the name of the signal that ended it.
fn in_a_child(work: impl FnOnce() -> Result<u32>) -> Result<String> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let code = work().unwrap_or(101);
            // SAFETY: takes no pointer, and does not return.
            unsafe { libc::_exit(code as libc::c_int) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, code) => Ok(format!("exit code {code}")),
            WaitStatus::Signaled(_, signal, _) => Ok(signal.to_string()),
            other => bail!("{other:?}"),
        },
    }
}

fn refuses_kill_and_stop() -> Result<()> {
    for signal in [Signal::SIGKILL, Signal::SIGSTOP] {
        for disposition in [Disposition::Default, Disposition::Ignore, Disposition::Handler(count)]
        {
            // SAFETY: the handler adds to an atomic, and nothing else.
            let Err(error) = (unsafe { set_disposition(signal, disposition) }) else {
                bail!("{signal} let itself be set");
            };
            println!("{signal} {:?}", error.raw_os_error().map(Errno::from_raw));
        }
        println!("{signal} {:?}", disposition(signal)?);
    }
    Ok(())
}

fn tells_what_is_set() -> Result<()> {
    println!("{:?}", disposition(Signal::SIGUSR1)?);
    catch(Signal::SIGUSR1)?;
    println!("{:?}", disposition(Signal::SIGUSR1)?);
    ignore(Signal::SIGUSR1)?;
    println!("{:?}", disposition(Signal::SIGUSR1)?);
    println!(
        "SIGPIPE {:?}, SIGSEGV {:?}",
        disposition(Signal::SIGPIPE)?,
        disposition(Signal::SIGSEGV)?
    );
    Ok(())
}

fn interrupts_a_blocked_call() -> Result<()> {
    catch(Signal::SIGUSR1)?;
    let (silence, _writer) = io::pipe()?;
    let me = getpid();
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = (unsafe { fork() })? else {
        let asleep = |stat: io::Result<String>| stat.is_ok_and(|stat| stat.contains(") S "));
        while !asleep(fs::read_to_string(format!("/proc/{me}/stat"))) {
            thread::yield_now();
        }
        return Ok(kill(me, Signal::SIGUSR1)?);
    };
    println!("{:?}, {} run", read(&silence, &mut [0]), runs());
    waitpid(child, None)?;
    Ok(())
}

fn keeps_errno() -> Result<()> {
    extern "C" fn fail(_: libc::c_int) {
        // SAFETY: no such descriptor: it fails, and touches nothing.
        preserving_errno(|| unsafe { libc::close(-1) });
        count(0);
    }
    // SAFETY: the handler puts errno back.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(fail)) }?;
    Errno::set_raw(libc::ENOENT);
    raise(Signal::SIGUSR1)?;
    println!("{:?}, {} run", Errno::last(), runs());
    println!("{}", preserving_errno(|| "what the work returns"));
    Ok(())
}

fn holds_back_and_lets_in() -> Result<()> {
    catch(Signal::SIGUSR1)?;
    let held = block(&Signal::SIGUSR1.into())?;
    for _ in 0..3 {
        raise(Signal::SIGUSR1)?;
    }
    println!("{} runs, pending {:?}", runs(), pending()?.iter().collect::<Vec<_>>());
    drop(held);
    println!("{} run, pending {:?}", runs(), pending()?.iter().collect::<Vec<_>>());
    Ok(())
}

fn puts_back_the_mask_that_was() -> Result<()> {
    let (one, other) = (Signal::SIGUSR1, Signal::SIGUSR2);
    let outer = block(&one.into())?;
    let inner = block(&other.into())?;
    println!("{} {}", is_blocked(one)?, is_blocked(other)?);
    drop(inner);
    println!("{} {}", is_blocked(one)?, is_blocked(other)?);
    let again = block(&one.into())?;
    drop(again);
    println!("{} {}", is_blocked(one)?, is_blocked(other)?);
    drop(outer);
    println!("{} {}", is_blocked(one)?, is_blocked(other)?);
    Ok(())
}

fn child_is_done_with_its_parents_handlers() -> Result<()> {
    catch(Signal::SIGTERM)?;
    let held = block(&Signal::SIGTERM.into())?;
    let end = in_a_child(|| {
        raise(Signal::SIGTERM)?; // as if sent between the fork and the reset
        held.begin_child(|| Ok(()))?;
        Ok(10 + runs())
    })?;
    println!("the child: {end}");
    drop(held);
    raise(Signal::SIGTERM)?;
    println!("the parent: {} run", runs());
    Ok(())
}

fn child_answers_by_its_own_handler() -> Result<()> {
    extern "C" fn add_ten(_: libc::c_int) {
        RUNS.fetch_add(10, Ordering::Relaxed);
    }
    catch(Signal::SIGTERM)?;
    let held = block(&Signal::SIGTERM.into())?;
    let end = in_a_child(|| {
        raise(Signal::SIGTERM)?;
        let before = held.begin_child(|| {
            // SAFETY: the handler adds to an atomic, and nothing else.
            unsafe { set_disposition(Signal::SIGTERM, Disposition::Handler(add_ten)) }?;
            Ok(runs())
        })?;
        Ok(before * 100 + runs())
    })?;
    println!("{end}");
    Ok(())
}

fn child_keeps_what_is_ignored_and_what_was_blocked() -> Result<()> {
    ignore(Signal::SIGHUP)?;
    catch(Signal::SIGTERM)?;
    let _before = block(&Signal::SIGUSR1.into())?;
    let held = block(&(Signal::SIGHUP | Signal::SIGTERM))?;
    let end = in_a_child(|| {
        held.begin_child(|| Ok(()))?;
        println!(
            "SIGHUP {:?}, SIGTERM {:?}",
            disposition(Signal::SIGHUP)?,
            disposition(Signal::SIGTERM)?
        );
        println!(
            "SIGUSR1 {}, SIGTERM {}",
            is_blocked(Signal::SIGUSR1)?,
            is_blocked(Signal::SIGTERM)?
        );
        Ok(0)
    })?;
    println!("{end}");
    Ok(())
}

fn child_that_cannot_set_up_stays_deaf() -> Result<()> {
    catch(Signal::SIGTERM)?;
    let held = block(&Signal::SIGTERM.into())?;
    let end = in_a_child(|| {
        let refused = held.begin_child(|| Err::<(), _>(io::ErrorKind::Other.into()));
        Ok(u32::from(refused.is_err() && is_blocked(Signal::SIGTERM)?))
    })?;
    println!("{end}");
    Ok(())
}

fn sleeps_through_nothing() -> Result<()> {
    catch(Signal::SIGUSR1)?;
    let held = block(&Signal::SIGUSR1.into())?;
    raise(Signal::SIGUSR1)?; // after the last look, before the sleep
    held.sleep()?;
    println!("{} run, blocked again: {}", runs(), is_blocked(Signal::SIGUSR1)?);
    Ok(())
}

fn sleeps_until_a_handler_has_run() -> Result<()> {
    catch(Signal::SIGUSR1)?;
    let held = block(&Signal::SIGUSR1.into())?;
    let me = getpid();
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = (unsafe { fork() })? else {
        return Ok(kill(me, Signal::SIGUSR1)?); // before the sleep or in it: it is all one
    };
    held.sleep()?;
    println!("{} run", runs());
    waitpid(child, None)?;
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "refuses_kill_and_stop" => refuses_kill_and_stop(),
        "tells_what_is_set" => tells_what_is_set(),
        "interrupts_a_blocked_call" => interrupts_a_blocked_call(),
        "keeps_errno" => keeps_errno(),
        "holds_back_and_lets_in" => holds_back_and_lets_in(),
        "puts_back_the_mask_that_was" => puts_back_the_mask_that_was(),
        "child_is_done_with_its_parents_handlers" => child_is_done_with_its_parents_handlers(),
        "child_answers_by_its_own_handler" => child_answers_by_its_own_handler(),
        "child_keeps_what_is_ignored_and_what_was_blocked" => {
            child_keeps_what_is_ignored_and_what_was_blocked()
        }
        "child_that_cannot_set_up_stays_deaf" => child_that_cannot_set_up_stays_deaf(),
        "sleeps_through_nothing" => sleeps_through_nothing(),
        "sleeps_until_a_handler_has_run" => sleeps_until_a_handler_has_run(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
