//! What is ready: `select`, `poll` and `epoll`.

use crate::event::Task;
use crate::model::Arguments;
use crate::names::{count, list};

/// What `select` or `poll` has answered.
pub(super) fn ready(task: Task, name: &str, said: Arguments<'_>, value: i64) -> String {
    match ready_words(said, value) {
        Some(ready) => format!("{task}'s {name} says that {ready}"),
        None => format!("{task}'s {name} finds nothing ready in time"),
    }
}

/// `fd 3 is ready`, of `select` and `poll`; `None`: nothing is.
pub(crate) fn ready_words(said: Arguments<'_>, value: i64) -> Option<String> {
    let polled = said.polled().unwrap_or_default().iter();
    let polled = polled.filter(|(_, _, found)| *found != 0).map(|(fd, ..)| *fd);
    let sets = [1, 2, 3].into_iter().filter_map(|index| said.set(index)).flatten().copied();
    let fds: Vec<String> = polled.chain(sets).map(|fd| format!("fd {fd}")).collect();
    let verb = if fds.len() == 1 { "is" } else { "are" };
    (value > 0).then(|| format!("{} {verb} ready", list(&fds)))
}

/// What `epoll_wait` has answered: it says how many, and where nobody here looks, which.
pub(super) fn told(task: Task, value: i64) -> String {
    match value {
        0 => format!("{task} is told that nothing is ready"),
        _ => format!("{task} is told that {} ready", count(value as u64, "thing is", "things are")),
    }
}

/// What an epoll instance is to watch from now on, or no more.
pub(super) fn watches(
    task: Task,
    said: Arguments<'_>,
    what: impl Fn(i64) -> String,
) -> Option<String> {
    let (epoll, watched) = (said.fd(0)?, said.fd(2)?);
    match said.number(1)? {
        1 => Some(format!("{task} lets fd {epoll} watch fd {watched}, {}", what(watched.into()))),
        2 => Some(format!("{task} lets fd {epoll} watch fd {watched} no more")),
        _ => None,
    }
}
