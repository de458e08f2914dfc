//! Watching, on a terminal: keys, saves, signals, and what is left behind.

mod common;

use common::terminal::Terminal;
use common::{Done, Small, wait_for, wait_for_the_end_of};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};

const PASSES: &str = "fn main() {}\n";
const KEYS: &str = "n: next   h: hint   l: list   c: check all   r: run again   x: reset   q: quit";

/// Sleeps until somebody ends it.
const SLEEPER: &str = "fn main() {\n    loop {\n        std::thread::park()\n    }\n}\n";

/// The number of the sleeper that runs now, and not of a program that ran before.
fn asleep(small: &Small, before: &str) -> String {
    wait_for("the sleeper", || {
        let pid = fs::read_to_string(small.root.join("running")).ok()?;
        (!pid.is_empty() && pid != before).then_some(pid)
    })
}

#[test]
fn the_keys_do_what_they_say() -> Done {
    let small = Small::new()?;
    let mut terminal = Terminal::of(&small, &["watch"])?;
    let before = terminal.before.clone();
    terminal.wait("two-branches, exercise 1 of 3");
    terminal.wait("is not written yet");
    terminal.wait(KEYS);
    assert_ne!(terminal.modes(), before, "keys are to come at once");

    terminal.press("h");
    terminal.wait("two-branches, hint 1 of 3");
    terminal.wait(KEYS);
    terminal.press("h");
    terminal.wait("two-branches, hint 2 of 3");
    terminal.wait(KEYS);

    terminal.press("r");
    terminal.wait("Checking…");
    terminal.wait("is not written yet");
    terminal.wait(KEYS);

    terminal.press("n");
    terminal.wait("Press n again to leave it for later");
    terminal.press("l");
    terminal.wait("0 of 3 exercises done.");
    terminal.press("q");
    terminal.wait(KEYS);

    small.solve("two-branches");
    terminal.wait("two-branches passes: 3 of 3 points.");
    terminal.wait("Press n for the next one.");
    terminal.press("n");
    terminal.wait("exit-or-_exit, exercise 2 of 3");
    terminal.wait("is not written yet");

    terminal.press("n");
    terminal.wait("Press n again");
    terminal.press("n");
    terminal.wait("odd, exercise 3 of 3");
    terminal.wait("is not written yet");

    terminal.press("c");
    terminal.wait("Checking all exercises");
    terminal.wait("two-branches             passes, 3 of 3");
    terminal.wait("exit-or-_exit            not yet, 0 of 3");
    terminal.wait("odd                      not yet, 0 of 1");
    terminal.wait("1 of 3 exercises done.");

    terminal.press("l");
    terminal.wait("choose");
    terminal.press("\x1b[A\x1b[Ac");
    terminal.wait("two-branches, exercise 1 of 3");
    terminal.wait("passes");

    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    assert_eq!(terminal.modes(), before, "the terminal is as it was");
    Ok(())
}

#[test]
fn a_reset_asks_first() -> Done {
    let small = Small::new()?;
    let starter = fs::read_to_string(small.file("odd"))?;
    small.write("odd", PASSES);
    let mut terminal = Terminal::of(&small, &["watch", "odd"])?;
    terminal.wait("odd passes");
    terminal.press("x");
    terminal.wait("Your version is kept in .course/kept.");
    terminal.press("n");
    terminal.wait("odd passes");
    assert_eq!(fs::read_to_string(small.file("odd"))?, PASSES);
    terminal.press("x");
    terminal.wait("Your version is kept in .course/kept.");
    terminal.press("y");
    terminal.wait("odd is not written yet");
    assert_eq!(fs::read_to_string(small.file("odd"))?, starter);
    assert_eq!(fs::read_to_string(small.root.join(".course/kept/odd-1.rs"))?, PASSES);
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    Ok(())
}

#[test]
fn a_newer_save_ends_the_check_of_the_older() -> Done {
    let small = Small::new()?;
    let mut terminal = Terminal::of(&small, &["watch", "odd"])?;
    terminal.wait("is not written yet");
    let before = fs::read_to_string(small.root.join("running"))?;
    small.write("odd", SLEEPER);
    let sleeper = asleep(&small, &before);
    // As editors do it: beside it, and then in its place.
    let beside = small.file("odd").with_extension("new");
    fs::write(&beside, PASSES)?;
    fs::rename(&beside, small.file("odd"))?;
    terminal.wait("odd passes");
    wait_for_the_end_of(&sleeper);
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    Ok(())
}

