//! What mini-unicorn costs, side by side in one run: `just bench-unicorn`.
//!
//! Read in this order: `subject.rs`, who takes part; `running.rs`, one of them at work; `client.rs`,
//! the load, which believes no answer that it has not looked at; `renewal.rs`, how long a boot and the two
//! restarts take; `report.rs`.
//!
//! The server has one CPU and the load another, and what is compared is the server's own CPU time:
//! requests a second depend on the client as well. Rounds are interleaved, so that whatever else the
//! machine does meets everybody.
//!
//! `cargo test` runs this too, without cargo bench's `--bench`: then it only sees whether it works.

mod client;
mod renewal;
mod report;
mod running;
mod subject;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use report::{Report, Row};
use running::{Cpus, end_with_the_servers};
use subject::Subject;

/// As many workers has each server, and as many connections are open at a time.
const WORKERS: usize = 2;
const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_millis(200);

/// Measures mini-unicorn beside bare_server, and beside unicorn, gunicorn and puma where they are
/// installed
#[derive(Parser)]
struct Options {
    /// How long each round of load lasts
    #[arg(long, value_name = "N", default_value_t = 0.5)]
    seconds: f64,
    /// How many rounds of load
    #[arg(long, value_name = "N", default_value_t = 11)]
    rounds: usize,
    /// How many boots and restarts
    #[arg(long, value_name = "N", default_value_t = 20)]
    restarts: usize,
    /// As little of each as shows that all of it works
    #[arg(long)]
    quick: bool,
    /// Only these: bare_server, mini-unicorn, unicorn, gunicorn, puma
    only: Vec<String>,
    /// From cargo bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn new() -> Options {
        let mut options = match env::args().any(|argument| argument == "--bench") {
            true => Options::parse(),
            // What else there is, is meant for another test.
            false => Options::parse_from(["", "--quick", "bare_server", "mini-unicorn"]),
        };
        if options.quick {
            (options.seconds, options.rounds, options.restarts) = (0.1, 1, 2);
        }
        options
    }
}

fn main() -> ExitCode {
    match measure(&Options::new()) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the benchmark has failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Report, Box<dyn Error>> {
    let time = Duration::try_from_secs_f64(options.seconds)?;
    end_with_the_servers()?;
    let cpus = Cpus::choose()?;
    let asked = |subject: &Subject| {
        options.only.is_empty() || options.only.iter().any(|name| name == subject.name())
    };
    let subjects = Subject::ALL.into_iter().filter(asked);
    let mut rows: Vec<_> = subjects.map(Row::new).collect();
    for round in 1..=options.rounds {
        for row in rows.iter_mut().filter(|row| row.subject.is_installed()) {
            eprintln!("load {round} of {}: {}", options.rounds, row.subject.name());
            under_load(row, &cpus, time).map_err(|why| format!("{}: {why}", row.subject.name()))?;
        }
    }
    for turn in 1..=options.restarts {
        eprintln!("boot and restarts {turn} of {}", options.restarts);
        for row in rows.iter_mut().filter(|row| row.subject.is_installed()) {
            restarts(row, &cpus).map_err(|why| format!("{}: {why}", row.subject.name()))?;
        }
    }
    Ok(Report { rows, cpus, rounds: options.rounds, seconds: options.seconds })
}

/// One round: what requests cost, and what the workers have in memory afterwards.
fn under_load(row: &mut Row, cpus: &Cpus, time: Duration) -> Result<(), Box<dyn Error>> {
    let (server, _) = renewal::boot(row.subject, cpus)?;
    client::load(server.address, CONNECTIONS, WARM_UP)?;
    let before = server.cpu_time()?;
    let load = client::load(server.address, CONNECTIONS, time)?;
    let spent = server.cpu_time()?.saturating_sub(before);
    row.cpu.push(spent.as_secs_f64() * 1e6 / load.answers as f64);
    row.rate.push(load.answers as f64 / load.took.as_secs_f64());
    row.memory.push(server.memory_of_a_worker()? / 1024.0);
    Ok(())
}

/// One boot, and the restarts that this server knows.
fn restarts(row: &mut Row, cpus: &Cpus) -> Result<(), Box<dyn Error>> {
    let (server, boot) = renewal::boot(row.subject, cpus)?;
    row.boot.push(boot);
    if row.subject.is_unicorn() {
        row.hup.push(renewal::fresh_workers(&server)?);
        row.usr2.push(renewal::second_generation(&server)?);
    }
    Ok(())
}
