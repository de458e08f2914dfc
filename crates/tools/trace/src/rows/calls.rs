//! The rows of a call: where it sleeps, and where it returns.

use super::build::Builder;
use super::{Mark, RowKind, gates, notes};
use crate::call::Argument;
use crate::event::{Event, Injected, Outcome};
use crate::model::{Arguments, Change};
use crate::why::Blocked;
use crate::words::{call_words, injected_words, result_words};

impl Builder {
    pub(super) fn sleeps(&mut self, event: &Event) {
        let Some((name, arguments)) = self.call_of(event.task) else { return };
        let Some(begun) = self.open.get_mut(&event.task) else { return };
        // It may wake, look, and sleep again.
        if std::mem::replace(&mut begun.slept, true) {
            return;
        }
        // One that has made somebody, and waits for it, has its row.
        if begun.shown {
            let marks = self.marks();
            let mut rows = self.rows.rows.iter_mut();
            if let Some(row) = rows.rfind(|row| row.task == event.task) {
                row.last = event.step;
                row.marks.retain(|_, mark| *mark == Mark::Gone);
                row.marks.extend(marks);
                row.gates = gates(&self.model);
            }
        } else {
            self.push(event, RowKind::Waits, call_words(&name, &arguments, true), &[]);
        }
        let awaited = Blocked::of(&self.model, event.task)
            .map(|blocked| blocked.awaited() + &blocked.alone(&self.model));
        let mut rows = self.rows.rows.iter_mut();
        if let (Some(row), Some(awaited)) = (rows.rfind(|row| row.task == event.task), awaited) {
            row.note = Some(format!("waits for {awaited}"));
        }
    }

    pub(super) fn returned(
        &mut self,
        event: &Event,
        name: &str,
        arguments: &[Argument],
        result: &Outcome,
        changes: &[Change],
    ) {
        let begun = self.open.get(&event.task).cloned().unwrap_or_default();
        let said =
            |whole| format!("{}{}", call_words(name, arguments, whole), result_words(name, result));
        // What it says is beside it, in the note.
        let printed = matches!(name, "write").then(|| Arguments(arguments).fd(0)).flatten();
        let printed = printed.and_then(|fd| self.model.name_of(event.task, fd));
        let printed =
            printed.is_some_and(|name| notes::prints(&name)) && matches!(result, Outcome::Value(_));
        let said = |whole| match (printed, arguments.first()) {
            (true, Some(Argument::Descriptor(fd))) => {
                format!("{name}({fd}, …){}", result_words(name, result))
            }
            _ => said(whole),
        };
        match (begun.slept, begun.shown) {
            (true, _) => self.push(event, RowKind::GoesOn, said(false), changes),
            (false, true) => {}
            (false, false) => self.push(event, RowKind::Call, said(true), changes),
        }
        if let (Some(deed), Some(row)) = (&begun.injected, self.rows.rows.last_mut()) {
            let why = injected_words(deed);
            row.injected = true;
            row.sentence = format!("{} ({why})", row.sentence);
            // What its error means isn't what has happened.
            let note = row.note.take().filter(|_| !matches!(deed, Injected::Fails(_)));
            row.note = Some(note.map_or(why.clone(), |note| format!("{note}; {why}")));
        }
        self.open.remove(&event.task);
        self.arrows.remove(&event.task);
    }

    /// What is done to a call is told where it returns.
    pub(super) fn injected(&mut self, event: &Event, deed: &Injected) {
        match (deed, self.open.get_mut(&event.task)) {
            (Injected::Fails(_) | Injected::Short(_), Some(begun)) => {
                begun.injected = Some(deed.clone());
            }
            _ => self.push(event, RowKind::Injected, injected_words(deed), &[]),
        }
    }
}
