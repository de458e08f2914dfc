//! For the chapters' tests: runs a program, hears its story, looks at it in /proc.
//!
//! [`told_by`] runs a program that ends by itself. [`Started`] is one that a test talks with, and
//! that is gone when the test is, however the test ends. Nothing here sleeps and hopes: each wait
//! is for a condition, and after [`DEADLINE`] it fails and says what it waited for.
//!
//! Linux only, as /proc is.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// How long a condition may take to come true. Far above what any takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a program to its end, with no input, and returns its standard output.
///
/// # Panics
/// When it fails or writes to standard error, or as [`Started::finish`] does.
#[track_caller]
pub fn told_by(program: &str, args: &[&str]) -> String {
    let (status, stdout, stderr) = Started::new(program, args).finish();
    assert!(status.success(), "{program} {args:?}: {status}\n{stdout}{stderr}");
    assert_eq!(stderr, "", "{program} {args:?} complained after:\n{stdout}");
    stdout
}

/// The lines of a story that a text stands in.
pub fn lines_with<'a>(story: &'a str, text: &str) -> Vec<&'a str> {
    story.lines().filter(|line| line.contains(text)).collect()
}

/// The number that follows the first `before` in a text.
///
/// # Panics
/// When `before` is not there, or is not followed by a number.
#[track_caller]
pub fn number_after(text: &str, before: &str) -> i64 {
    let Some((_, rest)) = text.split_once(before) else { panic!("no `{before}` in: {text}") };
    let end = rest.char_indices().find(|&(i, c)| !(c.is_ascii_digit() || i == 0 && c == '-'));
    let digits = &rest[..end.map_or(rest.len(), |(i, _)| i)];
    digits.parse().unwrap_or_else(|_| panic!("no number after `{before}` in: {text}"))
}

/// Waits until `condition` gives a value.
///
/// # Panics
/// At the deadline, with `what` it waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for this in vain: {what}");
        thread::sleep(Duration::from_millis(1)); // /proc can only be asked again
    }
}

/// A process's state in /proc/PID/stat: 'R', 'S', 'D', 'T', 'Z'; `None` once it is reaped.
pub fn state(pid: Pid) -> Option<char> {
    fields(pid)?.first()?.chars().next()
}

/// A process's parent, from /proc/PID/stat.
pub fn parent(pid: Pid) -> Option<Pid> {
    Some(Pid::from_raw(fields(pid)?.get(1)?.parse().ok()?))
}

/// The fields of /proc/PID/stat from the state on; the name before them may hold anything.
fn fields(pid: Pid) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_string).collect())
}

/// A line of /proc/PID/status, such as `SigBlk` or `SigCgt`, without its name.
pub fn status(pid: Pid, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.map(|value| value.trim().to_string())
}

/// The processes whose parent is `pid`, zombies too.
pub fn children(pid: Pid) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .filter(|&other| parent(other) == Some(pid))
        .collect()
}

/// The number of the system call that a process is blocked in, from /proc/PID/syscall: compare it
/// with `libc::SYS_…`. `None` while it runs, or where the kernel won't tell.
pub fn blocked_in(pid: Pid) -> Option<i64> {
    let syscall = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    syscall.split(' ').next()?.parse().ok().filter(|&number| number >= 0)
}

/// What has come on one of a program's streams so far, and whether its end has.
#[derive(Default)]
struct Heard {
    text: Mutex<(String, bool)>,
    news: Condvar,
}

impl Heard {
    /// Reads a stream to its end in a thread.
    fn listen(stream: impl std::io::Read + Send + 'static) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        let teller = Arc::clone(&heard);
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut bytes = Vec::new();
            while stream.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                teller.add(&String::from_utf8_lossy(&bytes), false);
                bytes.clear();
            }
            teller.add("", true);
        });
        heard
    }

    fn add(&self, line: &str, end: bool) {
        let mut text = self.text.lock().expect("no holder panics");
        text.0.push_str(line);
        text.1 = end;
        self.news.notify_all();
    }

    /// What `find` finds in the text, once it does. `None` if the end or the deadline comes first.
    fn wait<T>(&self, mut find: impl FnMut(&str, bool) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut text = self.text.lock().expect("no holder panics");
        loop {
            if let Some(found) = find(&text.0, text.1) {
                return Some(found);
            }
            let left = DEADLINE.checked_sub(start.elapsed()).filter(|_| !text.1)?;
            text = self.news.wait_timeout(text, left).expect("no holder panics").0;
        }
    }

    fn so_far(&self) -> String {
        self.text.lock().expect("no holder panics").0.clone()
    }
}

