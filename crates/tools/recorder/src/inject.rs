//! What the recorder can do to a program: fail a call, make it short, send a signal between two
//! calls, hold a task there.
//!
//! Each says at which calls, `P2:write:3`, and, behind an `=`, what: `P2:write:3=EAGAIN`.

use std::fmt;
use std::str::FromStr;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use trace::{Task, call};

use crate::{numbers, short};

/// Something that the recorder does to a program at some of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// At which calls.
    pub at: Moment,
    /// What.
    pub deed: Deed,
}

/// Some calls, each known by who makes it, its name, and how many of that name it has made before.
///
/// It is counted by its name, whichever descriptor it is about.
/// What the loader and the runtime call before `main` doesn't count, unless all calls are told. What is written to
/// standard error never does: a message more or less changes nothing. A call that begins anew after a signal has interrupted it is one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Who makes it; `None`: anybody, and each one's calls are counted for themselves.
    pub task: Option<Task>,
    /// Its name, as recordings have it.
    pub call: String,
    /// Which one it is of those by that task, from 1; `None`: each of them.
    pub nth: Option<u32>,
}

/// What the recorder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Holds the task before the call begins, until nobody else can go on: all others have ended,
    /// sleep (for a time, too), or ask again and again in vain. With `until`, that call of another
    /// one must be over, or nobody left who could bring that about.
    ///
    /// Whoever is let go runs next, until its call is over or it sleeps in it.
    ///
    /// Between two calls is where it is held: a signal that comes meanwhile is delivered before the
    /// call begins, and doesn't interrupt it.
    Hold {
        /// Which call must be over.
        until: Option<Moment>,
    },
    /// Sends its process this signal just before the call begins, after all that it has checked: as with kill(2), any thread
    /// may take it. A thread that the moment names, and that isn't its process's first, is sent it itself.
    Signal(i32),
    /// The call is not made, and fails with this.
    Fail(Errno),
    /// The call is made with this count in the place of a larger one: the kernel moves so many bytes at most. Of several places
    /// from which or to which bytes are to move, those behind are left out.
    Short(u64),
}

/// Why a text is no injection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Calls from which nobody returns: they can't fail.
const NEVER_RETURN: [&str; 2] = ["exit", "exit_group"];

/// What people call it, or another machine, and what recordings have in its place.
const TOLD_AS: [(&str, &str); 10] = [
    ("clone3", "fork, vfork or clone"),
    ("sleep", "clock_nanosleep"),
    ("wait", "wait4"),
    ("waitpid", "wait4"),
    ("sigaction", "rt_sigaction"),
    ("signal", "rt_sigaction"),
    ("sigprocmask", "rt_sigprocmask"),
    ("sigsuspend", "rt_sigsuspend"),
    ("raise", "tgkill"),
    ("exec", "execve"),
];

impl Injection {
    /// `P1:read:1`, or `P1:read:1=P2:write:3`: held until that is over.
    ///
    /// # Errors
    /// It is written otherwise, or names no call.
    pub fn hold(text: &str) -> Result<Injection, Malformed> {
        let (at, until) = match text.split_once('=') {
            Some((at, until)) => (at, Some(until.parse::<Moment>()?)),
            None => (text, None),
        };
        if until.as_ref().is_some_and(|until| until.nth.is_none()) {
            return malformed("it must be one call that ends the hold, as in P1:read=P2:write:3");
        }
        Ok(Injection { at: at.parse()?, deed: Deed::Hold { until } })
    }

    /// `P1:poll:2=TERM`.
    ///
    /// # Errors
    /// It is written otherwise, or names no call, or no signal.
    pub fn signal(text: &str) -> Result<Injection, Malformed> {
        let (at, signal) = halves(text, "signal", "P1:poll:2=TERM")?;
        let name = format!("SIG{}", signal.trim_start_matches("SIG"));
        match name.parse::<Signal>() {
            Ok(signal) => Ok(Injection { at, deed: Deed::Signal(signal as i32) }),
            Err(_) => {
                let known: Vec<_> = Signal::iterator().map(|it| &it.as_str()[3..]).collect();
                malformed(format!("`{signal}` is no signal{}", perhaps(signal, known)))
            }
        }
    }

    /// `P2:write:1=EAGAIN`.
    ///
    /// # Errors
    /// It is written otherwise, or names no call, or no error, or a call that never returns.
    pub fn fail(text: &str) -> Result<Injection, Malformed> {
        let (at, error) = halves(text, "error", "P2:write:1=EAGAIN")?;
        if NEVER_RETURN.contains(&at.call.as_str()) {
            return malformed(format!("`{}` can't fail: it never returns", at.call));
        }
        let errors = (1..200).map(Errno::from_raw).filter(|errno| *errno != Errno::UnknownErrno);
        let named: Vec<_> = errors.map(|errno| (format!("{errno:?}"), errno)).collect();
        // Two names for one number: errno(3).
        let meant = if error == "EWOULDBLOCK" { "EAGAIN" } else { error };
        match named.iter().find(|(name, _)| name == meant) {
            Some(&(_, errno)) => Ok(Injection { at, deed: Deed::Fail(errno) }),
            None => {
                let known = named.iter().map(|(name, _)| name.as_str());
                malformed(format!("`{error}` is no error{}", perhaps(error, known)))
            }
        }
    }

