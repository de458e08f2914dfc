//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use recorder::{Injection, Policy};
use trace::{Event, text};

/// See what the kernel did for a program
#[derive(Parser)]
#[command(name = "cargo recorder", bin_name = "cargo recorder")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a program, one task at a time, and draw what the kernel did for it
    ///
    /// The program's input, output and terminal are left to it. The exit status is the program's own,
    /// 128 and the signal's number if one has killed it, or 125 if it could not be recorded.
    Run(Run),
    /// Draw a recording that `run --events` has written
    Show(Show),
    /// Say where two recordings differ, but for what depends on the machine
    ///
    /// The exit status is 0 if they tell the same, 1 if they differ, and 125 if one can't be read.
    Compare {
        /// A recording
        one: PathBuf,
        /// Another one
        other: PathBuf,
    },
}

#[derive(clap::Args)]
pub(crate) struct Run {
    /// Who runs next
    #[arg(long, value_enum, default_value_t = Choice::RunToBlock, value_name = "POLICY")]
    pub(crate) policy: Choice,

    /// What `--policy random` chooses by
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Write the events to this file, one JSON object a line, for `cargo recorder show`
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) views: Views,

    /// Give the program a terminal of its own, nothing else open and a fixed environment
    ///
    /// Its recording is then the same wherever it is made.
    #[arg(long)]
    pub(crate) clean: bool,

    /// Write down all calls, those of the loader and of the language's runtime too
    #[arg(long)]
    pub(crate) all: bool,

    /// Hold what is told against /proc at every stop, and say what differs, with exit status 125
    ///
    /// In free order, only the tables of processes of one thread, whenever these stop.
    #[arg(long)]
    pub(crate) check: bool,

    /// End the program after all of it has slept for so long with nothing that could wake it
    ///
    /// It is then said who waits, for what, and who holds the other end. Whom somebody else could wake is
    /// left to sleep: a listener on a port, a UDP socket that has one, a reader of the terminal, a FIFO that was there before.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) patience: f64,

    /// End the program after this time, even if it runs, and say who runs and where
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) deadline: Option<f64>,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,

    #[command(flatten)]
    pub(crate) does: Does,
}

/// What the recorder does to the program.
#[derive(clap::Args)]
#[command(
    next_help_heading = "Do something to the program: at P2's third write (P2:write:3), its first \
                               (P2:write), each (P2:write:*), or anybody's (write)"
)]
pub(crate) struct Does {
    /// Make a call fail, without making it: P2:write:1=EAGAIN
    #[arg(long, value_name = "CALL=ERROR", value_parser = Injection::fail)]
    pub(crate) fail: Vec<Injection>,

    /// Let a call move only so many bytes: P1:read:3=1
    #[arg(long, value_name = "CALL=BYTES", value_parser = Injection::short)]
    pub(crate) short: Vec<Injection>,

    /// Send a signal just before a call begins: P1:poll:2=TERM
    #[arg(long, value_name = "CALL=SIGNAL", value_parser = Injection::signal)]
    pub(crate) signal: Vec<Injection>,

    /// Hold a task before a call until nobody else can go on: P1:read; or until another call is over:
    /// P1:read=P2:write:3
    #[arg(long, value_name = "CALL[=CALL]", value_parser = Injection::hold)]
    pub(crate) hold: Vec<Injection>,
}

impl Does {
    pub(crate) fn all(&self) -> Vec<Injection> {
        [&self.fail, &self.short, &self.signal, &self.hold].into_iter().flatten().cloned().collect()
    }
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// The recording
    pub(crate) events: PathBuf,

    #[command(flatten)]
    pub(crate) views: Views,
}

#[derive(clap::Args)]
pub(crate) struct Views {
    /// Write the picture as text to this file; without any file, it goes to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,

    /// Write a page to step through the recording, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Write the picture alone, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// How many characters a line of text may have
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub(crate) width: usize,

    /// Say in the text on which line of its source each call is, where the program has debug information
    #[arg(long)]
    pub(crate) lines: bool,
}

impl Views {
    pub(crate) fn draw_text(&self, events: &[Event]) -> String {
        let draw = if self.lines { text::lanes_with_lines } else { text::lanes };
        draw(events, self.width)
    }
}

/// As [`Policy`], for the command line.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Choice {
    /// Who runs goes on until it must wait
    RunToBlock,
    /// Always the youngest that can run
    ChildFirst,
    /// Always the eldest that can run
    ParentFirst,
    /// Anybody, anew at each step
    Random,
    /// As the kernel chooses: another order each time
    Free,
}

impl From<Choice> for Policy {
    fn from(choice: Choice) -> Policy {
        match choice {
            Choice::RunToBlock => Policy::RunToBlock,
            Choice::ChildFirst => Policy::ChildFirst,
            Choice::ParentFirst => Policy::ParentFirst,
            Choice::Random => Policy::Random,
            Choice::Free => Policy::Free,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map(|_| seconds).map_err(|error| error.to_string())
}
