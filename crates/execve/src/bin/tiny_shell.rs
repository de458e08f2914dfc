//! A shell small enough to read at one sitting: `a < f | b > g`, exit statuses, ^C.
//!
//! `tiny_shell [-c COMMANDS]`: without -c it reads lines from its standard input; at a terminal it
//! asks for them. A line is programs with `|` between them, each with its words and its `< FILE`,
//! `> FILE`, `>> FILE`. Quotes, '…' or "…", keep words together; `$?` is the last exit status; `#`
//! begins a comment. `cd [DIR]` and `exit [N]` are the shell's own. It says so if a line wants more.
//!
//! It waits for as long as its programs run. ^C ends them and not the shell; ^D at the prompt ends
//! the shell. It has no `fg`, so ^Z does nothing.
//!
//! Read in this order: `parse` (in `tiny_shell/line.rs`), `run`, `become_program`, `main`.

#[path = "tiny_shell/line.rs"]
mod line;

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use execve::Program;
use fork::{Exit, spawn, wait_for};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::unistd::{self, Pid, getpgrp, getpid, setpgid, tcgetpgrp, tcsetpgrp};

use line::{Stage, Token, parse};

const USAGE: &str = "usage: tiny_shell [-c COMMANDS]";

// ANCHOR: run
/// Runs a pipeline and waits for all of it; returns the last program's status.
fn run(stages: &[Stage], terminal: bool) -> Result<u8> {
    let mut children = Vec::new();
    let started = start(stages, terminal, &mut children);

    let mut exit = Exit::Code(0);
    for child in children {
        exit = wait_for(child).context("cannot wait")?;
    }
    if terminal {
        tcsetpgrp(stdin(), getpgrp()).context("cannot take the terminal back")?;
    }
    match exit {
        Exit::Signal(libc::SIGINT) if terminal => eprintln!(), // it shows ^C, and no newline
        Exit::Signal(_) => eprintln!("tiny_shell: {exit}"),
        Exit::Code(_) => {}
    }
    started.map(|()| exit.shell_status())
}

/// Makes a child for each stage, with a pipe from each to the next. After an error `children` has
/// those that run.
fn start(stages: &[Stage], terminal: bool, children: &mut Vec<Pid>) -> Result<()> {
    let mut input: Option<PipeReader> = None;
    for (n, stage) in stages.iter().enumerate() {
        let is_last = n + 1 == stages.len();
        let pipe = (!is_last).then(io::pipe).transpose().context("cannot make a pipe")?;
        let (next_input, output) = pipe.unzip();
        let group = children.first().copied(); // the first child's pid names the job's group

        // A ^C that comes early waits until the child has given up the shell's dispositions.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        // SAFETY: this program has one thread.
        let forked = unsafe {
            spawn(|| {
                if terminal {
                    join_job(getpid(), group);
                    forget_the_prompt();
                }
                let ends = (input.as_ref().map(AsFd::as_fd), output.as_ref().map(AsFd::as_fd));
                SigSet::empty().thread_set_mask().map_or(126, |()| become_program(stage, ends))
            })
        };
        before.thread_set_mask()?;
        let child = forked.context("cannot fork")?;
        if terminal {
            join_job(child, group); // both do it, since nobody knows who will be first
        }
        children.push(child);
        input = next_input; // and here the shell closes its copies of the ends that are in use
    }
    Ok(())
}

/// Makes `pid` a member of the job's process group. The first member founds it, and the terminal is
/// handed to it: from then on ^C goes there.
fn join_job(pid: Pid, group: Option<Pid>) {
    let _ = setpgid(pid, group.unwrap_or(pid)); // refused after its exec: it has done it itself
    if group.is_none() {
        let _ = tcsetpgrp(stdin(), pid);
    }
}
// ANCHOR_END: run

// ANCHOR: become
/// In the child: opens the files, moves everything to where a program looks for it, and execs.
fn become_program(stage: &Stage, (input, output): (Option<BorrowedFd>, Option<BorrowedFd>)) -> u8 {
    let mut files = Vec::new();
    for (towards, name) in &stage.files {
        let opened = match towards {
            Token::From => File::open(name),
            Token::Append => OpenOptions::new().append(true).create(true).open(name),
            _ => File::create(name),
        };
        match opened {
            Ok(file) => files.push((file, i32::from(*towards != Token::From))),
            Err(error) => {
                eprintln!("tiny_shell: {name}: {error}");
                return 1;
            }
        }
    }
    let ends =
        [input, output].into_iter().zip(0..).filter_map(|(end, number)| Some((end?, number)));
    // The files come after the pipes, so they win: `a > f | b` leaves b nothing.
    let files = files.iter().map(|(file, number)| (file.as_fd(), *number));
    let program = Program::new(&stage.words[0]).args(&stage.words[1..]);
    let error = ends.chain(files).fold(program, |program, (fd, n)| program.place(fd, n)).exec();

    eprintln!("tiny_shell: {}: {error}", stage.words[0]);
    if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}
// ANCHOR_END: become

// ANCHOR: signals
extern "C" fn just_wake(_: libc::c_int) {}

