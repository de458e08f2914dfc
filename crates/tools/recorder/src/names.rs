//! What is called differently in each run is called the same here: a pid becomes a task's number.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::ops::RangeInclusive;

use nix::unistd::{Pid, getpgrp, getpid, getppid, getsid};
use trace::Task;

use crate::places::Places;

/// Below it, a number in a text is hardly a pid: when the kernel has given out all, it begins again here.
pub(crate) const SMALL: i32 = 300;

/// In the place of an inode's kind: a port that the kernel has chosen.
const PORT: &str = "port:";

/// The ports among which the kernel chooses: see ip(7).
fn ephemeral() -> RangeInclusive<i32> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|end| end.parse().ok());
    ends.next().unwrap_or(32768)..=ends.next().unwrap_or(60999)
}

/// The tasks by what they call themselves, and pipes, sockets, terminals and ports in the order in which they have appeared.
#[derive(Debug)]
pub(crate) struct Names {
    by_pid: HashMap<i32, Task>,
    /// How many pid namespaces the first process is below the recorder.
    depth: Option<usize>,
    inodes: RefCell<HashMap<String, usize>>,
    ephemeral: RangeInclusive<i32>,
    places: Places,
}

impl Names {
    /// Nobody is known but the recorder itself, who is the first process's parent, and its kin.
    pub(crate) fn new(places: Places) -> Names {
        let session = getsid(None).unwrap_or(getpid());
        let outside = [getpid(), getppid(), getpgrp(), session];
        let by_pid = outside.map(|pid| (pid.as_raw(), Task::OUTSIDE)).into();
        Names { by_pid, depth: None, inodes: RefCell::default(), ephemeral: ephemeral(), places }
    }

    /// From now on, these ids are this task's, outermost first: the kernel uses ids again. Those count by which the
    /// first process and its descendants may know it.
    pub(crate) fn set(&mut self, ids: &[Pid], task: Task) {
        let depth = *self.depth.get_or_insert(ids.len().saturating_sub(1));
        self.by_pid.extend(ids.iter().skip(depth).map(|id| (id.as_raw(), task)));
    }

    /// Whose id it is; [`Task::OUTSIDE`] if nobody's that is recorded.
    pub(crate) fn task(&self, pid: Pid) -> Task {
        self.by_pid.get(&pid.as_raw()).copied().unwrap_or(Task::OUTSIDE)
    }

    /// The number of a pipe or socket, `pipe:[4711]`, among those of its kind, from 1.
    fn counted(&self, kind: &str, inode: &str) -> usize {
        let mut inodes = self.inodes.borrow_mut();
        let known = inodes.iter().filter(|(other, _)| other.starts_with(kind));
        let next = known.map(|(_, number)| number + 1).max().unwrap_or(1);
        *inodes.entry(format!("{kind}{inode}")).or_insert(next)
    }

    /// An address whose port the kernel has just chosen: it is a new one, even if it was another's before.
    pub(crate) fn of_chosen(&self, address: &str) -> String {
        let next = self.counted(PORT, "");
        let mut inodes = self.inodes.borrow_mut();
        inodes.remove(PORT);
        if let Some((_, port)) = address.rsplit_once(':') {
            inodes.insert(format!("{PORT}{port}"), next);
        }
        drop(inodes);
        self.in_text(address)
    }

    fn is_counted(&self, kind: &str, inode: &str) -> bool {
        self.inodes.borrow().contains_key(&format!("{kind}{inode}"))
    }

