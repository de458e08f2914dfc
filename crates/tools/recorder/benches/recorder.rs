//! What recording costs, beside `strace -f -yy`: each program is run in turn by both, several times.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

/// The programs, with the name by which they are told.
const PROGRAMS: [(&str, &[&str]); 3] = [
    ("20 000 small writes", &[env!("CARGO_BIN_EXE_recorder-load"), "writes", "20000"]),
    ("500 times fork and wait", &[env!("CARGO_BIN_EXE_recorder-load"), "forks", "500"]),
    ("ls | wc", &["/bin/sh", "-c", "ls /usr/bin | wc"]),
];

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("recording");
    let strace = strace_is_there();
    if !strace {
        println!("No strace here, so there is nothing to compare with.");
    }
    let mut slower = false;
    let title = format!("median of {ROUNDS}");
    println!("{title:26}{:>10}{:>10}{:>10}", "plain", "recorder", "strace");
    for (name, program) in PROGRAMS {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let commands = [plain(program), recorded(program, &file), straced(program, &file)];
            for (command, times) in
                commands.into_iter().zip(&mut times).take(2 + usize::from(strace))
            {
                times.push(time(command));
            }
        }
        let [plain, recorder, strace] = times.map(median);
        println!("{name:26}{}{}{}", shown(plain), shown(recorder), shown(strace));
        slower |= strace.is_some_and(|strace| recorder > Some(strace));
    }
    println!("{}", if slower { "Slower than strace." } else { "Nowhere slower than strace." });
    ExitCode::from(u8::from(strace && slower))
}

fn strace_is_there() -> bool {
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

fn plain(program: &[&str]) -> Command {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]);
    command
}

fn recorded(program: &[&str], file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--events"]).arg(file).arg("--").args(program);
    command
}

fn straced(program: &[&str], file: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-yy", "-o"]).arg(file).args(program);
    command
}

fn time(mut command: Command) -> Duration {
    let began = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

fn shown(time: Option<Duration>) -> String {
    time.map_or(format!("{:>10}", "-"), |time| format!("{:>7.0} ms", time.as_secs_f64() * 1000.0))
}
