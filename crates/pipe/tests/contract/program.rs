//! What `pipe`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and a process with threads can't
//! fork and go on. It prints what it saw; the test judges.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::{env, process};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork};
use pipe::{Command, ControlPipe, ControlPipes, Sent, nonblocking_pipe, pipe};
use syscalls::descriptors;

fn spawn(work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        return Ok(child);
    }
    alarm::set(20); // alarms are not inherited
    let failed = work().inspect_err(|error| eprintln!("Error: {error:#}")).is_err();
    process::exit(failed.into())
}

/// Forks a worker, and closes the read ends here.
fn hire(
    pipes: &mut ControlPipes,
    slot: usize,
    work: impl FnOnce(ControlPipe) -> Result<()>,
) -> Result<Pid> {
    pipes.prepare(slot)?;
    let worker = spawn(|| work(pipes.keep_only(slot)?))?;
    pipes.keep_write_ends();
    Ok(worker)
}

/// Waits, as a worker does, until there is something to receive, and receives it.
fn next(control: &ControlPipe) -> Result<Command> {
    let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
    ensure!(poll(&mut fds, 10_000u16)? == 1, "nothing came, and no end");
    control.receive()?.context("poll said that there was something")
}

/// Waits until nobody holds the other end any more.
fn wait_for_end(gate: &OwnedFd) -> Result<()> {
    PipeReader::from(gate.try_clone()?).read_to_end(&mut Vec::new())?;
    Ok(())
}

fn closes_both_ends_at_exec() -> Result<()> {
    for (name, (r, w)) in [("pipe", pipe()?), ("nonblocking_pipe", nonblocking_pipe()?)] {
        for end in [r, w] {
            let closes = FdFlag::from_bits_retain(fcntl(&end, FcntlArg::F_GETFD)?);
            let flags = OFlag::from_bits_retain(fcntl(&end, FcntlArg::F_GETFL)?);
            println!("{name}: {closes:?}, O_NONBLOCK {}", flags.contains(OFlag::O_NONBLOCK));
        }
    }
    Ok(())
}

fn leaks_into_no_program() -> Result<()> {
    let count = || -> Result<String> {
        let probe = process::Command::new("/proc/self/exe").arg("count_descriptors").output()?;
        Ok(String::from_utf8(probe.stdout)?)
    };
    let before = count()?;
    let ends = (pipe()?, nonblocking_pipe()?);
    let mut pipes = ControlPipes::new();
    pipes.prepare(0)?;
    ensure!(!before.is_empty(), "the probe says nothing");
    println!("a program sees none of them: {}", count()? == before);
    drop((ends, pipes));
    Ok(())
}

fn delivers_in_order() -> Result<()> {
    let mut pipes = ControlPipes::new();
    let worker = hire(&mut pipes, 7, |control| {
        for _ in 0..5 {
            println!("{:?}", next(&control)?);
        }
        Ok(())
    })?;
    for signal in [Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGQUIT] {
        ensure!(pipes.send(7, signal)? == Sent::InThePipe);
    }
    pipes.remove(7);
    waitpid(worker, None)?;
    Ok(())
}

fn never_waits_for_a_command() -> Result<()> {
    let mut pipes = ControlPipes::new();
    let worker = hire(&mut pipes, 0, |control| {
        println!("{:?}", control.receive()?);
        Ok(())
    })?;
    waitpid(worker, None)?;
    Ok(())
}