#[test]
fn ctrl_c_leaves_neither_a_process_nor_a_changed_terminal() -> Done {
    let small = Small::new()?;
    small.write("odd", SLEEPER);
    for command in ["watch", "check"] {
        let mut terminal = Terminal::of(&small, &[command, "odd"])?;
        let before = terminal.before.clone();
        let sleeper = asleep(&small, "");
        terminal.press("\x03");
        assert_eq!(terminal.end().signal(), Some(libc::SIGINT), "{command}: a shell can tell");
        assert_eq!(terminal.modes(), before, "{command}");
        wait_for_the_end_of(&sleeper);
        fs::remove_file(small.root.join("running"))?;
    }
    Ok(())
}

#[test]
fn quitting_and_a_signal_end_a_running_check_too() -> Done {
    let small = Small::new()?;
    small.write("odd", SLEEPER);
    for signal in [None, Some(Signal::SIGTERM)] {
        let mut terminal = Terminal::of(&small, &["watch", "odd"])?;
        let before = terminal.before.clone();
        let sleeper = asleep(&small, "");
        match signal {
            None => terminal.press("q"),
            Some(signal) => kill(Pid::from_raw(terminal.pid()), signal)?,
        }
        assert_eq!(terminal.end().signal(), signal.map(|it| it as i32));
        assert_eq!(terminal.modes(), before, "{signal:?}");
        wait_for_the_end_of(&sleeper);
        fs::remove_file(small.root.join("running"))?;
    }
    Ok(())
}

#[test]
fn a_narrower_terminal_gets_narrower_words() -> Done {
    let small = Small::new()?;
    let mut terminal = Terminal::of(&small, &["watch"])?;
    terminal.wait(KEYS);
    terminal.resize(50);
    let screen = terminal.wait("reset   q: quit");
    let longest = screen.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(
        longest.is_some_and(|length| length <= 50 + "\x1b[1m\x1b[31m\x1b[0m".len()),
        "{screen}"
    );
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    Ok(())
}

#[test]
fn what_is_stopped_and_continued_takes_its_keys_again() -> Done {
    let small = Small::new()?;
    let mut terminal = Terminal::of(&small, &["watch"])?;
    let before = terminal.before.clone();
    terminal.wait(KEYS);
    let watching = terminal.modes();
    // As a shell does to whoever was stopped by Ctrl-Z, before it continues it.
    terminal.set(&before);
    kill(Pid::from_raw(terminal.pid()), Signal::SIGCONT)?;
    terminal.wait(KEYS);
    assert_eq!(terminal.modes(), watching);
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    assert_eq!(terminal.modes(), before);
    Ok(())
}

/// A program that is gone when the test is.
struct Gone(Child);

impl Drop for Gone {
    fn drop(&mut self) {
        // It is gone, if all went well.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn without_a_terminal_verdicts_are_written_one_after_the_other() -> Done {
    let small = Small::new()?;
    let out = small.root.join("out");
    let mut course = std::process::Command::new(assert_cmd::cargo::cargo_bin!("course"));
    course.args(["watch", "odd"]).current_dir(&small.root).env_remove("CARGO_TARGET_DIR");
    let mut course = Gone(course.stdin(Stdio::null()).stdout(fs::File::create(&out)?).spawn()?);
    let said = |line: &str| {
        wait_for(line, || {
            let text = fs::read_to_string(&out).unwrap_or_default();
            text.lines().any(|it| it.starts_with(line)).then_some(text)
        })
    };
    said("odd is not written yet");
    small.write("odd", PASSES);
    let text = said("odd passes: 1 of 1 point.");
    kill(Pid::from_raw(i32::try_from(course.0.id())?), Signal::SIGTERM)?;
    assert_eq!(course.0.wait()?.signal(), Some(libc::SIGTERM));
    assert!(!text.contains('\x1b'), "no escapes into a file: {text}");
    Ok(())
}
