//! The picture of a run while it goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};
use trace::{Event, Model, What, html, knot};

/// With more events than that, a picture would be a log.
const EVENTS: usize = 6_000;

/// Pictures follow each other no faster.
const PAUSE: Duration = Duration::from_millis(150);

/// The events so far, and when they were drawn.
#[derive(Debug)]
pub(super) struct Drawing {
    title: String,
    /// What its steps' addresses begin with.
    name: String,
    events: Arc<Vec<Event>>,
    /// How many events the last picture shows.
    drawn: usize,
    next: Instant,
    /// How many events came too late.
    pub(super) left_out: usize,
}

impl Drawing {
    pub(super) fn new(title: String, name: String) -> Self {
        Self { title, name, events: Arc::default(), drawn: 0, next: Instant::now(), left_out: 0 }
    }

    pub(super) fn add(&mut self, event: Event) {
        if self.events.len() < EVENTS {
            Arc::make_mut(&mut self.events).push(event);
        } else {
            self.left_out += 1;
        }
    }

    /// When the next picture is due; `None`: nothing has happened since the last one.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.events.len() > self.drawn).then_some(self.next)
    }

    /// Draws, away from the thread that answers everybody.
    pub(super) async fn draw(&mut self) -> Option<String> {
        let began = Instant::now();
        let (events, title, name) =
            (Arc::clone(&self.events), self.title.clone(), self.name.clone());
        self.drawn = events.len();
        let drawn =
            tokio::task::spawn_blocking(move || html::fragment(&events, &title, &name)).await;
        // Most of the time is the program's.
        self.next = Instant::now() + PAUSE.max(3 * began.elapsed());
        drawn.ok()
    }

    /// Why the program hung, if the recorder has ended it for that.
    pub(super) fn why_stuck(&self) -> Vec<String> {
        let mut model = Model::new();
        for event in self.events.iter() {
            // What does not fit is told in the picture.
            _ = model.apply(event);
            if event.what == What::Stuck {
                return knot::knot(&model);
            }
        }
        Vec::new()
    }
}
