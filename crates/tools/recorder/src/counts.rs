//! How far the calls are that injections ask for.

use std::collections::HashMap;

use trace::Task;

use crate::inject::{Moment, perhaps};

/// How far the calls are that injections ask for.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How many calls of a name each task has begun.
    pub(crate) begun: HashMap<(Task, &'static str), u32>,
    /// The last of them that is over.
    pub(crate) over: HashMap<(Task, &'static str), u32>,
    /// Which injections have happened.
    pub(crate) happened: Vec<bool>,
    /// Which holds have ended without what they waited for.
    pub(crate) in_vain: Vec<bool>,
    /// How often, since somebody is held, nobody could do better than ask in vain.
    pub(crate) asked: u32,
}

impl Counts {
    pub(crate) fn mark(&mut self, index: usize, list: impl FnOnce(&mut Counts) -> &mut Vec<bool>) {
        let list = list(self);
        list.resize(list.len().max(index + 1), false);
        list[index] = true;
    }

    pub(crate) fn is_over(&self, moment: &Moment) -> bool {
        let mut over = self.over.iter();
        let whose = |task| moment.task.is_none_or(|whose| whose == task);
        over.any(|(&(task, name), &nth)| {
            whose(task) && name == moment.call && moment.nth.is_none_or(|asked| asked <= nth)
        })
    }

    /// Why no such call has been there, of so many tasks.
    pub(crate) fn why_not(&self, moment: &Moment, tasks: u32) -> String {
        let whose = |task: Task| moment.task.is_none_or(|whose| whose == task);
        let who = match moment.task {
            Some(Task(number)) if number > tasks => return format!("there was no P{number}"),
            Some(task) => task.to_string(),
            None => "nobody".to_string(),
        };
        let begun = self.begun.iter().filter(|((task, _), _)| whose(*task));
        let calls = begun.clone().filter(|((_, name), _)| *name == moment.call);
        let most = calls.map(|(_, &count)| count).max().unwrap_or_default();
        if most > 0 && moment.nth.is_none_or(|nth| nth <= most) {
            return format!("its {} had no more bytes to move than that", moment.call);
        }
        let more = if moment.task.is_some() { "has made only" } else { "has made more than" };
        if most > 0 {
            return format!("{who} {more} {most} of them");
        }
        let made = if moment.task.is_some() { "has made no" } else { "has made any" };
        let mut names: Vec<_> = begun.map(|((_, name), _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        format!("{who} {made} {}{}", moment.call, perhaps(&moment.call, names))
    }
}
