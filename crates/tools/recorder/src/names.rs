//! What is called differently in each run is called the same here: a pid becomes a task's number.

use std::collections::HashMap;

use nix::unistd::{Pid, getpid};
use trace::Task;

/// Below it, a number in a text is hardly a pid.
const SMALL: i32 = 100;

/// The tasks by their ids.
#[derive(Debug)]
pub(crate) struct Names {
    by_pid: HashMap<i32, Task>,
}

impl Names {
    /// Nobody is known but the recorder itself, who is the first process's parent.
    pub(crate) fn new() -> Names {
        Names { by_pid: HashMap::from([(getpid().as_raw(), Task::OUTSIDE)]) }
    }

    /// From now on, this id is this task's: the kernel uses ids again.
    pub(crate) fn set(&mut self, pid: Pid, task: Task) {
        self.by_pid.insert(pid.as_raw(), task);
    }

    /// Whose id it is; [`Task::OUTSIDE`] if nobody's that is recorded.
    pub(crate) fn task(&self, pid: Pid) -> Task {
        self.by_pid.get(&pid.as_raw()).copied().unwrap_or(Task::OUTSIDE)
    }

    /// A text with the tasks' names in the place of their ids.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            named.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match word.parse().ok().filter(|&id| id >= SMALL).and_then(|id| self.by_pid.get(&id)) {
                Some(task) => named.push_str(&task.to_string()),
                None => named.push_str(word),
            }
            rest = after;
        }
        named.push_str(rest);
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_is_a_name() {
        let mut names = Names::new();
        names.set(Pid::from_raw(4211), Task(1));
        names.set(Pid::from_raw(7), Task(2));
        assert_eq!(
            names.in_text("[parent 4211] 42110 x4211 7 /proc/4211/fd"),
            "[parent P1] 42110 x4211 7 /proc/P1/fd"
        );
    }
}
