//! Who says that it works: the children's own words, whatever is said of work besides.

use grader::{Recorded, Seen};
use std::collections::HashMap;

/// Whose own words these are: which child's. Others may talk of work, too.
pub(crate) fn who_works(words: &str) -> Option<usize> {
    let says = |rest: &str| rest.split_once(" works")?.0.parse().ok();
    words.split("child ").skip(1).find_map(says)
}

/// The step in which each child says that it works, and which of its calls this is: `P2:write:1`.
pub(crate) fn works(seen: &Recorded) -> Vec<(&Seen, String)> {
    let mut calls = HashMap::new();
    let mut works: Vec<(&Seen, String)> = Vec::new();
    for step in &seen.steps {
        let (Some(call), task) = (step.begins(), step.event.task) else { continue };
        // What goes to standard error doesn't count.
        if call.starts_with("write") && step.sentence.contains("(2, ") {
            continue;
        }
        let nth = calls.entry((task, call)).or_insert(0);
        *nth += 1;
        let is_first = works.iter().all(|(work, _)| work.process != step.process);
        if is_first && step.process.to_string() != "P1" && who_works(&step.sentence).is_some() {
            works.push((step, format!("{task}:{call}:{nth}")));
        }
    }
    works
}
