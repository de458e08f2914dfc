//! The calls of each process, as strace has written them down, and as the recorder has.

use std::collections::{BTreeMap, HashMap};

use trace::event::{Event, Outcome, Task, What};

/// Each process or thread, by its place in the family (`1.2` is the first one's second child), and its
/// calls with their results.
pub(crate) type Lives = BTreeMap<String, Vec<(String, String)>>;

/// Who is who, as far as the results of the calls that make somebody say so.
struct Family<T>(HashMap<T, String>, HashMap<String, usize>);

impl<T: std::hash::Hash + Eq> Family<T> {
    fn new(first: T) -> Self {
        Family(HashMap::from([(first, "1".to_string())]), HashMap::new())
    }

    fn made(&mut self, by: &T, child: T) {
        let Some(parent) = self.0.get(by).cloned() else { return };
        let count = self.1.entry(parent.clone()).or_default();
        *count += 1;
        self.0.insert(child, format!("{parent}.{count}"));
    }

    fn place(&self, who: &T) -> String {
        self.0.get(who).cloned().unwrap_or_else(|| "outside".to_string())
    }
}

/// Calls that make a task. Which of them a program uses to fork is the C library's business.
fn makes(name: &str) -> bool {
    matches!(name, "fork" | "vfork" | "clone" | "clone3")
}

fn returns_task(name: &str) -> bool {
    makes(name) || trace::call::called(name).is_some_and(|call| call.returns_task)
}

/// Calls that return the caller's own id, which the recorder tells as a number.
fn is_an_id(name: &str) -> bool {
    matches!(name, "set_tid_address" | "getpgrp" | "getsid")
}

fn common(name: &str) -> String {
    match name {
        "pselect6" => "select".to_string(),
        name if makes(name) => "make".to_string(),
        name => name.to_string(),
    }
}

/// A number as it is; an address, which differs from machine to machine, is only that.
fn number(value: i64) -> String {
    if value > i64::from(u32::MAX) { "address".to_string() } else { value.to_string() }
}

/// A number as C writes it: strace shows some results in base 16, and a mask in base 8.
fn in_c(text: &str) -> Result<i64, std::num::ParseIntError> {
    match (text.strip_prefix("0x"), text.strip_prefix('0')) {
        (Some(digits), _) => i64::from_str_radix(digits, 16),
        (None, Some(digits)) if !digits.is_empty() => i64::from_str_radix(digits, 8),
        _ => text.parse(),
    }
}

/// Reads `strace -f -o FILE`: a pid, a call and its result in each line, or in two, if others were between.
pub(crate) fn by_strace(text: &str) -> Lives {
    let mut begun: HashMap<i64, String> = HashMap::new();
    let mut calls: Vec<(i64, String, String)> = Vec::new();
    for line in text.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let (Ok(pid), rest) = (pid.parse(), rest.trim_start()) else { continue };
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let whole = begun.remove(&pid).unwrap_or_default() + resumed;
            calls.extend(call(&whole).map(|(name, result)| (pid, name, result)));
        } else if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, format!("{start} "));
        } else {
            calls.extend(call(rest).map(|(name, result)| (pid, name, result)));
        }
    }
    // A process that ends in the middle of a call: exit_group, mostly.
    calls.extend(begun.iter().filter_map(|(pid, start)| {
        let name = start.split('(').next().filter(|name| name.starts_with("exit"))?;
        Some((*pid, name.to_string(), "?".to_string()))
    }));
    let Some((first, ..)) = calls.first().cloned() else { return Lives::new() };
    let mut family = Family::new(first);
    // Who was made is known only from its maker's result, which comes later than its own first calls.
    let mut order: Vec<_> = calls.iter().filter(|(_, name, _)| makes(name)).collect();
    while !order.is_empty() {
        let known = order.iter().position(|(pid, ..)| family.0.contains_key(pid));
        let Some((pid, _, child)) = known.map(|at| order.remove(at)) else { break };
        if let Ok(child @ 1..) = child.parse() {
            family.made(pid, child);
        }
    }
    let mut lives = Lives::new();
    // The first exec is that of strace itself.
    for (pid, name, result) in calls.iter().skip(1).filter(|(_, name, _)| is_compared(name)) {
        // It never returned: it has killed itself, say.
        if result == "?" && !name.starts_with("exit") {
            continue;
        }
        let result = match in_c(result) {
            Ok(_) if is_an_id(name) => "own".to_string(),
            Ok(task @ 1..) if returns_task(name) => family.place(&task),
            Ok(value) => number(value),
            Err(_) => result.clone(),
        };
        lives.entry(family.place(pid)).or_default().push((common(name), result));
    }
    lives
}

/// A call's name and result: `-1 ENOENT (No such file)` is its error, `? ERESTARTSYS` an interruption.
fn call(text: &str) -> Option<(String, String)> {
    let (name, _) = text.split_once('(')?;
    let (_, result) = text.rsplit_once(" = ")?;
    let mut words = result.split_whitespace();
    let result = match (words.next()?, words.next()) {
        ("-1", Some(error)) => error,
        ("?", Some(why)) if why.starts_with("ERESTART") => "interrupted",
        (result, _) => result,
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_string(), result.to_string()))
}

/// The recorder tells the end of a handler instead of rt_sigreturn.
fn is_compared(name: &str) -> bool {
    name != "rt_sigreturn"
}

/// The calls of a recording made with `--all`.
pub(crate) fn by_recorder(events: &[Event]) -> Lives {
    let mut family = Family::new(Task(1));
    let made = |event: &Event| match &event.what {
        What::Leave { name, result: Outcome::Task(child), .. } if makes(name) => {
            Some((event.task, *child))
        }
        _ => None,
    };
    let mut order: Vec<_> = events.iter().filter_map(made).collect();
    while let Some(at) = order.iter().position(|(maker, _)| family.0.contains_key(maker)) {
        let (maker, child) = order.remove(at);
        family.made(&maker, child);
    }
    let mut lives = Lives::new();
    for event in events {
        let call = match &event.what {
            What::Leave { name, result, .. } => {
                let result = match result {
                    Outcome::Value(_) if is_an_id(name) => "own".to_string(),
                    Outcome::Value(value) => number(*value),
                    Outcome::Task(task) => family.place(task),
                    Outcome::Error(error) => error.clone(),
                    Outcome::Interrupted => "interrupted".to_string(),
                };
                (common(name), result)
            }
            What::Enter { name, .. } if name.starts_with("exit") => (name.clone(), "?".to_string()),
            _ => continue,
        };
        if is_compared(&call.0) {
            lives.entry(family.place(&event.task)).or_default().push(call);
        }
    }
    lives
}
