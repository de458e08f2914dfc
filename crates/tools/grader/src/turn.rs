//! A signal at any instruction of a turn: whoever takes the news in one step, and wipes them out in another, loses what comes in between.

use crate::between::{Over, Stepped, gone, number};
use crate::proc::call_of;
use crate::runs::Runs;
use crate::tracee::{Halt, Tracee, sleeps};
use crate::{Call, Running, calls};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use std::sync::mpsc;
use std::thread;

/// More calls than a turn has that looks for news, and more instructions than there are between two of them.
const MOST: u32 = 20_000;
/// What came of a signal within a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InATurn {
    /// Wherever it came, it was told, or the program could not be looked at: it sleeps in another way, has ended, or takes too long.
    Told,
    /// It came, and the program has slept again without telling it.
    Lost {
        /// The last call that was over by then.
        after: String,
        /// So many instructions later it came.
        later: u32,
    },
    /// This machine doesn't let the test trace the program.
    Refused(Errno),
}

impl Running {
    /// Has this signal come within turn after turn of a program, and finds out at which instruction it is no more told in the same one. There,
    /// and wherever else it came, it must be told in the next.
    ///
    /// For a program that sleeps in poll(2) or its like, has one thread, and says `line` for the signal; `wake` wakes it without any news.
    pub fn signal_within_a_turn(
        &mut self,
        signal: Signal,
        line: &str,
        wake: impl FnMut(),
    ) -> InATurn {
        let pid = self.pid();
        if let Err(errno) = ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD) {
            return InATurn::Refused(errno);
        }
        let told = || {
            self.read_output();
            let said = String::from_utf8_lossy(&self.stdout.bytes).into_owned();
            said.lines().filter(|said| *said == line).count()
        };
        let mut turns = Turns { program: Tracee(pid), signal, wake, told };
        let (done, is_done) = mpsc::channel::<()>();
        let runs = Runs::default();
        let result = thread::scope(|scope| {
            // Whatever the program does, each wait ends.
            scope.spawn(|| runs.watch(pid, is_done));
            let result = turns.search();
            // It may have ended, and it must be in a stop for that.
            if ptrace::detach(pid, None).is_err()
                && ptrace::interrupt(pid).is_ok()
                && turns.program.stop().is_ok()
            {
                let _ = ptrace::detach(pid, None);
            }
            drop(done);
            result
        });
        match result {
            Ok(Some((after, later))) => InATurn::Lost { after: after.into(), later },
            Ok(None) | Err(Over::Ended | Over::Slow) => InATurn::Told,
            Err(Over::Refused(errno)) => InATurn::Refused(errno),
        }
    }
}

/// What came of a signal at one place.
enum Fate {
    Told {
        /// In this turn, and not in the next one.
        at_once: bool,
    },
    /// After this call.
    Lost(&'static str),
}

/// Which call, and how many instructions later: there it is lost. Or the last place at which it is told in the same turn.
type Found = Result<u32, (&'static str, u32)>;

/// A program that is traced, and makes turns.
struct Turns<Wake, Told> {
    program: Tracee,
    signal: Signal,
    wake: Wake,
    told: Told,
}

impl<Wake: FnMut(), Told: FnMut() -> usize> Turns<Wake, Told> {
    /// Where it is lost.
    fn search(&mut self) -> Stepped<Option<(&'static str, u32)>> {
        self.program.until_asleep()?;
        let calls = self.calls_in_a_turn()?;
        // The end of its sleep is the first of them. Then the instructions between two.
        let found = match self.between(1, calls + 1, |at| (at, 0))? {
            Ok(call) => {
                let steps = self.steps_behind(call)?;
                self.between(0, steps, |at| (call, at))?
            }
            lost => lost,
        };
        Ok(found.err())
    }

    /// Looks for the last place at which it is told in the same turn: it is at the first of these numbers, and no more at the second.
    fn between(
        &mut self,
        mut first: u32,
        mut too_late: u32,
        place: impl Fn(u32) -> (u32, u32),
    ) -> Stepped<Found> {
        while first + 1 < too_late {
            let at = first.midpoint(too_late);
            let (calls, steps) = place(at);
            match self.fate_at(calls, steps)? {
                Fate::Told { at_once: true } => first = at,
                Fate::Told { at_once: false } => too_late = at,
                Fate::Lost(call) => return Ok(Err((call, steps))),
            }
        }
        Ok(Ok(first))
    }

    /// Sends it so many instructions after so many calls of a turn.
    fn fate_at(&mut self, calls: u32, steps: u32) -> Stepped<Fate> {
        let before = (self.told)();
        let call = self.wake_until(calls)?;
        for _ in 0..steps {
            self.program.step()?;
        }
        kill(self.program.0, self.signal).map_err(gone)?;
        let at_once = self.tells_in_this_turn()?;
        self.program.until_asleep()?;
        let told = (self.told)() > before;
        Ok(if told { Fate::Told { at_once } } else { Fate::Lost(call) })
    }

    /// How many calls it makes in a turn.
    fn calls_in_a_turn(&mut self) -> Stepped<u32> {
        self.wake_until(1)?;
        let mut calls = 1;
        while !sleeps(&self.program.next_call()?) {
            self.program.next_call()?;
            calls += 1;
            if calls > MOST {
                return Err(Over::Slow);
            }
        }
        self.program.until_asleep()?;
        Ok(calls)
    }

    /// How many instructions there are from the end of this call of a turn to the next one's, which may be a sleep.
    fn steps_behind(&mut self, call: u32) -> Stepped<u32> {
        self.wake_until(call)?;
        let mut steps = 0;
        loop {
            ptrace::step(self.program.0, None).map_err(gone)?;
            steps += 1;
            let halt = self.program.halt()?;
            if matches!(halt, Halt::Asleep) {
                ptrace::interrupt(self.program.0).map_err(gone)?;
                self.program.stop()?;
            }
            if number(&call_of(self.program.0)).is_some() {
                self.program.until_asleep()?;
                return Ok(steps);
            }
            if steps > MOST {
                return Err(Over::Slow);
            }
        }
    }

    /// Goes on to the beginning of its next sleep; whether it says something on standard output before.
    fn tells_in_this_turn(&mut self) -> Stepped<bool> {
        let mut tells = false;
        loop {
            let call = self.program.next_call()?;
            if sleeps(&call) {
                return Ok(tells);
            }
            tells |= number(&call) == Some(libc::SYS_write)
                && matches!(call, Call::In { args: [1, ..], .. });
            self.program.next_call()?;
        }
    }

    /// Wakes it, and lets it make so many calls. Returns the last one.
    fn wake_until(&mut self, calls: u32) -> Stepped<&'static str> {
        self.wake_up()?;
        let mut last = "poll";
        for made in 0..calls {
            let call = self.program.next_call()?;
            // Fewer than before: nothing follows from that.
            if made > 0 && sleeps(&call) {
                return Err(Over::Slow);
            }
            self.program.next_call()?;
            if made > 0 {
                last = number(&call).and_then(calls::name).unwrap_or("another call");
            }
        }
        Ok(last)
    }

    /// Has something come that it sleeps for, and holds it there.
    fn wake_up(&mut self) -> Stepped<()> {
        ptrace::interrupt(self.program.0).map_err(gone)?;
        self.program.stop()?;
        (self.wake)();
        Ok(())
    }
}
