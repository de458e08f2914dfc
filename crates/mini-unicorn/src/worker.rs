//! A worker: waits, accepts, answers, until it is asked to leave.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{
    self, SIGHUP, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH,
};
use pipe::{Command, ControlPipe, ControlPipes};
use select::{Accepted, Listener};
use self_pipe::{SignalQueue, Woken};
use signals::Blocked;

use crate::heartbeat::Heartbeats;
use crate::http::{Scratch, answer};
use crate::listeners::Listeners;
use crate::logs::{Logs, log_panics, say};
use crate::site::Loaded;
use crate::{App, title};

/// What comes first among those that it waits for.
const CONTROL: usize = 0;
/// How long it leaves the listeners alone when it has no descriptor left to accept with.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// What has been asked of it.
enum Order {
    /// Go on.
    None,
    /// Somebody else serves whoever waits: leave.
    Leave,
    /// The master has gone, or lets go of us, and nobody comes after us: serve those who wait
    /// already, then leave.
    ServeOutAndLeave,
}

/// What a child has from its master, and makes a worker of.
pub(crate) struct Inherited<'a> {
    pub(crate) listeners: &'a Listeners,
    pub(crate) loaded: &'a mut Loaded,
    pub(crate) signals: &'a mut Option<SignalQueue>,
    pub(crate) beats: Heartbeats,
    pub(crate) pipes: &'a mut ControlPipes,
}

impl Inherited<'_> {
    // ANCHOR: work
    /// Becomes the worker of that number, and works until it is to leave.
    ///
    /// # Errors
    /// Those of what it needs, of [`App::after_fork`](crate::App::after_fork) and of its work.
    pub(crate) fn work(self, slot: usize, held: &Blocked) -> io::Result<()> {
        let Inherited { listeners, loaded, signals, beats, pipes } = self;
        title::set(&format!("worker[{slot}]"));
        let signals = held.begin_child(|| {
            drop(signals.take()); // the master's; a process has one at a time
            catch_signals()
        })?;
        log_panics();
        let control = pipes.keep_only(slot)?;
        loaded.app.after_fork(slot).map_err(|error| io::Error::other(error.to_string()))?;
        let worker = Worker {
            slot,
            app: &mut *loaded.app,
            listeners,
            control,
            signals,
            beats,
            timeout: loaded.settings.timeout,
            logs: &loaded.logs,
            scratch: Scratch::default(),
        };
        worker.run()
    }
    // ANCHOR_END: work
}

/// What a worker works with.
struct Worker<'a> {
    slot: usize,
    app: &'a mut dyn App,
    listeners: &'a Listeners,
    control: ControlPipe,
    signals: SignalQueue,
    beats: Heartbeats,
    timeout: Duration,
    logs: &'a Logs,
    scratch: Scratch,
}

/// The signals of a worker. SIGTERM and SIGINT keep their default, which is to end it at once. Those
/// that mean something to the master only are caught, and do no more than interrupt a sleep.
///
/// # Errors
/// Those of [`SignalQueue::new`].
fn catch_signals() -> io::Result<SignalQueue> {
    SignalQueue::new(&[SIGQUIT, SIGUSR1], &[SIGHUP, SIGUSR2, SIGWINCH, SIGTTIN, SIGTTOU])
}

