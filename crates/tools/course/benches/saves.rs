//! How long a learner waits from a save to the verdict, beside what `cargo build` alone takes.
//!
//! `cargo bench --package course` runs it, `-- 30` with more rounds. Turn by turn, so that a busy moment of the
//! machine meets all of them; medians, since one slow round says nothing.

#[path = "../tests/common/mod.rs"]
mod common;

use common::terminal::Terminal;
use common::{Done, Small};
use std::process::Command;
use std::time::{Duration, Instant};

const ROUNDS: usize = 15;

fn main() -> Done {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS);
    let small = Small::new()?;
    println!("From a save, in milliseconds: median (fastest to slowest) of {rounds} rounds");
    for name in ["two-branches", "exit-or-_exit"] {
        small.solve(name);
        let source = std::fs::read_to_string(small.file(name))?;
        let mut saves = 0;
        let mut save = || {
            saves += 1;
            small.write(name, &format!("{source}// {saves}\n"));
        };
        let course = course::Course::find(&small.root)?;
        let mut terminal = Terminal::of(&small, &["watch", name])?;
        terminal.wait(&format!("{name} passes"));
        let [mut watched, mut building, mut testing] = [(); 3].map(|()| Vec::new());
        for _ in 0..rounds {
            let start = Instant::now();
            save();
            terminal.wait(&format!("{name} passes"));
            watched.push(start.elapsed());
        }
        terminal.press("q");
        terminal.end();
        for _ in 0..rounds {
            save();
            let start = Instant::now();
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let build = ["build", "--quiet", "--package", name];
            let status = Command::new(cargo)
                .args(build)
                .current_dir(small.file(name).with_file_name(""))
                .status()?;
            assert!(status.success(), "cargo build: {status}");
            building.push(start.elapsed());

            save();
            let report = course::check(course.exercise(name)?, &course::How::default())?;
            let report = report.ok_or("nobody stops it")?;
            assert!(report.done(), "{report:#?}");
            testing.push(Duration::from_millis(report.milliseconds.tests));
        }
        println!("  {name}");
        for (what, times) in [
            ("verdict of `cargo course watch`", watched),
            ("of that, the tests' own run", testing),
            ("`cargo build` alone", building),
        ] {
            println!("    {what:<34} {}", summary(times));
        }
    }
    Ok(())
}

fn summary(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |position: usize| times.get(position).map_or(0, Duration::as_millis);
    format!("{:>4} ({} to {})", at(times.len() / 2), at(0), at(times.len().saturating_sub(1)))
}