fn tells_each_worker_of_the_masters_death() -> Result<()> {
    let (news, teller) = pipe()?;
    let (gate, latch) = pipe()?;
    let mut latch = Some(latch);
    let master = spawn(|| {
        latch.take();
        // Three at once, as at boot, and a fourth later: all write ends are there to be inherited.
        let mut pipes = ControlPipes::new();
        for slot in 0..3 {
            pipes.prepare(slot)?;
        }
        let work = |control: ControlPipe| {
            ensure!(next(&control)? == Command::MasterDied);
            syscalls::write_all(&teller, b"x")?;
            wait_for_end(&gate) // live on, and hold what we hold
        };
        for slot in 0..3 {
            spawn(|| work(pipes.keep_only(slot)?))?;
        }
        pipes.keep_write_ends();
        hire(&mut pipes, 3, work)?;
        raise(Signal::SIGKILL)?;
        Ok(())
    })?;
    drop(teller);
    waitpid(master, None)?;
    let mut news = PipeReader::from(news);
    news.read_exact(&mut [0; 4])?;
    println!("four heard of it while all four lived");
    latch.take();
    news.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn keeps_one_descriptor_each() -> Result<()> {
    let before = descriptors()?.len();
    let mut pipes = ControlPipes::new();
    for slot in 0..3 {
        pipes.prepare(slot)?;
    }
    let worker = spawn(|| {
        let control = pipes.keep_only(1)?;
        println!("the worker has {} more than before", descriptors()?.len() - before);
        drop(control);
        Ok(())
    })?;
    pipes.keep_write_ends();
    waitpid(worker, None)?;
    println!("the master has {} more than before", descriptors()?.len() - before);
    for slot in 0..3 {
        pipes.remove(slot);
    }
    println!("and then {}", descriptors()?.len() - before);
    Ok(())
}

fn never_waits_for_a_stuck_worker() -> Result<()> {
    let (gate, latch) = pipe()?;
    let mut pipes = ControlPipes::new();
    let stuck = hire(&mut pipes, 0, |control| {
        let mut sent = [0; 8];
        PipeReader::from(gate.try_clone()?).read_exact(&mut sent)?; // stuck here meanwhile
        let mut received = 0;
        while next(&control)? == Command::Signal(Signal::SIGUSR1) {
            received += 1;
        }
        println!("received as many: {}", received == u64::from_ne_bytes(sent));
        Ok(())
    })?;
    let mut sent = 0u64;
    let refused = loop {
        match pipes.send(0, Signal::SIGUSR1)? {
            Sent::InThePipe => sent += 1,
            other => break other,
        }
    };
    println!("{refused:?}, after thousands: {}", sent > 1000);
    syscalls::write_all(&latch, &sent.to_ne_bytes())?;
    pipes.remove(0);
    waitpid(stuck, None)?;
    Ok(())
}

fn survives_a_dead_worker() -> Result<()> {
    let mut pipes = ControlPipes::new();
    let dead = hire(&mut pipes, 0, |_| Ok(()))?;
    waitpid(dead, None)?;
    println!("to a dead one: {:?}", pipes.send(0, Signal::SIGQUIT)?);
    println!("to nobody: {:?}", pipes.send(1, Signal::SIGQUIT)?);
    Ok(())
}

fn hears_of_a_death_though_a_sibling_is_being_born() -> Result<()> {
    let (gate, latch) = pipe()?;
    let mut latch = Some(latch);
    let mut pipes = ControlPipes::new();
    let dead = hire(&mut pipes, 0, |_| Ok(()))?;
    pipes.prepare(1)?;
    let newborn = spawn(|| {
        latch.take();
        wait_for_end(&gate) // before it calls keep_only
    })?;
    waitpid(dead, None)?;
    println!("{:?}", pipes.send(0, Signal::SIGQUIT)?);
    latch.take();
    waitpid(newborn, None)?;
    Ok(())
}

fn refuses_to_send_while_it_could_read() -> Result<()> {
    let mut pipes = ControlPipes::new();
    pipes.prepare(0)?;
    println!("{:?}", pipes.send(0, Signal::SIGQUIT).map_err(|error| error.kind()));
    pipes.keep_write_ends();
    println!("{:?}", pipes.send(0, Signal::SIGQUIT));
    Ok(())
}

fn lets_go_of_who_had_the_slot() -> Result<()> {
    let mut pipes = ControlPipes::new();
    let report = |control: ControlPipe| {
        println!("{:?}", next(&control)?);
        Ok(())
    };
    let removed = hire(&mut pipes, 0, report)?;
    pipes.remove(0);
    waitpid(removed, None)?;
    let replaced = hire(&mut pipes, 0, report)?;
    pipes.prepare(0)?;
    waitpid(replaced, None)?;
    Ok(())
}

fn closes_all_even_where_there_is_nothing_to_keep() -> Result<()> {
    let before = descriptors()?.len();
    let mut pipes = ControlPipes::new();
    pipes.prepare(0)?;
    pipes.prepare(1)?;
    println!("{:?}", pipes.keep_only(2).map_err(|error| error.kind()));
    println!("{} left", descriptors()?.len() - before);
    pipes.prepare(0)?;
    pipes.keep_write_ends();
    println!("{:?}", pipes.keep_only(0).map_err(|error| error.kind()));
    Ok(())
}

fn takes_no_signal_for_what_is_none() -> Result<()> {
    let mut pipes = ControlPipes::new();
    pipes.prepare(0)?;
    let control = pipes.keep_only(0)?;
    // The name in /proc opens the pipe anew, as the name of a FIFO would.
    let path = format!("/proc/self/fd/{}", control.as_fd().as_raw_fd());
    File::options().write(true).open(path)?.write_all(&[0, 200, Signal::SIGHUP as u8])?;
    for _ in 0..4 {
        println!("{:?}", control.receive().map_err(|error| error.kind()));
    }
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "closes_both_ends_at_exec" => closes_both_ends_at_exec(),
        "leaks_into_no_program" => leaks_into_no_program(),
        "delivers_in_order" => delivers_in_order(),
        "never_waits_for_a_command" => never_waits_for_a_command(),
        "tells_each_worker_of_the_masters_death" => tells_each_worker_of_the_masters_death(),
        "keeps_one_descriptor_each" => keeps_one_descriptor_each(),
        "never_waits_for_a_stuck_worker" => never_waits_for_a_stuck_worker(),
        "survives_a_dead_worker" => survives_a_dead_worker(),
        "hears_of_a_death_though_a_sibling_is_being_born" => {
            hears_of_a_death_though_a_sibling_is_being_born()
        }
        "refuses_to_send_while_it_could_read" => refuses_to_send_while_it_could_read(),
        "lets_go_of_who_had_the_slot" => lets_go_of_who_had_the_slot(),
        "closes_all_even_where_there_is_nothing_to_keep" => {
            closes_all_even_where_there_is_nothing_to_keep()
        }
        "takes_no_signal_for_what_is_none" => takes_no_signal_for_what_is_none(),
        "count_descriptors" => {
            println!("{}", descriptors()?.len());
            Ok(())
        }
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