/// At the prompt, ^C ends the wait for a line, and no more: it is let in by `interrupted` only. And
/// a shell that is not in the foreground may still take the terminal back (SIGTTOU).
fn at_the_prompt() -> Result<()> {
    use Signal::{SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
    SigSet::from(SIGINT).thread_block().context("cannot block SIGINT")?;
    set(SIGINT, SigHandler::Handler(just_wake))?;
    [SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU].into_iter().try_for_each(|s| set(s, SigHandler::SigIgn))
}

/// What is ignored would stay ignored in the program. SIGTSTP does: nobody here could continue it.
fn forget_the_prompt() {
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTTIN, Signal::SIGTTOU] {
        let _ = set(signal, SigHandler::SigDfl); // it is refused for KILL and STOP only
    }
}

fn set(signal: Signal, handler: SigHandler) -> Result<()> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the one handler that there is does nothing.
    unsafe { sigaction(signal, &action) }.with_context(|| format!("cannot set {signal}"))?;
    Ok(())
}
// ANCHOR_END: signals

/// A status, or another one and a sentence about why.
type Outcome = Result<u8, (u8, String)>;

struct Shell {
    status: u8,
    terminal: bool,
    over: bool,
}

impl Shell {
    fn obey(&mut self, line: &str) {
        let stages = parse(line, self.status).map_err(|message| (2, message));
        let outcome = stages.and_then(|stages| match &stages[..] {
            [] => Ok(self.status),
            [one] if ["cd", "exit"].contains(&one.words[0].as_str()) => self.builtin(one),
            stages => run(stages, self.terminal).map_err(|error| (1, format!("{error:#}"))),
        });
        self.status = outcome.unwrap_or_else(|(status, message)| {
            eprintln!("tiny_shell: {message}");
            self.over |= status == 2 && !self.terminal; // who can't be asked gets no guesses
            status
        });
    }

    /// A child could do neither of these for us: its directory and its end are its own.
    fn builtin(&mut self, stage: &Stage) -> Outcome {
        let words: Vec<_> = stage.words.iter().map(String::as_str).collect();
        match words[..] {
            _ if !stage.files.is_empty() => Err((2, format!("{} uses no files", words[0]))),
            ["exit"] | ["exit", _] => {
                let number = words.get(1).map_or(Ok(self.status), |word| word.parse());
                self.over = number.is_ok();
                number.map_err(|_| (2, format!("exit takes a number up to 255, not {}", words[1])))
            }
            ["cd"] | ["cd", _] => {
                let home = env::var("HOME").unwrap_or_else(|_| "/".to_string());
                let directory = words.get(1).copied().unwrap_or(&home);
                let changed = env::set_current_dir(directory);
                changed.map_err(|error| (1, format!("cd: {directory}: {error}"))).map(|()| 0)
            }
            _ => Err((2, format!("{} takes one word at most", words[0]))),
        }
    }
}

// ANCHOR: interrupted
/// Waits for input or for ^C, whichever is first; `true` for ^C. A plain read would miss the ^C that
/// comes between the prompt and the read (chapter 5).
fn interrupted() -> Result<bool> {
    let stdin = stdin();
    let mut input = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut input, None, Some(SigSet::empty())) {
        Err(Errno::EINTR) => Ok(true),
        answer => answer.map(|_| false).context("cannot wait for input"),
    }
}
// ANCHOR_END: interrupted

/// The next line; `None` at the end of input; an empty one if ^C came first. It takes one byte at a
/// time: what follows the line is for whom the line runs, if that reads the same input.
fn read_line(terminal: bool) -> Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        if terminal && interrupted()? {
            eprintln!();
            return Ok(Some(String::new()));
        }
        let mut byte = [0];
        match unistd::read(stdin(), &mut byte).context("cannot read standard input")? {
            0 if line.is_empty() => return Ok(None),
            1 if byte != *b"\n" => line.push(byte[0]),
            _ => return Ok(Some(String::from_utf8_lossy(&line).into_owned())),
        }
    }
}

fn main() -> Result<ExitCode> {
    let args: Vec<_> = env::args().skip(1).collect();
    let mut shell = Shell { status: 0, terminal: false, over: false };
    // Whoever started us may ignore it, which exec keeps; then the kernel would reap for us.
    set(Signal::SIGCHLD, SigHandler::SigDfl)?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["-c", commands] => {
            for line in commands.lines() {
                shell.obey(line);
                if shell.over {
                    break;
                }
            }
            return Ok(shell.status.into());
        }
        ["--help"] => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        _ => bail!("{USAGE}"),
    }

    let holder = tcgetpgrp(stdin()); // fails if it is no terminal
    shell.terminal = holder == Ok(getpgrp());
    if shell.terminal {
        at_the_prompt()?;
        // A group of its own, so that a ^C at the prompt is for the shell alone. A session's
        // leader has one, and is refused.
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
        tcsetpgrp(stdin(), getpgrp()).context("cannot take the terminal")?;
    }
    while !shell.over {
        match shell.status {
            _ if !shell.terminal => {}
            0 => eprint!("tiny_shell$ "),
            status => eprint!("tiny_shell ({status})$ "),
        }
        let Some(line) = read_line(shell.terminal)? else { break };
        shell.obey(&line);
    }
    if let Some(holder) = holder.ok().filter(|_| shell.terminal) {
        let _ = tcsetpgrp(stdin(), holder); // as it was
    }
    Ok(shell.status.into())
}
