//! What was seen of a run, and the checks that every exercise needs.

use crate::{Process, Snapshot, State, Verdict};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::time::Duration;

/// The kernel's errors have smaller numbers (errno(3)).
const ERRORS: i32 = 134;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The program exited with this code.
    Code(i32),
    /// This signal ended the program.
    Signal(i32),
    /// The deadline came first.
    Deadline,
    /// The program wrote more than it may.
    TooMuchOutput,
    /// The program and its children used more memory than they may.
    TooMuchMemory,
    /// Whoever watched the run ended it.
    Stopped,
    /// The supervisor is gone, and with it the knowledge of how the program ended: something killed it.
    SupervisorGone,
}

/// What was seen of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How the program ended.
    pub exit: Exit,
    /// What it and its children wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it and its children wrote to standard error.
    pub stderr: Vec<u8>,
    /// The processes that were there when the program had ended: zombies, which it never reaped, and living ones.
    /// Empty when the program was ended by the grader; see `snapshot` then.
    pub left_behind: Vec<Process>,
    /// Whether the program itself has reaped a child.
    pub reaped_a_child: bool,
    /// Processor time of the program, without its children's.
    pub cpu: Duration,
    /// How long the program was allowed to run; with what it got in addition because others had the processors.
    pub deadline: Duration,
    /// Which limits it came to, a sentence each.
    pub limits: Vec<String>,
    /// What the program tried to do to others and was refused, a sentence each.
    pub refused: Vec<String>,
    /// All processes of the run at its end, or at its deadline, before any was killed.
    pub snapshot: Snapshot,
}

impl Outcome {
    /// Fails the test unless the program came to an end of its own, in time, without a panic, and without reaching for
    /// what is not its own.
    ///
    /// # Panics
    /// With a [`Verdict`] that says what kept it from ending.
    pub fn must_end(&self) {
        if !self.refused.is_empty() {
            Verdict::new("The program reached for what is not its own.")
                .saw_all(self.refused.iter().cloned())
                .saw(self.ending())
                .ask("Whom does the call mean by that number, and where does the number come from?")
                .fail()
        }
        let stderr = self.stderr_text();
        match self.exit {
            Exit::Deadline => self.hang().fail(),
            Exit::TooMuchOutput => {
                Verdict::new("The program was stopped: it wrote more output than it may.")
                    .saw(format!("standard output begins with {:?}", head(&self.stdout)))
                    .ask("Which loop writes, and what should end it?")
                    .fail()
            }
            Exit::TooMuchMemory => {
                Verdict::new("The program was stopped: it used more memory than it may.")
                    .saw(format!("it had {} processes", self.snapshot.processes.len()))
                    .ask("Which loop asks for memory, and what should end it?")
                    .fail()
            }
            Exit::Stopped => {
                Verdict::new("The program was ended before its time, by whoever watched it.").fail()
            }
            Exit::SupervisorGone => {
                Verdict::new("The program killed the grader's process that watches over it.")
                    .ask("Which processes does your kill(2) reach?")
                    .fail()
            }
            Exit::Code(101) if stderr.contains("not yet implemented") => Verdict::new(
                "This is not written yet: the program came to a `todo!`.",
            )
            .saw(message_of_panic(&stderr))
            .ask("What is to be done here? README.md has the task, and hints.md three steps.")
            .fail(),
            Exit::Code(101) if stderr.contains("panicked at") => {
                Verdict::new("The program panicked.")
                    .saw(message_of_panic(&stderr))
                    .ask("What does this line take for granted, and why is it not so here?")
                    .fail()
            }
            Exit::Code(_) | Exit::Signal(_) => {}
        }
    }

    /// Fails the test if a process was there after the program's end.
    ///
    /// # Panics
    /// With a [`Verdict`] that names who was left behind, and how.
    pub fn must_leave_nobody(&self) {
        if self.left_behind.is_empty() {
            return;
        }
        let count = self.left_behind.len();
        let noun = if count == 1 { "1 process".into() } else { format!("{count} processes") };
        Verdict::new(format!("The program did not wait for everybody: it left {noun} behind."))
            .saw(self.ending())
            .saw_all(self.who_was_left())
            .ask("Who reaps a child, and what does the parent do in the meantime?")
            .fail()
    }

