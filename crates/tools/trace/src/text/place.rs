//! Which task has which column: one that is gone leaves its column to the next.

use std::collections::BTreeMap;

use crate::event::Task;
use crate::rows::{Mark, Rows};

#[derive(Debug, Default)]
pub(crate) struct Places {
    of: BTreeMap<Task, usize>,
    count: usize,
}

impl Places {
    pub(crate) fn of(rows: &Rows) -> Self {
        let mut spans: BTreeMap<Task, (usize, usize)> = BTreeMap::new();
        for (index, row) in rows.rows.iter().enumerate() {
            let there = row.marks.iter().filter(|(_, mark)| **mark != Mark::Gone);
            let named = row.arrows.iter().map(|arrow| arrow.to).chain([row.task]);
            for task in there.map(|(task, _)| *task).chain(named) {
                spans.entry(task).or_insert((index, index)).1 = index;
            }
        }
        let mut order: Vec<(Task, (usize, usize))> = spans.into_iter().collect();
        order.sort_by_key(|(_, (first, _))| *first);
        let mut places = Self::default();
        let mut ends: Vec<usize> = Vec::new();
        for (task, (first, last)) in order {
            let free = ends.iter().position(|end| *end < first);
            let place = free.unwrap_or_else(|| {
                ends.push(0);
                ends.len() - 1
            });
            ends[place] = last;
            places.of.insert(task, place);
        }
        places.count = ends.len();
        places
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn of_task(&self, task: Task) -> usize {
        self.of.get(&task).copied().unwrap_or(0)
    }
}
