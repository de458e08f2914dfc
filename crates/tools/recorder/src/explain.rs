//! Why the recorder has ended a program, in words.

use recorder::Late;
use trace::event::What;
use trace::{Event, Model, why};

/// Who waited for what, where everybody did.
pub(crate) fn knot(events: &[Event]) -> Vec<String> {
    let mut model = Model::new();
    for event in events {
        if event.what == What::Stuck {
            let mut lines = vec!["All of it waits, and nothing can end that:".to_string()];
            lines.extend(trace::knot::knot(&model));
            return lines;
        }
        _ = model.apply(event); // what can be followed of it has been
    }
    Vec::new()
}

/// Who still ran, and who waited for what.
pub(crate) fn late(events: &[Event], late: &Late) -> Vec<String> {
    let mut model = Model::new();
    for event in events.iter().take_while(|event| event.step < late.step) {
        _ = model.apply(event); // what can be followed of it has been
    }
    let at = |line: &Option<String>| line.as_ref().map(|line| format!(", at {line}"));
    let mut lines = vec!["Its time is over:".to_string()];
    lines.extend(
        late.running
            .iter()
            .map(|(task, line)| format!("{task} still ran{}", at(line).unwrap_or_default())),
    );
    lines.extend(why::sleepers(&model).iter().map(|sleeper| sleeper.sentence(&model)));
    lines
}
