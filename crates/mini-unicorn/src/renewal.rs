//! The master renewed: another configuration (SIGHUP), another program (SIGUSR2).

use std::mem;

use execve::reexec;

use crate::event::Event;
use crate::logs::say;
use crate::master::Master;
use crate::pid_file::PidFile;
use crate::site::Loaded;
use crate::title;

impl Master {
    // ANCHOR: reload
    pub(crate) fn reload(&mut self) {
        match self.site.load().and_then(|loaded| self.adopt(loaded)) {
            Err(why) => say(format_args!("not reloaded, and nothing has changed: {why}")),
            Ok(()) => {
                say("reloaded; each worker makes room for a new one");
                let settings = &self.loaded.settings;
                let (workers, timeout) = (settings.worker_processes, settings.timeout);
                self.decide(Event::Reloaded { workers, timeout });
            }
        }
    }

    /// All or nothing: whatever can be refused comes before the first change.
    fn adopt(&mut self, loaded: Loaded) -> Result<(), String> {
        loaded.logs.check()?;
        let path = loaded.settings.pid.as_deref();
        let moves = path != self.pid_file.as_ref().map(PidFile::path);
        let pid_file =
            path.filter(|_| moves).map(|path| PidFile::claim(path, false)).transpose()?;
        // While it tried again and again, nobody would look after the workers.
        let mut no_time = |_| false;
        let wanted = &loaded.settings.listen;
        if let Err(why) = self.listeners.reconcile(wanted, true, &mut no_time) {
            if let Some(pid_file) = pid_file {
                pid_file.release();
            }
            return Err(why);
        }
        if moves && let Some(old) = mem::replace(&mut self.pid_file, pid_file) {
            old.release();
        }
        self.loaded = loaded;
        if let Err(why) = self.loaded.logs.reopen() {
            say(why); // a moment ago they could be opened
        }
        Ok(())
    }
    // ANCHOR_END: reload

    // ANCHOR: successor
    /// Runs the program again, whatever its file holds by now, with the listeners in its hands.
    pub(crate) fn start_successor(&mut self) {
        if let Some(Err(error)) = self.pid_file.as_mut().map(PidFile::step_aside) {
            return say(format_args!("no new master: {error}"));
        }
        say("starting a new master");
        // SAFETY: this process has one thread, as `serve` says.
        match unsafe { reexec(&self.origin, &self.listeners.fds()) } {
            Ok(pid) => {
                title::set("master (old)");
                self.decide(Event::SuccessorRuns(pid));
            }
            Err(error) => {
                say(format_args!("cannot start a new master, so this one serves on: {error}"));
                self.take_back_pid_file();
            }
        }
    }

    pub(crate) fn take_back_pid_file(&mut self) {
        title::set("master");
        if let Some(Err(error)) = self.pid_file.as_mut().map(PidFile::take_back) {
            say(error);
        }
    }
    // ANCHOR_END: successor
}