    /// A text with the tasks' names in the place of their ids, and `pipe:[1]` for the first pipe.
    pub(crate) fn in_text(&self, text: &str) -> String {
        let text = self.places.in_text(text);
        let mut named = String::with_capacity(text.len());
        let mut rest = &*text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            named.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let name = self.word(word, &named);
            // As in a column of numbers: how many spaces there are depends on the id's digits.
            if name.is_some() && named.ends_with("  ") {
                named.truncate(named.trim_end_matches(' ').len() + 1);
            }
            named.push_str(&name.unwrap_or_else(|| self.glued(word)));
            rest = after;
        }
        named.push_str(rest);
        named
    }

    /// What a word is called instead, after all that stands before it.
    fn word(&self, word: &str, before: &str) -> Option<String> {
        let number: i32 = word.parse().ok()?;
        for kind in ["pipe:[", "socket:[", "/dev/pts/"] {
            if before.ends_with(kind) {
                return Some(self.counted(kind, word).to_string());
            }
        }
        if self.ephemeral.contains(&number)
            && (before.ends_with(':') || self.is_counted(PORT, word))
        {
            return Some(format!("port-{}", self.counted(PORT, word)));
        }
        let in_proc = before.ends_with("/proc/");
        let known = self.by_pid.get(&number).filter(|_| in_proc || number >= SMALL);
        known.or_else(|| in_proc.then_some(&Task::OUTSIDE)).map(Task::to_string)
    }
}

impl Names {
    /// A word with ids between letters, as in `worker4711`. Digits among those of a hexadecimal number are none.
    fn glued(&self, word: &str) -> String {
        if word.chars().all(|c| c.is_ascii_hexdigit()) {
            return word.into();
        }
        let mut named = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let changes = |c: char| c.is_ascii_digit() != first.is_ascii_digit();
            let (part, after) = rest.split_at(rest.find(changes).unwrap_or(rest.len()));
            rest = after;
            let id = part.parse().ok().filter(|&id| id >= SMALL && !part.starts_with('0'));
            let task = id.and_then(|id: i32| self.by_pid.get(&id));
            named.push_str(&task.map_or_else(|| part.into(), Task::to_string));
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_is_a_name() {
        let mut names = Names::new(Places::default());
        names.set(&[Pid::from_raw(400_211)], Task(1));
        names.set(&[Pid::from_raw(7)], Task(2));
        let text = "[parent 400211] 4002110 4002ff 7 /proc/400211/fd /proc/7/fd /proc/1/fd";
        let expected = "[parent P1] 4002110 4002ff 7 /proc/P1/fd /proc/P2/fd /proc/P0/fd";
        assert_eq!(names.in_text(text), expected);
        let glued = "worker400211.log x400211y7 d400211e x4002110 x0400211";
        assert_eq!(names.in_text(glued), "workerP1.log xP1y7 d400211e x4002110 x0400211");
        let column = "line 5:  400211 Killed\n  400211 sh   7\n";
        assert_eq!(names.in_text(column), "line 5: P1 Killed\n P1 sh   7\n");
    }

    #[test]
    fn in_a_namespace_the_ids_outside_of_it_are_not_its_processes() {
        let mut names = Names::new(Places::default());
        let ids = |ids: [i32; 2]| ids.map(Pid::from_raw);
        names.set(&ids([400_211, 5001]), Task(1));
        names.set(&ids([5001, 5002]), Task(2));
        assert_eq!(names.in_text("400211 5001 5002"), "400211 P1 P2");
    }

    #[test]
    fn pipes_and_sockets_are_counted_by_first_appearance() {
        let names = Names::new(Places::default());
        let text = "pipe:[815] socket:[4711] pipe:[99] pipe:[815]";
        assert_eq!(names.in_text(text), "pipe:[1] socket:[1] pipe:[2] pipe:[1]");
        assert_eq!(
            names.in_text("/dev/pts/7 /dev/pts/12 /dev/pts/7"),
            "/dev/pts/1 /dev/pts/2 /dev/pts/1"
        );
        assert_eq!(names.in_text("40000 127.0.0.1:40000 40000"), "40000 127.0.0.1:port-1 port-1");
    }

    #[test]
    fn a_port_that_is_chosen_again_is_another_one() {
        let names = Names::new(Places::default());
        for (port, name) in
            [(40000, "[::1]:port-1"), (40001, "[::1]:port-2"), (40000, "[::1]:port-3")]
        {
            assert_eq!(names.of_chosen(&format!("[::1]:{port}")), name);
        }
        assert_eq!(
            names.in_text("[::1]:40000 [::1]:40001 [::1]:40002"),
            "[::1]:port-3 [::1]:port-2 [::1]:port-4"
        );
    }
}
