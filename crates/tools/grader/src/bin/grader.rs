//! Runs a program as an exercise's test would, contained, and says what happened.
//!
//! `grader run [--json] [--timeout SECONDS] [--network] [--write FOLDER] -- PROGRAM ARGS`
//!
//! The program's standard output is passed on when it has ended, and what happened is told on standard error; a terminal is shown what it would
//! obey as text. With `--json`, standard output is one object instead:
//!
//! - `program`: the path that was run; `containment`: what held, in one line;
//! - `exit`: `code`, `signal`, `deadline`, `output`, `memory` or `supervisor`; `status`: the code or the signal's number,
//!   else null; `ending`: the same as a sentence; when the grader could not do its part, `exit` is `error`, and no more than these is told;
//! - `refused`: what it tried to do to others; `limits`: the limits that it came to; `left_behind`: who was there after its end; `processes`: what
//!   everybody was doing when it was ended; each a list of sentences;
//! - `cpu_ms`: its processor time; `stdout`, `stderr`: what it wrote.
//!
//! Exit status: the program's own (128 and its number for a signal); 124 when it was ended at its deadline or by a limit;
//! 125 when the grader could not do its part.

use clap::{Parser, Subcommand};
use grader::{Containment, Exit, Network, Outcome, Run};
use serde_json::json;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Runs a program so that it can't hang or escape, and says what happened")]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Subcommand)]
enum Order {
    /// Run a program, contained
    Run {
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
        /// How many seconds the program may run
        #[arg(long, default_value_t = 3.0, value_parser = seconds)]
        timeout: f64,
        /// Let it use the network of this machine
        #[arg(long)]
        network: bool,
        /// Let it write beneath this folder
        #[arg(long, value_name = "FOLDER")]
        write: Vec<PathBuf>,
        /// The program (a path, or a name to look up in PATH) and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Say what contains a program on this machine
    Containment,
}

fn main() -> ExitCode {
    let order = Arguments::parse().order;
    // The grader says what it could not do by unwinding, with the text printed already.
    std::panic::catch_unwind(|| carry_out(order)).unwrap_or(ExitCode::from(125))
}

fn carry_out(order: Order) -> ExitCode {
    match order {
        Order::Containment => println!("{}", grader::containment(Containment::wanted())),
        Order::Run { json, timeout, network, write, command } => {
            let [program, args @ ..] = command.as_slice() else { return ExitCode::from(125) };
            let program = look_up(Path::new(program));
            let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
            let mut run = Run::new(&program).args(args).folder(&here);
            run = run.deadline(Duration::from_secs_f64(timeout)).may_compute();
            if network {
                run = run.network(Network::Shared);
            }
            run = write.iter().fold(run, |run, folder| run.may_write(here.join(folder)));
            let outcome = match std::panic::catch_unwind(|| run.finish()) {
                Ok(outcome) => outcome,
                Err(why) if json => {
                    let _ = error_as_json(&program, why.downcast_ref::<String>());
                    return ExitCode::from(125);
                }
                Err(_) => return ExitCode::from(125),
            };
            let told = if json { as_json(&program, &outcome) } else { as_text(&outcome) };
            // Nobody has to listen.
            let _ = told;
            return status(&outcome);
        }
    }
    ExitCode::SUCCESS
}

/// Whoever reads JSON is told there, too, that nothing is known of the program.
fn error_as_json(program: &Path, why: Option<&String>) -> std::io::Result<()> {
    let why = why.and_then(|text| text.lines().next()).unwrap_or_default();
    let program = program.display().to_string();
    let told = json!({ "program": program, "exit": "error", "status": null, "ending": why });
    writeln!(std::io::stdout(), "{told}")
}

fn as_text(outcome: &Outcome) -> std::io::Result<()> {
    // Who has stopped listening to the program may still want to know what became of it.
    let _ = pass_on(&mut std::io::stdout(), &outcome.stdout);
    let mut out = std::io::stderr();
    pass_on(&mut out, &outcome.stderr)?;
    writeln!(out, "{}", outcome.ending())?;
    let facts =
        outcome.refused.iter().chain(&outcome.limits).cloned().chain(outcome.who_was_left());
    for fact in facts.chain(hang(outcome)) {
        writeln!(out, "- {fact}")?;
    }
    writeln!(out, "{}", grader::containment(Containment::wanted()))
}

/// Passes on what the program has written: to a terminal as text, to anybody else as it is.
fn pass_on(to: &mut (impl Write + IsTerminal), bytes: &[u8]) -> std::io::Result<()> {
    if to.is_terminal() {
        to.write_all(grader::plain(&String::from_utf8_lossy(bytes)).as_bytes())?;
    } else {
        to.write_all(bytes)?;
    }
    to.flush()
}

fn as_json(program: &Path, outcome: &Outcome) -> std::io::Result<()> {
    let (exit, status) = match outcome.exit {
        Exit::Code(code) => ("code", Some(code)),
        Exit::Signal(number) => ("signal", Some(number)),
        Exit::Deadline => ("deadline", None),
        Exit::TooMuchOutput => ("output", None),
        Exit::TooMuchMemory => ("memory", None),
        Exit::Stopped => ("stopped", None),
        Exit::SupervisorGone => ("supervisor", None),
    };
    let told = json!({
        "program": program.display().to_string(),
        "containment": grader::containment(Containment::wanted()),
        "exit": exit,
        "status": status,
        "ending": outcome.ending(),
        "refused": outcome.refused,
        "limits": outcome.limits,
        "left_behind": outcome.who_was_left(),
        "processes": hang(outcome),
        "cpu_ms": u64::try_from(outcome.cpu.as_millis()).unwrap_or(u64::MAX),
        "stdout": String::from_utf8_lossy(&outcome.stdout),
        "stderr": String::from_utf8_lossy(&outcome.stderr),
    });
    writeln!(std::io::stdout(), "{told}")
}

/// What everybody was doing, of a program that did not end by itself.
fn hang(outcome: &Outcome) -> Vec<String> {
    match outcome.exit {
        Exit::Code(_) | Exit::Signal(_) => Vec::new(),
        _ => outcome.snapshot.explain(),
    }
}

fn status(outcome: &Outcome) -> ExitCode {
    match outcome.exit {
        Exit::Code(code) => ExitCode::from(code as u8),
        Exit::Signal(number) => ExitCode::from(128 + number as u8),
        _ => ExitCode::from(124),
    }
}

/// As execvp(3) would: a name without a slash is looked up in PATH.
fn look_up(program: &Path) -> PathBuf {
    let path = std::env::var_os("PATH").filter(|_| program.components().count() == 1);
    let found = path.and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
    });
    found.unwrap_or_else(|| program.to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (number > 0.0 && number < 86_400.0).then_some(number).ok_or("between 0 and a day".into())
}