/// A program that a test talks with. It leads a process group of its own, and the whole group is
/// killed when this is dropped.
pub struct Started {
    child: Child,
    command: String,
    stdout: Arc<Heard>,
    stderr: Arc<Heard>,
}

impl Started {
    /// Starts a program with its standard streams piped.
    ///
    /// # Panics
    /// When it can't be started.
    #[track_caller]
    pub fn new(program: impl AsRef<Path>, args: &[&str]) -> Started {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.args(args);
        Started::command(command)
    }

    /// Starts a program that the test has prepared.
    ///
    /// # Panics
    /// When it can't be started.
    #[track_caller]
    pub fn command(mut command: Command) -> Started {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Heard::listen(child.stdout.take().expect("piped"));
        let stderr = Heard::listen(child.stderr.take().expect("piped"));
        Started { child, command: format!("{command:?}"), stdout, stderr }
    }

    /// The program's process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits until the program's standard output has a line with `text` in it; returns that line.
    ///
    /// # Panics
    /// When the output ends without one, or at the deadline.
    #[track_caller]
    pub fn line_with(&self, text: &str) -> String {
        let found = self.stdout.wait(|so_far, _| {
            let mut whole = so_far.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            whole.find(|line| line.contains(text)).map(|line| line.trim_end().to_string())
        });
        found.unwrap_or_else(|| {
            panic!("no line with `{text}` in: {}{}", self.stdout.so_far(), self.stderr.so_far())
        })
    }

    /// What the program has written to standard output so far.
    pub fn so_far(&self) -> String {
        self.stdout.so_far()
    }

    /// Waits until the program itself is blocked in a system call, a `libc::SYS_…`.
    ///
    /// # Panics
    /// At the deadline.
    #[track_caller]
    pub fn wait_until_blocked_in(&self, syscall: i64) {
        wait_until("the program is blocked in the call", || {
            (blocked_in(self.pid()) == Some(syscall) && state(self.pid()) == Some('S'))
                .then_some(())
        });
    }

    /// Writes to the program's standard input.
    ///
    /// # Panics
    /// When the program does not take it.
    #[track_caller]
    pub fn tell(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("not closed yet");
        stdin.write_all(text.as_bytes()).expect("the program reads its input");
    }

    /// Closes the program's standard input.
    pub fn end_of_input(&mut self) {
        self.child.stdin = None;
    }

    /// Sends a signal to the program alone, not to its group.
    ///
    /// # Panics
    /// When it has been reaped.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it was not reaped");
    }

    /// Waits for the program's end, and for the end of its output; returns how it ended and what
    /// it wrote to standard output and standard error.
    ///
    /// # Panics
    /// At the deadline: when it does not end, or a descendant holds its output open.
    #[track_caller]
    pub fn finish(mut self) -> (ExitStatus, String, String) {
        self.end_of_input();
        let ends = format!("{} ends", self.command);
        let status = wait_until(&ends, || self.child.try_wait().expect("our child"));
        let whole = |heard: &Heard| heard.wait(|text, end| end.then(|| text.to_string()));
        let stdout = whole(&self.stdout).expect("nobody holds its standard output open");
        let stderr = whole(&self.stderr).expect("nobody holds its standard error open");
        (status, stdout, stderr)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The group may live on without its leader, whose pid stays taken while it does.
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The signal that ended a process, for comparing.
pub fn killed_by(status: ExitStatus) -> Option<Signal> {
    Signal::try_from(status.signal()?).ok()
}