impl Worker<'_> {
    // ANCHOR: run
    /// Works until it is asked to leave.
    ///
    /// # Errors
    /// Those of its control pipe, its sleep and accept(2), which leave it nothing to do.
    fn run(mut self) -> io::Result<()> {
        self.beats.ready(self.slot);
        say("ready");
        loop {
            let ready = self.sleep()?;
            match self.orders(ready.first() == Some(&CONTROL))? {
                Order::None => self.serve_those(&ready)?,
                Order::Leave => {
                    say("leaving, as I was asked to");
                    return Ok(());
                }
                Order::ServeOutAndLeave => {
                    say("no master holds my pipe: I serve who waits already, and leave");
                    return self.serve_out();
                }
            }
        }
    }
    // ANCHOR_END: run

    /// What signals and, if something is `in_pipe`, the control pipe ask for.
    fn orders(&mut self, in_pipe: bool) -> io::Result<Order> {
        while let Some(signal) = self.signals.next_signal() {
            if self.obey(signal) {
                return Ok(Order::Leave);
            }
        }
        while let Some(command) = if in_pipe { self.control.receive()? } else { None } {
            match command {
                Command::MasterDied => return Ok(Order::ServeOutAndLeave),
                Command::Signal(signal) if self.obey(signal) => return Ok(Order::Leave),
                Command::Signal(_) => {}
            }
        }
        Ok(Order::None)
    }

    /// Whether to leave.
    fn obey(&self, signal: Signal) -> bool {
        if signal == SIGUSR1 {
            self.logs.reopen_or_say();
        }
        signal == SIGQUIT
    }

    // ANCHOR: sleep
    /// Waits for a client, a command or a signal; now and then it gives a sign of life. Returns which
    /// are there: [`CONTROL`], and behind it the listeners, counted from 1.
    ///
    /// It comes before each accept, even on a busy server, where it seldom sleeps: an accept(2) that
    /// finds nobody costs as much as ten poll(2)s, since it has made a socket by then.
    fn sleep(&mut self) -> io::Result<Vec<usize>> {
        self.beats.beat(self.slot);
        let mut fds = vec![self.control.as_fd()];
        fds.extend(self.listeners.fds());
        match self.signals.sleep(&fds, Some(self.timeout / 2))? {
            Woken::Ready(ready) => Ok(ready),
            Woken::Wake | Woken::Timeout => Ok(Vec::new()),
        }
    }
    // ANCHOR_END: sleep

    // ANCHOR: serve
    /// Serves one client of each listener that has any, so that no order waits for more than that.
    fn serve_those(&mut self, ready: &[usize]) -> io::Result<()> {
        let listeners = self.listeners;
        for (number, (listener, _)) in (1..).zip(listeners.iter()) {
            if ready.contains(&number) {
                self.serve_one(listener)?;
            }
        }
        Ok(())
    }

    /// Serves whoever has waited longest, if anybody does.
    fn serve_one(&mut self, listener: &Listener) -> io::Result<bool> {
        match listener.accept() {
            Ok(Accepted::Connection(client)) => {
                self.serve(client);
                Ok(true)
            }
            Ok(Accepted::Nobody) => Ok(false), // another worker was faster, and that is well
            Err(error) => self.cannot_accept(error).map(|()| false),
        }
    }

    fn serve(&mut self, client: OwnedFd) {
        let Worker { slot, beats, .. } = *self;
        beats.beat(slot);
        let deadline = Instant::now() + self.timeout;
        let mut on_request = |request: &str| beats.works_on(slot, request);
        answer(client, deadline, self.app, &mut self.scratch, &mut on_request);
    }
    // ANCHOR_END: serve

    /// The connection stays in the queue and the listener readable: without a pause we would spin.
    fn cannot_accept(&mut self, error: io::Error) -> io::Result<()> {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                say(format_args!("cannot accept: {error}; again in {NO_DESCRIPTOR:?}"));
                self.signals.sleep(&[self.control.as_fd()], Some(NO_DESCRIPTOR)).map(drop)
            }
            _ => Err(error),
        }
    }

    // ANCHOR: serve_out
    /// Serves those who wait. Where nobody turns them away, new ones may come for ever, so at most
    /// as many as fit into the queue: it is first in, first out, so everybody is among them who
    /// waited before.
    fn serve_out(&mut self) -> io::Result<()> {
        let listeners = self.listeners;
        let most = listeners.iter().map(|(_, backlog)| backlog).max().unwrap_or(0);
        for _ in 0..=most {
            let mut somebody = false;
            for (listener, _) in listeners.iter() {
                somebody |= self.serve_one(listener)?;
            }
            if !somebody {
                break;
            }
        }
        Ok(())
    }
    // ANCHOR_END: serve_out
}
