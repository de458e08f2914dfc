//! `cargo recorder`: what the kernel did for a program, seen.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use recorder::{Options, Policy};
use trace::event::{self, Status};

mod text;

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
    /// Run a program, one task at a time, and write down what the kernel does for it
    ///
    /// The program's input, output and terminal are left to it. The exit status is the program's own,
    /// 128 and the signal's number if one has killed it, or 125 if it could not be recorded.
    Run(Run),
}

#[derive(clap::Args)]
struct Run {
    /// Who runs next
    #[arg(long, value_enum, default_value_t = Choice::RunToBlock, value_name = "POLICY")]
    policy: Choice,

    /// What `--policy random` chooses by
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Write the events to this file, one JSON object a line; without it, as text on standard error
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,

    /// Write down all calls, those of the loader and of the language's runtime too
    #[arg(long)]
    all: bool,

    /// End the program after all of it has slept for so long with nothing that could wake it
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    patience: f64,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
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
    let Command::Run(run) = Arguments::parse().command;
    match record(&run) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            _ = writeln!(io::stderr(), "error: {why}");
            ExitCode::from(FAILED)
        }
    }
}

fn record(run: &Run) -> Result<u8, String> {
    let output = run.events.as_ref().map(|path| {
        let file = File::create(path).map(BufWriter::new);
        file.map_err(|error| format!("cannot write {}: {error}", path.display()))
    });
    let mut output = output.transpose()?;
    outlive_the_program();
    let mut failed = None;
    let options = Options {
        policy: run.policy.into(),
        seed: run.seed,
        all: run.all,
        patience: Duration::from_secs_f64(run.patience),
    };
    let ended = recorder::record(&run.program, &options, &mut |event| {
        let written = match &mut output {
            Some(file) => event::write(&event, file),
            None => writeln!(io::stderr(), "{}", text::line(&event)),
        };
        if let Err(error) = written {
            failed.get_or_insert(error);
        }
    });
    let flushed = output.map_or(Ok(()), |mut file| file.flush());
    let ended = ended.map_err(|error| error.to_string())?;
    if let Err(error) = flushed {
        failed.get_or_insert(error);
    }
    if let Some(error) = failed {
        return Err(format!("cannot write the events: {error}"));
    }
    if ended.stuck {
        _ = writeln!(io::stderr(), "recorder: everybody slept, and nothing could wake them: ended");
    }
    Ok(match ended.status {
        Status::Code(code) => code,
        Status::Signal(signal) => (128 + signal) as u8,
    })
}

/// Ctrl-C and Ctrl-\ go to the program too, which decides; the recorder ends after it. A handler,
/// since what is ignored would stay so in the program.
fn outlive_the_program() {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: the handler does nothing. Were it refused, Ctrl-C would end the recorder first.
        _ = unsafe { sigaction(signal, &action) };
    }
}
