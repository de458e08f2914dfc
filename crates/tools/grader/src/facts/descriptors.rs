//! Facts about descriptors: what is open when a process ends, and where it leads.

use super::{Check, Claim, claim};
use crate::recorded::Open;
use crate::{Recorded, Seen, Verdict};
use trace::{Argument, Model, Task, What};

/// The end of the program's first process, and what was open until then.
fn end(seen: &Recorded) -> Option<(&Seen, &[Open])> {
    let end = seen.of(Task(1)).find(|step| matches!(step.event.what, What::Ended { .. }))?;
    Some((end, end.open.as_deref()?))
}

/// When the program's first process ends, nothing is open but these numbers: whatever else it opened has been closed.
pub fn leave_open_only(numbers: &'static [i32]) -> Claim<impl Check> {
    claim(format!("leave open only {numbers:?}"), move |seen| {
        let Some((end, open)) = end(seen) else { return Ok(()) };
        let left: Vec<_> = open.iter().filter(|it| !numbers.contains(&it.number)).collect();
        let Some(first) = left.first() else { return Ok(()) };
        let before = seen.of(Task(1)).filter(|step| step.event.step < end.event.step);
        let opened = before.filter(|step| step.opened.contains(&first.number)).last();
        Err(Verdict::new(format!("The program leaves {first}, open: nobody has closed it."))
            .saw_all(opened.map(ToString::to_string))
            .saw(end.to_string())
            .saw(format!("open until then: {}", listed(open)))
            .ask("Who owns that number, and when is its work done?"))
    })
}

/// When the program's first process ends, this number is open: it was only lent.
pub fn keep_open(number: i32) -> Claim<impl Check> {
    claim(format!("keep descriptor {number} open"), move |seen| {
        let Some((_, open)) = end(seen) else { return Ok(()) };
        if open.iter().any(|it| it.number == number) {
            return Ok(());
        }
        let closes = |step: &&Seen| {
            matches!(&step.event.what, What::Enter { name, arguments, .. }
                if name == "close" && arguments.first() == Some(&Argument::Descriptor(number)))
        };
        Err(Verdict::new(format!(
            "The program has closed descriptor {number}, which was only lent to it."
        ))
        .saw_all(seen.of(Task(1)).filter(closes).last().map(ToString::to_string))
        .ask("Which type of Rust's owns a descriptor, and what does it do when it goes?"))
    })
}

/// When the program's first process ends, this number leads to this file: one whose path ends like that.
pub fn lead_to(number: i32, file: impl Into<String>) -> Claim<impl Check> {
    let file = file.into();
    claim(format!("lead descriptor {number} to {file}"), move |seen| {
        let Some((end, open)) = end(seen) else { return Ok(()) };
        let found = open.iter().find(|it| it.number == number);
        if found.is_some_and(|it| std::path::Path::new(&it.leads_to).ends_with(&file)) {
            return Ok(());
        }
        let cause = match found {
            Some(it) => format!("In the end, descriptor {number} leads to {}.", it.leads_to),
            None => format!("In the end, descriptor {number} is closed."),
        };
        let last = seen.of(Task(1)).filter(|step| step.opened.contains(&number)).last();
        Err(Verdict::new(cause)
            .saw(format!("it should lead to {file}"))
            .saw_all(last.map(ToString::to_string))
            .saw(end.to_string())
            .ask("Which call gives a number another meaning, and which of its two arguments is the one that changes?"))
    })
}

/// In the program's first process, nothing that leads to this file is ever open without close-on-exec: not even for a while.
pub fn keep_close_on_exec(file: impl Into<String>) -> Claim<impl Check> {
    let file = file.into();
    claim(format!("keep {file} close-on-exec"), move |seen| {
        let mut model = Model::new();
        let exposed = seen.steps.iter().filter(|step| {
            // Of a recording that doesn't fit together, this is what is known.
            let _ = model.apply(&step.event);
            let slots = model.table(Task(1)).into_iter().flat_map(|table| &table.slots);
            let mut open = slots.filter(|(_, slot)| !slot.close_on_exec);
            open.any(|(&number, _)| model.name_of(Task(1), number).as_ref() == Some(&file))
        });
        let exposed: Vec<&Seen> = exposed.collect();
        let (Some(first), Some(last)) = (exposed.first(), exposed.last()) else { return Ok(()) };
        let born = exposed.iter().filter(|step| matches!(step.event.what, What::Born { .. }));
        let over = seen
            .steps
            .iter()
            .find(|step| step.event.step > last.event.step && step.process == Task(1));
        Err(Verdict::new("For a while, the file is not close-on-exec in your program itself: whoever it runs meanwhile inherits it.")
            .saw(first.to_string())
            .saw_all(born.map(ToString::to_string))
            .saw_all(over.map(ToString::to_string))
            .ask("What would a program inherit that another thread runs between these two steps? In which process does the flag concern nobody else?"))
    })
}

pub(super) fn listed(open: &[Open]) -> String {
    let open: Vec<_> = open.iter().map(|it| format!("{} → {}", it.number, it.leads_to)).collect();
    open.join(", ")
}
