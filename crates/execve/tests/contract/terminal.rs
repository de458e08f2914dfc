//! A session of tiny_shell at a terminal: we hold the other side, type, and look at who owns it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::thread;

use anyhow::{Result, bail, ensure};
use execve::Program;
use fork::wait_for;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{ForkptyResult, forkpty};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::{Pid, tcgetpgrp};

struct Terminal {
    screen: File,
    unread: String,
}

impl Terminal {
    /// Waits until `text` stands on the screen, behind all that was waited for before; returns what
    /// stands between.
    fn expect(&mut self, text: &str) -> Result<String> {
        while !self.unread.contains(text) {
            let mut screen = [PollFd::new(self.screen.as_fd(), PollFlags::POLLIN)];
            if poll(&mut screen, PollTimeout::from(10_000u16))? == 0 {
                bail!("waited for `{text}` in vain; there was: {:?}", self.unread);
            }
            let mut bytes = [0; 1024];
            let count = self.screen.read(&mut bytes)?;
            self.unread += &String::from_utf8_lossy(&bytes[..count]);
        }
        let end = self.unread.find(text).map_or(0, |start| start + text.len());
        Ok(self.unread.drain(..end).collect())
    }

    /// Waits until each stage of a pipeline, not just the first, runs in the foreground: a ^C before
    /// that would leave the others to end by themselves, with another status.
    fn all_in_foreground(&self, pipeline: &str) {
        let name = |stage: &str| stage.split_whitespace().next().unwrap_or_default().to_owned();
        let mut stages: Vec<_> = pipeline.split('|').map(name).collect();
        let group = self.foreground(&stages[0]);
        stages.sort();
        while members(group) != stages {
            thread::yield_now(); // our alarm is the bound
        }
    }

    /// What [`expect`](Self::expect) returns, as one sees it.
    fn screen(&mut self, text: &str) -> Result<String> {
        Ok(self.expect(text)?.replace('\r', ""))
    }

    fn type_in(&mut self, text: &str) -> Result<()> {
        Ok(self.screen.write_all(text.as_bytes())?)
    }

    /// Waits until a process group whose leader runs `program` owns the terminal.
    fn foreground(&self, program: &str) -> Pid {
        loop {
            let group = tcgetpgrp(&self.screen);
            let name = group.map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")));
            match (group, name) {
                (Ok(group), Ok(Ok(name))) if name.trim_end() == program => return group,
                _ => thread::yield_now(), // our alarm is the bound
            }
        }
    }
}

/// The names of those in a process group.
fn members(group: Pid) -> Vec<String> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let mut names: Vec<_> = all
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter_map(|stat| {
            let (start, rest) = stat.rsplit_once(") ")?;
            let in_group = rest.split(' ').nth(2)?.parse() == Ok(group.as_raw());
            in_group.then(|| start.rsplit_once('(').map(|(_, name)| name.to_string()))?
        })
        .collect();
    names.sort();
    names
}

/// The shell at a terminal of its own, of which we hold the other side.
fn at_terminal(shell: &str) -> Result<(Pid, Terminal)> {
    let program = Program::new(shell);
    // SAFETY: this program has one thread.
    let (child, master) = match unsafe { forkpty(None, None) }? {
        ForkptyResult::Child => {
            // Nothing of the session outlives us: not the shell, and not a job of it that is stopped
            // (whom the kernel then hangs up and continues), even where nohup(1) runs the tests.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // SAFETY: no handler.
            unsafe { signal(Signal::SIGHUP, SigHandler::SigDfl) }?;
            bail!("cannot run {shell}: {}", program.exec())
        }
        ForkptyResult::Parent { child, master } => (child, master),
    };
    Ok((child, Terminal { screen: File::from(master), unread: String::new() }))
}

/// Types what stands behind the prompts of a transcript, and prints what the screen shows of it.
/// `^C` is typed when the job of the line above runs; `^D` shows nothing.
pub(crate) fn play(shell: &str, transcript: &str) -> Result<()> {
    let (child, mut terminal) = at_terminal(shell)?;
    let mut job = "";
    for line in transcript.lines() {
        let typed = line.strip_prefix("tiny_shell").and_then(|rest| rest.split_once("$ "));
        match typed {
            _ if line == "^C" => {
                terminal.all_in_foreground(job);
                terminal.type_in("\x03")?;
            }
            Some((status, typed)) => {
                print!("{}", terminal.screen(&format!("tiny_shell{status}$ "))?);
                if typed == "^D" {
                    terminal.type_in("\x04")?;
                    continue;
                }
                job = typed;
                terminal.type_in(&format!("{typed}\n"))?;
                // Read at once, as a terminal does: a later ^C throws away what nobody has read.
                print!("{}", terminal.screen(&format!("{typed}\r\n"))?);
            }
            None => {} // printed by whom we run
        }
    }
    ensure!(transcript.trim_end().ends_with("$ ^D"), "the transcript does not leave the shell");
    wait_for(child)?;
    Ok(())
}

pub(crate) fn session(shell: &str) -> Result<()> {
    let (child, mut terminal) = at_terminal(shell)?;

    terminal.expect("tiny_shell$ ")?;
    ensure!(tcgetpgrp(&terminal.screen)? == child, "the shell does not own its terminal");

    terminal.type_in("sleep 60 | cat | cat\n")?;
    let job = terminal.foreground("sleep");
    while members(job) != ["cat", "cat", "sleep"] {
        thread::yield_now();
    }
    println!("in the foreground: a job of three, and not the shell: {}", job != child);
    terminal.type_in("\x1a")?; // ^Z: nothing
    terminal.type_in("\x03")?;
    terminal.expect("tiny_shell (130)$ ")?;
    println!("^C: status 130; left of the job: {:?}", members(job));
    println!("the terminal is the shell's again: {}", tcgetpgrp(&terminal.screen)? == child);

    terminal.type_in("sleep 60\n")?;
    terminal.foreground("sleep");
    kill(child, Signal::SIGINT)?; // the shell is not at its prompt
    terminal.type_in("\x03")?;
    terminal.expect("tiny_shell (130)$ ")?;
    terminal.expect("tiny_shell (130)$ ")?;
    println!("an interrupt that comes too early for the prompt ends the wait there");

    terminal.type_in("half a li\x03")?;
    terminal.expect("tiny_shell (130)$ ")?;
    terminal.type_in("echo '<'$?'>'\n")?;
    terminal.expect("<130>")?;
    println!("^C at the prompt: the line is forgotten, the shell is not");

    terminal.expect("tiny_shell$ ")?;
    terminal.type_in("cat\n")?;
    terminal.foreground("cat");
    terminal.type_in("read by cat\n\x04")?;
    terminal.expect("read by cat\r\nread by cat\r\n")?;
    println!("^D in a program is its end of input");

    terminal.expect("tiny_shell$ ")?;
    terminal.type_in("cat /proc/self/status\n")?;
    let status = terminal.expect("tiny_shell$ ")?.replace('\r', "");
    let of_interest =
        [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
    println!("ignored in a program: {:?}", crate::set_in(&status, "SigIgn", &of_interest));
    println!("blocked in a program: {:?}", crate::set_in(&status, "SigBlk", &of_interest));

    terminal.type_in("sh -c 'exit 7'\n")?;
    terminal.expect("tiny_shell (7)$ ")?;
    terminal.type_in("\x04")?;
    println!("^D at the prompt: {}", wait_for(child)?);
    Ok(())
}
