//! `cargo recorder`: what the kernel did for a program, seen.

mod explain;
mod stop;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::{Parser, Subcommand};
use recorder::{Injection, Options, Policy};
use trace::event::{self, Status, What};
use trace::{Event, html, same, svg, text};

/// The recorder's own failure, as env(1) and timeout(1) have it.
const FAILED: u8 = 125;

/// See what the kernel did for a program
#[derive(Parser)]
#[command(name = "cargo recorder", bin_name = "cargo recorder")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
struct Run {
    /// Who runs next
    #[arg(long, value_enum, default_value_t = Choice::RunToBlock, value_name = "POLICY")]
    policy: Choice,

    /// What `--policy random` chooses by
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Write the events to this file, one JSON object a line, for `cargo recorder show`
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    #[command(flatten)]
    views: Views,

    /// Give the program a terminal of its own, nothing else open and a fixed environment
    ///
    /// Its recording is then the same wherever it is made.
    #[arg(long)]
    clean: bool,

    /// Write down all calls, those of the loader and of the language's runtime too
    #[arg(long)]
    all: bool,

    /// Hold what is told against /proc at every stop, and say what differs, with exit status 125
    ///
    /// In free order, only the tables of processes of one thread, whenever these stop.
    #[arg(long)]
    check: bool,

    /// End the program after all of it has slept for so long with nothing that could wake it
    ///
    /// It is then said who waits, for what, and who holds the other end. Whom somebody else could wake is
    /// left to sleep: a listener on a port, a UDP socket that has one, a reader of the terminal, a FIFO that was there before.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    patience: f64,

    /// End the program after this time, even if it runs, and say who runs and where
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<f64>,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,

    #[command(flatten)]
    does: Does,
}

/// What the recorder does to the program.
#[derive(clap::Args)]
#[command(
    next_help_heading = "Do something to the program: at P2's third write (P2:write:3), its first \
                               (P2:write), each (P2:write:*), or anybody's (write)"
)]
struct Does {
    /// Make a call fail, without making it: P2:write:1=EAGAIN
    #[arg(long, value_name = "CALL=ERROR", value_parser = Injection::fail)]
    fail: Vec<Injection>,

    /// Let a call move only so many bytes: P1:read:3=1
    #[arg(long, value_name = "CALL=BYTES", value_parser = Injection::short)]
    short: Vec<Injection>,

    /// Send a signal just before a call begins: P1:poll:2=TERM
    #[arg(long, value_name = "CALL=SIGNAL", value_parser = Injection::signal)]
    signal: Vec<Injection>,

    /// Hold a task before a call until nobody else can go on: P1:read; or until another call is over:
    /// P1:read=P2:write:3
    #[arg(long, value_name = "CALL[=CALL]", value_parser = Injection::hold)]
    hold: Vec<Injection>,
}

impl Does {
    fn all(&self) -> Vec<Injection> {
        [&self.fail, &self.short, &self.signal, &self.hold].into_iter().flatten().cloned().collect()
    }
}

#[derive(clap::Args)]
struct Show {
    /// The recording
    events: PathBuf,

    #[command(flatten)]
    views: Views,
}

#[derive(clap::Args)]
struct Views {
    /// Write the picture as text to this file; without any file, it goes to standard error
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,

    /// Write a page to step through the recording, in one file that needs no other
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Write the picture alone, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// How many characters a line of text may have
    #[arg(long, default_value_t = 100, value_name = "N")]
    width: usize,

    /// Say in the text on which line of its source each call is, where the program has debug information
    #[arg(long)]
    lines: bool,
}

impl Views {
    fn draw_text(&self, events: &[Event]) -> String {
        let draw = if self.lines { text::lanes_with_lines } else { text::lanes };
        draw(events, self.width)
    }
}

/// As [`Policy`], for the command line.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Choice {
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

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(run) => record(&run),
        Command::Show(show) => draw_stored(&show).map(|()| 0),
        Command::Compare { one, other } => compare(&one, &other),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            _ = writeln!(io::stderr(), "error: {why}");
            ExitCode::from(FAILED)
        }
    }
}

