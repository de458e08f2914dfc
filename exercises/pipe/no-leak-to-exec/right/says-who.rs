//! It says of each program which pid it has.

use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use nix::unistd::{ForkResult, dup2_stdout, fork};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
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
    let (reader, writer) = io::pipe()?;
    // SAFETY: the child makes two system calls, asks for no memory, and ends.
    match unsafe { fork() }? {
        ForkResult::Child => {
            if dup2_stdout(&writer).is_ok() {
                let _ = become_probe(name);
            }
            // SAFETY: `_exit` ends this process at once.
            unsafe { libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            println!("probe {} is pid {child}", name.to_string_lossy());
            Ok((child, reader.into()))
        }
    }
}

/// Becomes the other program. Returns only if that can't be. It asks for no memory, since a fork's child must not where there are
/// several threads.
#[allow(dead_code, reason = "until `start` calls it")]
fn become_probe(name: &CStr) -> io::Error {
    let argv = [c"no-leak-to-exec".as_ptr(), c"probe".as_ptr(), name.as_ptr(), std::ptr::null()];
    // SAFETY: each string ends with a zero, and the list with a null; they live as long as this program.
    unsafe { libc::execv(c"/proc/self/exe".as_ptr(), argv.as_ptr()) };
    io::Error::last_os_error()
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
