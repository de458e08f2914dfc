//! `cargo course`: the learner's command.
#![forbid(unsafe_code)]

mod commands;

use clap::{Parser, Subcommand};
use commands::Commands;
use course::Usage;
use std::process::ExitCode;

/// What went wrong is the machine's, or course's own.
const TROUBLE: u8 = 3;

/// The exercises: what is next, does it pass, what was seen, a hint
///
/// Without a command it says what is next, and how to begin.
#[derive(Parser)]
#[command(name = "cargo course", bin_name = "cargo course", after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,

    /// Print one JSON object instead of words
    #[arg(long, global = true)]
    json: bool,
}

const AFTER: &str = "\
Exit codes:
  0  it passes, or there was nothing to check
  1  it does not pass yet, or does not compile
  2  asked for what there is not
  3  this machine, or the grader, could not do its part

Progress is kept in .course/progress.json, which git leaves alone.
NO_COLOR is respected.";

#[derive(Subcommand)]
enum Task {
    /// Say what is next, and how to begin
    Next,
    /// Check an exercise once; without a name, the next one
    Check {
        name: Option<String>,
        /// Check every exercise, one after the other
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Check on each save, and listen to keys; without a name, the next one
    Watch { name: Option<String> },
    /// Give one more hint
    Hint {
        name: Option<String>,
        /// Give all of them
        #[arg(long)]
        all: bool,
    },
    /// Show the answer to an exercise that passes
    Solution {
        name: String,
        /// Show it though the exercise does not pass yet
        #[arg(long)]
        anyway: bool,
    },
    /// Put the starter back; your version is kept
    Reset {
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// List all exercises, and what is done
    #[command(visible_alias = "progress")]
    List,
}

fn main() -> ExitCode {
    let Arguments { task, json } = Arguments::parse();
    let done = Commands::here(json).and_then(|commands| match task {
        None | Some(Task::Next) => commands.next(),
        Some(Task::Check { name, all: false }) => commands.check(name.as_deref()),
        Some(Task::Check { all: true, .. }) => commands.check_all(),
        Some(Task::Watch { name }) => commands.watch(name.as_deref()),
        Some(Task::Hint { name, all }) => commands.hint(name.as_deref(), all),
        Some(Task::Solution { name, anyway }) => commands.solution(&name, anyway),
        Some(Task::Reset { name, yes }) => commands.reset(&name, yes),
        Some(Task::List) => commands.list(),
    });
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::from(TROUBLE) }
    })
}
