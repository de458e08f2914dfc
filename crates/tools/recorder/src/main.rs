//! `cargo recorder`: what the kernel did for a program, seen.

mod arguments;
mod explain;
mod stop;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use recorder::Options;
use trace::event::{self, Status, What};
use trace::{Event, html, same, svg};

use arguments::{Arguments, Command, Run, Show, Views};

/// The recorder's own failure, as env(1) and timeout(1) have it.
const FAILED: u8 = 125;

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
