//! The tables.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::running::Cpus;
use crate::subject::Subject;
use crate::{CONNECTIONS, WORKERS};

/// What was measured of one server, once for each round.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    /// In microseconds a request.
    pub(crate) cpu: Vec<f64>,
    /// In requests a second.
    pub(crate) rate: Vec<f64>,
    /// In MB a worker.
    pub(crate) memory: Vec<f64>,
    pub(crate) boot: Vec<Duration>,
    pub(crate) hup: Vec<Duration>,
    pub(crate) usr2: Vec<Duration>,
}

impl Row {
    pub(crate) fn new(subject: Subject) -> Row {
        let (cpu, rate, memory) = (Vec::new(), Vec::new(), Vec::new());
        let (boot, hup, usr2) = (Vec::new(), Vec::new(), Vec::new());
        Row { subject, cpu, rate, memory, boot, hup, usr2 }
    }
}

/// All of it, and where it was measured.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) cpus: Cpus,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { rows, cpus: Cpus { server, load }, rounds, seconds } = self;
        writeln!(f, "{}; server on CPU {server}, load on CPU {load}", machine())?;
        writeln!(f, "{WORKERS} workers, {CONNECTIONS} connections, one request each")?;
        writeln!(f, "\nMedian of {rounds} rounds of {seconds} s (least to most)\n")?;
        let (cpu, rate) = ("CPU µs a request", "requests a second");
        writeln!(f, "{:<14}{cpu:<26}{:<10}{rate:<26}PSS a worker", "", "x bare")?;
        let bare = rows.iter().find(|row| row.subject == Subject::BareServer);
        let installed = |row: &&Row| row.subject.is_installed();
        for row in rows.iter().filter(installed) {
            let name = row.subject.name();
            let times = bare.map(|bare| row.cpu.iter().zip(&bare.cpu).map(|(it, one)| it / one));
            let times = times.map(|each| median(&each.collect::<Vec<_>>()));
            let times = times.map_or("-".into(), |times| format!("{times:.2}"));
            let (cpu, rate, memory) =
                (spread(&row.cpu, 1), spread(&row.rate, 0), median(&row.memory));
            writeln!(f, "{name:<14}{cpu:<26}{times:<10}{rate:<26}{memory:.2} MB")?;
        }
        let restarts = rows.iter().map(|row| row.boot.len()).max().unwrap_or_default();
        writeln!(f, "\nMedian, and worst, of {restarts} times, in ms\n")?;
        let (boot, hup) = ("boot, first answer", "HUP, fresh workers");
        writeln!(f, "{:<14}{boot:<26}{hup:<26}USR2, second generation", "")?;
        for row in rows.iter().filter(installed) {
            let (boot, hup, usr2) = (worst(&row.boot), worst(&row.hup), worst(&row.usr2));
            writeln!(f, "{:<14}{boot:<26}{hup:<26}{usr2}", row.subject.name())?;
        }
        for row in rows.iter().filter(|row| !installed(row)) {
            writeln!(f, "{:<14}not installed", row.subject.name())?;
        }
        Ok(())
    }
}

fn machine() -> String {
    let file = |path| fs::read_to_string(path).unwrap_or_default();
    let info = file("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, model)| model);
    let cpus = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{model}, {cpus} CPUs, Linux {}", file("/proc/sys/kernel/osrelease").trim_end())
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    let (values, half) = (sorted(values), values.len() / 2);
    match values[..] {
        [] => f64::NAN,
        _ if values.len() % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

fn spread(values: &[f64], digits: usize) -> String {
    let sorted = sorted(values);
    let [least, .., most] = sorted[..] else { return format!("{:.digits$}", median(values)) };
    format!("{:.digits$} ({least:.digits$} to {most:.digits$})", median(values))
}

fn worst(times: &[Duration]) -> String {
    let times: Vec<_> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    match sorted(&times).last() {
        None => "-".into(),
        Some(worst) => format!("{:.2} ({worst:.2})", median(&times)),
    }
}