    /// Fails the test if the last line of `main` came more than once: a child has come back from this function, too.
    ///
    /// # Panics
    /// With a [`Verdict`] that says so.
    pub fn must_come_back_once(&self, from: &str, last_line: &str) {
        let said = [self.stdout.as_slice(), b"\n", &self.stderr].concat();
        let times =
            String::from_utf8_lossy(&said).lines().filter(|line| *line == last_line).count();
        if times > 1 {
            Verdict::new(format!(
                "A child came back from `{from}`, and went on as a second parent."
            ))
            .saw(format!("{last_line:?} was said {times} times"))
            .ask(
                "Where does a function return to in a process that was copied in the middle of it?",
            )
            .fail()
        }
    }

    /// How the program ended, as a sentence.
    #[must_use]
    pub fn ending(&self) -> String {
        let pid = self.snapshot.program;
        match self.exit {
            Exit::Code(code) => format!("the program (pid {pid}) exited with code {code}"),
            Exit::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => format!("the program (pid {pid}) was killed by {signal}"),
                Err(_) => format!("the program (pid {pid}) was killed by signal {number}"),
            },
            Exit::Deadline => {
                format!("the program (pid {pid}) did not end within {:?}", self.deadline)
            }
            Exit::TooMuchOutput => {
                format!("the program (pid {pid}) was ended for writing too much")
            }
            Exit::TooMuchMemory => {
                format!("the program (pid {pid}) was ended for using too much memory")
            }
            Exit::Stopped => format!("the program (pid {pid}) was stopped"),
            Exit::SupervisorGone => format!("nobody knows how the program (pid {pid}) ended"),
        }
    }

    /// Who was left behind, a sentence each.
    #[must_use]
    pub fn who_was_left(&self) -> Vec<String> {
        let sentence = |process: &Process| {
            let alive = if process.state == State::Zombie { "" } else { "is still alive: it " };
            format!("pid {} {alive}{}", process.pid, self.snapshot.describe(process))
        };
        self.left_behind.iter().map(sentence).collect()
    }

    /// Whether it has failed, and said why on standard error, among other things perhaps: this error in one of its forms (its number, its name, its words), or
    /// words of the program's own, if they blame no other error.
    #[must_use]
    pub fn reports(&self, error: Errno) -> bool {
        let said = self.stderr_text();
        let names = |errno: Errno| {
            let name = format!("{errno:?}");
            said.contains(&format!("os error {})", errno as i32))
                || said.contains(errno.desc())
                || said.split(|c: char| !c.is_alphanumeric()).any(|word| word == name)
        };
        let fails = matches!(self.exit, Exit::Code(1..)) && !said.trim().is_empty();
        fails && (names(error) || !(1..ERRORS).map(Errno::from_raw).any(names))
    }

    /// The beginning of what the program wrote to standard error, as evidence; nothing if it wrote nothing. Not to be searched: what counts may stand behind
    /// it.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let text = self.stderr_text();
        let text = text.trim();
        (!text.is_empty()).then(|| format!("on standard error: {}", head(text.as_bytes())))
    }

    fn hang(&self) -> Verdict {
        let does = self.snapshot.program().map(|program| self.snapshot.describe(program));
        let does = does.map(|does| format!(": it {does}")).unwrap_or_default();
        Verdict::new(format!("The program did not end within {:?}{does}.", self.deadline))
            .saw_all(self.limits.iter().cloned())
            .saw_all(self.snapshot.explain())
            .ask("What would have to happen for the program to go on, and who would do it?")
    }

    fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// The part of a panic's report that helps: where it was, and what was said. The last panic is the one that counts.
fn message_of_panic(stderr: &str) -> String {
    let report = stderr.rsplit_once("panicked at ").map_or(stderr, |(_, report)| report);
    let lines = report.lines().take_while(|line| !line.starts_with("note: ")).take(6);
    lines.collect::<Vec<_>>().join("\n")
}

/// The first lines of a text, for evidence.
fn head(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
    text.lines().take(6).collect::<Vec<_>>().join("\n")
}
