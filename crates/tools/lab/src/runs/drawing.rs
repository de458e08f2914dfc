//! The picture of a run while it goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};
use trace::{Event, Model, What, html, knot};

/// A picture of more bytes would be a log: it shows
const BIG: usize = 512 << 10;
/// only so many events. Most that repeat themselves are folded, and don't make it big.
const EVENTS: usize = 6_000;
/// More are never kept.
const MOST: usize = 100_000;

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
    /// Whether it would be too big with one event more.
    full: bool,
    /// How many events it does not show.
    pub(super) left_out: usize,
}

impl Drawing {
    pub(super) fn new(title: String, name: String) -> Self {
        let (events, next) = (Arc::default(), Instant::now());
        Self { title, name, events, drawn: 0, next, full: false, left_out: 0 }
    }

    pub(super) fn add(&mut self, event: Event) {
        if self.full || self.events.len() == MOST {
            self.left_out += 1;
        } else {
            Arc::make_mut(&mut self.events).push(event);
        }
    }

    /// When the next picture is due; `None`: nothing has happened since the last one.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.events.len() > self.drawn).then_some(self.next)
    }

    /// Draws, away from the thread that answers everybody.
    pub(super) async fn draw(&mut self) -> Option<String> {
        let began = Instant::now();
        self.drawn = self.events.len();
        let mut drawn = self.drawn().await?;
        if drawn.len() > BIG && self.events.len() > EVENTS {
            self.full = true;
            self.left_out += self.events.len() - EVENTS;
            Arc::make_mut(&mut self.events).truncate(EVENTS);
            self.drawn = EVENTS;
            drawn = self.drawn().await?;
        }
        // Most of the time is the program's.
        self.next = Instant::now() + PAUSE.max(3 * began.elapsed());
        Some(drawn)
    }

    async fn drawn(&self) -> Option<String> {
        let (events, title, name) =
            (Arc::clone(&self.events), self.title.clone(), self.name.clone());
        tokio::task::spawn_blocking(move || html::fragment(&events, &title, &name)).await.ok()
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