    /// `P1:read:3=1`.
    ///
    /// # Errors
    /// It is written otherwise, or names no call, or one that has no count of bytes, or no number; or 0 for a call that reads, since that is no
    /// short read. A write that takes nothing can be told so.
    pub fn short(text: &str) -> Result<Injection, Malformed> {
        let (at, count) = halves(text, "number of bytes", "P1:read:3=1")?;
        let known = short::names();
        if !known.contains(&at.call.as_str()) {
            let known = known.join(", ");
            return malformed(format!("`{}` moves no bytes; these do: {known}", at.call));
        }
        match count.parse() {
            Ok(0) if !short::is_offer(&at.call) => {
                malformed("to move 0 bytes is no short transfer, but the end of a file")
            }
            Ok(count) => Ok(Injection { at, deed: Deed::Short(count) }),
            Err(_) => malformed(format!("`{count}` is no number of bytes, as 1 is in P1:read:3=1")),
        }
    }
}

fn halves<'a>(text: &'a str, what: &str, example: &str) -> Result<(Moment, &'a str), Malformed> {
    match text.split_once('=') {
        Some((at, rest)) if !rest.is_empty() => Ok((at.parse()?, rest)),
        _ => malformed(format!("it names no {what}, as {example} does")),
    }
}

fn malformed<T>(why: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed(why.into()))
}

impl FromStr for Moment {
    type Err = Malformed;

    /// `P2:write:3`, `write:3`, `write` (the first) or `P2:write:*` (each).
    fn from_str(text: &str) -> Result<Moment, Malformed> {
        let mut parts: Vec<_> = text.split(':').collect();
        let task = parts.first().and_then(|first| first.strip_prefix('P')?.parse().ok());
        if task.is_some() {
            parts.remove(0);
        }
        let (call, nth) = match parts[..] {
            [call] => (call, Some(1)),
            [call, "*" | "every"] => (call, None),
            [call, nth] => match nth.parse() {
                Ok(nth @ 1..) => (call, Some(nth)),
                _ => {
                    return malformed(format!("`{nth}` doesn't say which: 1 is the first, * each"));
                }
            },
            _ => return malformed("a call is written as in P2:write:3, write:3 or P2:write:*"),
        };
        is_call(call)?;
        Ok(Moment { task: task.map(Task), call: call.to_string(), nth })
    }
}

/// Whether a recording can have a call of this name.
fn is_call(name: &str) -> Result<(), Malformed> {
    if let Some((_, call)) = TOLD_AS.iter().find(|(other, _)| *other == name) {
        return malformed(format!("recordings have {call} in the place of `{name}`"));
    }
    if matches!(name, "rt_sigreturn" | "restart_syscall" | "") {
        return malformed(format!("`{name}` is no call that a program makes by itself"));
    }
    if call::called(name).is_some() || numbers::names().any(|known| known == name) {
        return Ok(());
    }
    malformed(format!("there is no call `{name}`{}", perhaps(name, numbers::names())))
}

/// The most similar names, to be put behind a sentence.
pub(crate) fn perhaps<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let alike = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let mut near: Vec<_> = known.into_iter().map(|other| (alike(other), other)).collect();
    near.retain(|(alike, _)| *alike > 0.8);
    near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let near: Vec<_> = near.iter().take(3).map(|(_, name)| *name).collect();
    if near.is_empty() { String::new() } else { format!("; is it {}?", near.join(", or ")) }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(task) = self.task {
            write!(f, "{task}:")?;
        }
        match self.nth {
            Some(nth) => write!(f, "{}:{nth}", self.call),
            None => write!(f, "{}:*", self.call),
        }
    }
}

impl fmt::Display for Injection {
    /// As on the command line: `--fail P2:write:1=EAGAIN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at;
        match &self.deed {
            Deed::Hold { until: None } => write!(f, "--hold {at}"),
            Deed::Hold { until: Some(until) } => write!(f, "--hold {at}={until}"),
            Deed::Signal(signal) => {
                let name = trace::names::signal(*signal);
                write!(f, "--signal {at}={}", name.trim_start_matches("SIG"))
            }
            Deed::Fail(errno) => write!(f, "--fail {at}={errno:?}"),
            Deed::Short(count) => write!(f, "--short {at}={count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in ["P1:read:1", "read:*", "P3:wait4:2=P2:write:3", "fork:1=exit_group:1"] {
            let hold = Injection::hold(text).expect("it is well written");
            assert_eq!(hold.to_string(), format!("--hold {text}"));
        }
        let read = |it: Result<Injection, Malformed>| it.expect("it is well written").to_string();
        assert_eq!(read(Injection::signal("pause=SIGTERM")), "--signal pause:1=TERM");
        assert_eq!(read(Injection::fail("P2:write:every=EWOULDBLOCK")), "--fail P2:write:*=EAGAIN");
        assert_eq!(read(Injection::short("P1:read:3=1")), "--short P1:read:3=1");
        assert_eq!(read(Injection::short("write:2=0")), "--short write:2=0");
    }

    #[test]
    fn what_is_not_understood_is_answered_with_something_like_it() {
        let why = |it: Result<Injection, Malformed>| it.expect_err("it is wrong").to_string();
        assert_eq!(why(Injection::fail("write")), "it names no error, as P2:write:1=EAGAIN does");
        assert!(why(Injection::hold("wirte")).contains("no call `wirte`; is it write"));
        assert!(why(Injection::hold("waitpid:2")).contains("have wait4 in the place of"));
        assert!(why(Injection::hold("read:0")).contains("1 is the first"));
        assert!(why(Injection::hold("P2:read:1:2")).contains("P2:write:3"));
        assert!(why(Injection::hold("P2")).contains("is written as in P2:write:3"));
        assert!(why(Injection::hold("read=P2:write:*")).contains("one call"));
        assert!(why(Injection::fail("write=EAGIAN")).contains("is it EAGAIN"));
        assert!(why(Injection::fail("exit_group=EINTR")).contains("never returns"));
        assert!(why(Injection::signal("write=CHILD")).contains("is it CHLD"));
        assert!(why(Injection::short("close=1")).contains("read, write"));
        assert!(why(Injection::short("read=0")).contains("end of a file"));
    }
}
