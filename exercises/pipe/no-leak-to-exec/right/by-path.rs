//! `Command`, which is told the path of this program, and so the others are named as their file is.

use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.as_slice() {
        [role, ..] if role == "probe" || role == "neighbour" => stand(&args.join(" ")),
        [count] => hear_all(count.parse().unwrap_or(1)),
        _ => hear_all(1),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no-leak-to-exec: {error}");
            ExitCode::from(2)
        }
    }
}

const NAMES: [&CStr; 4] = [c"1", c"2", c"3", c"4"];

/// Starts `count` programs, and says what each of them says until its end.
fn hear_all(count: usize) -> io::Result<()> {
    let neighbour = thread::spawn(start_elsewhere);
    let started: io::Result<Vec<_>> = NAMES.into_iter().take(count).map(start).collect();
    for (pid, output) in started? {
        let mut said = String::new();
        File::from(output).read_to_string(&mut said)?;
        print!("{said}");
        waitpid(pid, None)?;
    }
    neighbour.join().unwrap_or_else(|_| Err(io::Error::other("the neighbour panicked")))
}

fn start(name: &CStr) -> io::Result<(Pid, OwnedFd)> {
    let (output, input) = io::pipe()?;
    let mut program = Command::new(std::env::current_exe()?);
    let child =
        program.arg("probe").arg(OsStr::from_bytes(name.to_bytes())).stdout(input).spawn()?;
    Ok((Pid::from_raw(child.id().cast_signed()), output.into()))
}

/// Somebody else in this process, a thread: it starts a program of its own when it likes, and knows nothing of any pipe.
fn start_elsewhere() -> io::Result<()> {
    let mut program = Command::new("/proc/self/exe");
    program.arg("neighbour").stdout(Stdio::null()).status().map(drop)
}

/// The other program: says who it is, and stays until standard input ends.
fn stand(who: &str) -> io::Result<()> {
    println!("{who} was here");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
