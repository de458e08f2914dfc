//! From `main` to the master's loop, or to a message that says why not.

use std::env;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use execve::Origin;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use pipe::ControlPipes;
use self_pipe::{SignalQueue, Woken};

use crate::config::Command;
use crate::daemon::{Ready, detach};
use crate::event::Event;
use crate::heartbeat::Heartbeats;
use crate::listeners::Listeners;
use crate::logs::{leave_terminal, say};
use crate::master::{Master, catch_master_signals};
use crate::pid_file::PidFile;
use crate::roster::Roster;
use crate::site::{Loaded, Site};
use crate::{App, Error, title};

/// Serves the app that `load` makes, as the command line says, and returns what `main` should.
///
/// `load` is called at the start and for each SIGHUP, in the master, with what `--app` or the
/// configuration file names. What it opens is shared by all workers; see [`App::after_fork`].
///
/// The process that calls this must have one thread, for it will fork; so don't start any in
/// `load` either. Call it first thing: descriptors that whoever started the program has left open
/// for it must not have been taken for something else.
pub fn serve<A: App + 'static>(load: impl Fn(&str) -> Result<A, Error> + 'static) -> ExitCode {
    let origin = Origin::now();
    let is_successor = env::var_os("UNICORN_FD").is_some();
    let command = Command::parse();
    let load = Box::new(move |name: &str| Ok(Box::new(load(name)?) as Box<dyn App>));
    let site = Site { command, load };
    let started = || {
        let origin = origin.map_err(|error| format!("cannot tell how it was started: {error}"))?;
        // SAFETY: one thread, and nothing was opened, as our caller was told.
        let listeners = unsafe { Listeners::inherit() }.map_err(|error| error.to_string())?;
        // SAFETY: as above.
        unsafe { title::claim_space() };
        let loaded = site.load()?;
        if site.command.check() {
            println!("the configuration is good");
            return Ok(0);
        }
        let in_background = site.command.daemonize() && !is_successor; // that one is ours to watch
        let start = |mut ready: Ready| {
            // While it complains, who waits must not be told yet that it came to nothing.
            let ended = start(origin, site, loaded, listeners, is_successor, &mut ready);
            ended.map_or_else(|why| complain(&why), |()| 0)
        };
        if in_background {
            // SAFETY: as above.
            unsafe { detach(start) }.map_err(|error| format!("cannot daemonize: {error}"))
        } else {
            Ok(start(Ready::nobody_waits()))
        }
    };
    started().unwrap_or_else(|why: String| complain(&why)).into()
}

fn complain(why: &str) -> u8 {
    eprintln!("mini-unicorn: {why}");
    1
}

/// Sleeps for that time, or until somebody wants us to stop. Whatever else comes is kept for later.
fn is_stopped(signals: &mut SignalQueue, time: Duration, early: &mut Vec<Signal>) -> bool {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match signals.sleep(&[], Some(left)) {
            Ok(Woken::Timeout) => return false,
            Ok(_) => {}
            Err(_) => return true,
        }
        while let Some(signal) = signals.next_signal() {
            match signal {
                Signal::SIGQUIT | Signal::SIGTERM | Signal::SIGINT => return true,
                other => early.push(other),
            }
        }
    }
}

// ANCHOR: start
fn start(
    origin: Origin,
    site: Site,
    loaded: Loaded,
    mut listeners: Listeners,
    is_successor: bool,
    ready: &mut Ready,
) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot start: {error}");
    // First, for whoever finds the pid file may send a signal at once. They wait until we are ready.
    let mut signals = catch_master_signals().map_err(failed)?;
    let beats = Heartbeats::new().map_err(failed)?;
    let settings = &loaded.settings;
    let claim = |path| PidFile::claim(path, is_successor);
    let pid_file = settings.pid.as_deref().map(claim).transpose()?;
    let mut early = Vec::new();
    let mut pause = |time| !is_stopped(&mut signals, time, &mut early);
    let bound = listeners
        .reconcile(&settings.listen, false, &mut pause)
        .and_then(|()| loaded.logs.reopen());
    if let Err(why) = bound {
        if let Some(pid_file) = pid_file {
            pid_file.release(); // nobody serves here, so nobody should be found here
        }
        return Err(why);
    }
    let (workers, timeout) = (settings.worker_processes, settings.timeout);
    let at_terminal = io::stdin().is_terminal() && !ready.is_daemon();
    let mut master = Master {
        origin,
        site,
        loaded,
        listeners,
        pid_file,
        signals: Some(signals),
        beats,
        pipes: ControlPipes::new(),
        roster: Roster::new(workers, timeout, at_terminal),
        predecessor: is_successor.then(getppid),
    };
    title::set("master");
    let noun = if workers == 1 { "worker" } else { "workers" };
    say(format_args!("ready, with {workers} {noun} to start"));
    // Before the first fork, or workers would hold on to the terminal, and to the pipe of who waits.
    if ready.is_daemon() {
        leave_terminal(&master.loaded.logs).map_err(failed)?;
    }
    ready.tell();
    early.into_iter().for_each(|signal| master.decide(Event::Signal(signal)));
    master.spawn_the_missing();
    master.run().map_err(failed)
}
// ANCHOR_END: start
