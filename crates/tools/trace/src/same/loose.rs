//! What may differ in two events that tell the same.
//!
//! - How many bytes a text has that holds a name: `P1` stands for a pid, `port-1` for a port that the kernel
//!   has chosen, `…` for the program's folder, and these are longer here and shorter there. So is what is
//!   left to read after it, and where a file's offset is. Of a long text only the beginning is recorded: if
//!   that is prose, there may be names in the rest.
//! - How long a link is: in /proc it leads to `pipe:[4711]`.
//! - A name and a number in the same place: here the number happened to be somebody's pid.
//! - Words that are long hexadecimal numbers, addresses or random: the same word must be the same again.
//! - What was read from /dev/urandom.
//! - A time that is left: it isn't round, since it was measured, and a bit longer here than there.
//! - In which folder of PATH a program of the machine's own is.

use std::collections::{HashMap, HashSet};

use super::kept::{file_name, is_foreign};
use crate::call::Argument;
use crate::event::{Event, Outcome, Task, What};

/// Recorded texts have at most so many bytes; a letter that doesn't fit may make them a bit shorter.
const CUT: usize = 61;

/// What was found to correspond so far.
#[derive(Default)]
pub(super) struct Loosely {
    words: HashMap<String, String>,
    backwards: HashMap<String, String>,
    /// Descriptors of which not the same number of bytes was read or written.
    uneven: HashSet<(Task, i32)>,
    /// Descriptors of /dev/urandom.
    random: HashSet<(Task, i32)>,
}

impl Loosely {
    pub(super) fn same(&mut self, one: &Event, other: &Event) -> bool {
        let task = one.task;
        task == other.task
            && match (&one.what, &other.what) {
                (
                    What::Enter { name, arguments, .. },
                    What::Enter { name: other, arguments: others, .. },
                ) => name == other && self.call(task, name, (arguments, others), None),
                (
                    What::Leave { name, arguments, result },
                    What::Leave { name: other, arguments: others, result: other_result },
                ) => {
                    name == other
                        && self.call(task, name, (arguments, others), Some((result, other_result)))
                }
                (What::Exec { path, argv }, What::Exec { path: other, argv: others }) => {
                    self.program(path, other) && self.all(argv, others)
                }
                (one, other) => one == other,
            }
    }

    fn call(
        &mut self,
        task: Task,
        name: &str,
        (one, other): (&[Argument], &[Argument]),
        results: Option<(&Outcome, &Outcome)>,
    ) -> bool {
        let file = match one.first() {
            Some(Argument::Descriptor(fd)) => (task, *fd),
            _ => (task, -1),
        };
        if name == "close" {
            self.uneven.remove(&file);
            self.random.remove(&file);
        }
        let random = self.random.contains(&file);
        let moves = one.iter().any(|argument| matches!(argument, Argument::Bytes(..)));
        let holds_names = one.iter().chain(other).any(may_hold_names);
        let loose = holds_names || self.uneven.contains(&file) || name == "readlink";
        let same = one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| match (a, b) {
                (Argument::Bytes(a, long), Argument::Bytes(b, as_long)) => {
                    (long == as_long || loose) && (random || self.text(a, b, loose))
                }
                (Argument::Number(_), Argument::Number(_)) if loose => true,
                (Argument::Number(a), Argument::Number(b)) if waits_milliseconds(name) => {
                    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
                    // Of a long time nobody writes so small a part as of a short one.
                    a == b || is_left(a, b, (a.max(b) / 100).max(10))
                }
                (Argument::Time(a), Argument::Time(b)) => a == b || is_left(*a, *b, 1_000_000),
                (Argument::Path(a), Argument::Path(b)) if name == "execve" => self.program(a, b),
                (Argument::Path(a), Argument::Path(b))
                | (Argument::Address(a), Argument::Address(b)) => self.text(a, b, false),
                (Argument::Strings(a), Argument::Strings(b)) => self.all(a, b),
                _ => a == b,
            });
        let Some((result, other_result)) = results else { return same };
        if let (true, Outcome::Value(fd)) = (opens_random(name, one), result) {
            self.random.insert((task, *fd as i32));
        }
        match (result, other_result) {
            (Outcome::Value(a), Outcome::Value(b)) if loose && *a > 0 && *b > 0 => {
                if moves && a != b {
                    self.uneven.insert(file);
                }
                same
            }
            // How many seconds of the last one are left.
            (Outcome::Value(1..), Outcome::Value(1..)) if name == "alarm" => same,
            _ => same && result == other_result,
        }
    }

    fn all(&mut self, one: &[String], other: &[String]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|(a, b)| self.text(a, b, false))
    }

    fn program(&mut self, one: &str, other: &str) -> bool {
        if is_foreign(one) && is_foreign(other) {
            return file_name(one) == file_name(other);
        }
        self.text(one, other, false)
    }

    /// `cut`: the last word of a long text may be a part of one.
    fn text(&mut self, one: &str, other: &str, cut: bool) -> bool {
        if one == other {
            return true;
        }
        let (mut one_words, mut other_words) = (words(one), words(other));
        if cut && one.len() >= CUT && other.len() >= CUT {
            let both = one_words.len().min(other_words.len()) - 1;
            one_words.truncate(both);
            other_words.truncate(both);
        }
        one_words.len() == other_words.len()
            && one_words.iter().zip(&other_words).all(|(a, b)| self.word(a, b))
    }

    fn word(&mut self, one: &str, other: &str) -> bool {
        if one == other || is_name(one) && is_number(other) || is_number(one) && is_name(other) {
            return true;
        }
        if !is_long_hexadecimal(one) || !is_long_hexadecimal(other) {
            return false;
        }
        let there = self.words.entry(one.into()).or_insert_with(|| other.into());
        let back = self.backwards.entry(other.into()).or_insert_with(|| one.into());
        there == other && back == one
    }
}

/// Words, and what stands between them.
fn words(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

fn is_number(word: &str) -> bool {
    word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a task's name.
fn is_name(word: &str) -> bool {
    word.strip_prefix('P').is_some_and(|number| number.parse::<u32>().is_ok())
}

fn is_long_hexadecimal(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let least = if digits.len() < word.len() { 8 } else { 12 };
    digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn may_hold_names(argument: &Argument) -> bool {
    let (text, length) = match argument {
        Argument::Bytes(text, length) => (text, length),
        Argument::Address(text) => (text, &0),
        _ => return false,
    };
    let cut = text.len() >= CUT && *length > text.len() as u64;
    text.contains("port-")
        || text.contains('…')
        || cut && text.contains(' ')
        || words(text).iter().any(|word| is_name(word) || is_long_hexadecimal(word))
}

fn waits_milliseconds(name: &str) -> bool {
    matches!(name, "poll" | "epoll_wait" | "epoll_pwait")
}

/// Whether two times may be what is left of one, of which nobody has written so small a part as `round`.
fn is_left(one: u64, other: u64, round: u64) -> bool {
    let measured = !one.is_multiple_of(round) || !other.is_multiple_of(round);
    measured && one.abs_diff(other) <= one.max(other) / 10
}

fn opens_random(name: &str, arguments: &[Argument]) -> bool {
    let is = |argument: &Argument| matches!(argument, Argument::Path(path) if path == "/dev/urandom" || path == "/dev/random");
    matches!(name, "open" | "openat") && arguments.iter().any(is)
}