fn record(run: &Run) -> Result<u8, String> {
    stop::hear(run.clean);
    let options = Options {
        policy: run.policy.into(),
        seed: run.seed,
        clean: run.clean,
        all: run.all,
        check: run.check,
        lines: true,
        patience: Duration::from_secs_f64(run.patience),
        alone: false,
        deadline: run.deadline.map(Duration::from_secs_f64),
        stop: Some(&stop::SIGNAL),
        injections: run.does.all(),
    };
    let mut events = Vec::new();
    let ended = recorder::record(&run.program, &options, &mut |event| events.push(event));
    let ended = ended.map_err(|error| error.to_string())?;
    stop::let_through();
    if let Some(path) = &run.events {
        store(&events, path).map_err(|error| cannot_write(path, error))?;
    }
    draw(&events, &run.views, run.events.is_none())?;
    let knot = if ended.stuck { explain::knot(&events) } else { Vec::new() };
    let late = ended.late.as_ref().map(|late| explain::late(&events, late)).unwrap_or_default();
    for line in knot.into_iter().chain(late) {
        _ = writeln!(io::stderr(), "{line}");
    }
    if run.check {
        believe(&events)?;
    }
    for warning in &ended.warnings {
        _ = writeln!(io::stderr(), "warning: {warning}");
    }
    for (injection, why) in &ended.unmet {
        _ = writeln!(io::stderr(), "warning: {injection} has not happened: {why}");
    }
    let stopped_by = stop::SIGNAL.load(Ordering::Relaxed);
    if stopped_by != 0 {
        return Ok((128 + stopped_by) as u8);
    }
    Ok(match ended.status {
        Status::Code(code) => code,
        Status::Signal(signal) => (128 + signal) as u8, // signals end at 64
    })
}

/// Nothing in a recording may stand against the rest of it.
fn believe(events: &[Event]) -> Result<(), String> {
    let contradictions = trace::check(events);
    for contradiction in &contradictions {
        _ = writeln!(io::stderr(), "{contradiction}"); // else nobody is there
    }
    match contradictions.len() {
        0 => Ok(()),
        1 => Err("the recording contradicts itself".to_string()),
        several => Err(format!("the recording contradicts itself {several} times")),
    }
}

fn store(events: &[Event], path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    events.iter().try_for_each(|event| event::write(event, &mut file))?;
    file.flush()
}

fn draw_stored(show: &Show) -> Result<(), String> {
    draw(&load(&show.events)?, &show.views, true)
}

fn load(path: &Path) -> Result<Vec<Event>, String> {
    let cannot_read = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot_read)?;
    event::read(BufReader::new(file)).map_err(cannot_read)
}

fn compare(one: &Path, other: &Path) -> Result<u8, String> {
    let Some(difference) = same::difference(&load(one)?, &load(other)?) else { return Ok(0) };
    _ = writeln!(io::stdout(), "{difference}"); // else nobody is there
    Ok(1)
}

/// Writes the views that were asked for; if none was, `or_show` the text.
fn draw(events: &[Event], views: &Views, or_show: bool) -> Result<(), String> {
    let files = [&views.text, &views.html, &views.svg];
    if or_show && files.iter().all(|file| file.is_none()) {
        _ = write!(io::stderr(), "{}", views.draw_text(events)); // else nobody is there
    }
    let title = title(events);
    let draw: [&dyn Fn() -> String; 3] =
        [&|| views.draw_text(events), &|| html::page(events, &title), &|| svg::picture(events)];
    for (path, draw) in files.into_iter().zip(draw) {
        if let Some(path) = path {
            fs::write(path, draw()).map_err(|error| cannot_write(path, error))?;
        }
    }
    Ok(())
}

/// What was run.
fn title(events: &[Event]) -> String {
    match events.first().map(|event| &event.what) {
        Some(What::Begin { argv, .. }) => argv.join(" "),
        _ => "a recording".to_string(),
    }
}

fn cannot_write(path: &Path, error: io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
