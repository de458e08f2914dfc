//! A run, from a page's wish to its last message.

use super::build::{self, Unbuilt};
use super::drawing::Drawing;
use super::message::{Message, ended};
use super::processes::Processes;
use super::text::Decoder;
use super::{Declared, Order, Place};
use crate::workspace::Workspace;
use grader::{Network, Piece, Policy, Run};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// How much a program may write to each of its streams.
const OUTPUT: usize = 256 << 10;

/// How long everybody may sleep in a program that nobody from outside can wake.
const PATIENCE: Duration = Duration::from_millis(700);

/// Runs what was ordered, in a task of its own. Dropping the receiver ends the run.
pub fn begin(
    workspace: Workspace,
    declared: Declared,
    order: Order,
    policy: Policy,
    place: Place,
) -> Receiver<Message> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        let page = Page(sender);
        let gone = page.0.clone();
        let conducted = conduct(&workspace, &declared, &order, policy, &place, &page);
        tokio::select! {
            // What is left of a run is dropped here, and ends with that.
            () = gone.closed() => {}
            () = conducted => {}
        }
    });
    receiver
}

/// The one who reads.
pub(super) struct Page(Sender<Message>);

impl Page {
    pub(super) async fn tell(&self, message: Message) {
        // One that has left is noticed by whoever waits for that.
        _ = self.0.send(message).await;
    }
}

async fn conduct(
    workspace: &Workspace,
    declared: &Declared,
    order: &Order,
    policy: Policy,
    place: &Place,
    page: &Page,
) {
    page.tell(Message::Run { id: place.id.clone() }).await;
    let Some((krate, name)) = order.program.split_once('/') else { return };
    let program = match build::program(workspace, krate, name, page).await {
        Ok(program) => program,
        Err(Unbuilt::Refused(text)) => return page.tell(Message::Compiler { text }).await,
        Err(Unbuilt::Impossible(text)) => return page.tell(Message::Error { text }).await,
    };
    let (stop, writer) = match std::io::pipe() {
        Ok(pipe) => pipe,
        Err(error) => {
            return page
                .tell(Message::Error { text: format!("cannot make a pipe: {error}") })
                .await;
        }
    };
    place.stopped_by(writer);
    let run = run(&program, declared, order);
    let patience = match declared.signals.is_empty() {
        true => PATIENCE,
        // Somebody can wake it: the reader.
        false => declared.deadline(),
    };
    let drawn = !declared.undrawn;
    let seed = order.seed;
    let (told, pieces) = mpsc::channel(256);
    // A thread of its own: who traces must be the only one who waits for the traced.
    let thread = tokio::task::spawn_blocking(move || {
        // Where nobody listens any more, the run is about to end.
        let tell = move |piece| _ = told.blocking_send(piece);
        if drawn {
            let recording = run.recorded().policy(policy).seed(seed).patience(patience).lines();
            recording.live(stop.into(), tell)
        } else {
            run.live(stop.into(), tell)
        }
    });
    let began = Instant::now();
    let drawing = Drawing::new(format!("{name}, run just now"), format!("live-{}", place.id));
    let watched = !declared.signals.is_empty();
    let drawing =
        Follower { drawing, place, page, watched, serves: declared.serves }.follow(pieces).await;
    page.tell(match thread.await {
        Ok(Ok(finished)) => ended(&finished, &drawing, began.elapsed()),
        Ok(Err(why)) => Message::Error { text: format!("cannot run {name}: {why}") },
        Err(_) => Message::Error { text: format!("the grader lost sight of {name}") },
    })
    .await;
}

fn run(program: &Path, declared: &Declared, order: &Order) -> Run {
    let input = order.input.clone().or_else(|| declared.input.clone()).unwrap_or_default();
    let run = Run::new(program);
    // A hot restart ends the program that was started, and the server goes on.
    let run = if declared.serves { run.to_the_last() } else { run };
    run.args(&declared.fixed)
        .args(arguments(declared, order))
        .stdin(input)
        .deadline(declared.deadline())
        .output_limit(OUTPUT)
        .network(match declared {
            Declared { serves: true, .. } => Network::Shared,
            Declared { network: true, .. } => Network::Loopback,
            _ => Network::Refused,
        })
}

/// The arguments that were given. Those of an option's value come with the option.
fn arguments(declared: &Declared, order: &Order) -> Vec<String> {
    let given = order.arguments.iter().zip(&declared.arguments);
    let given = given.filter(|(argument, _)| !argument.is_empty());
    given.flat_map(|(value, argument)| argument.option.iter().chain([value])).cloned().collect()
}

const OUT: fn(String) -> Message = |text| Message::Out { text };
const ERR: fn(String) -> Message = |text| Message::Err { text };

/// Passes on what comes of a run.
struct Follower<'a> {
    drawing: Drawing,
    place: &'a Place,
    page: &'a Page,
    /// Whether the processes are shown while they live.
    watched: bool,
    /// Whether it is going to say where it listens.
    serves: bool,
}

impl Follower<'_> {
    /// Until nothing comes any more.
    async fn follow(mut self, mut pieces: Receiver<Piece>) -> Drawing {
        let (mut out, mut err) = (Decoder::default(), Decoder::default());
        let mut who = Processes::default();
        loop {
            let piece = tokio::select! {
                biased;
                () = until(self.drawing.due()) => {
                    self.draw().await;
                    continue;
                }
                () = until(who.due()) => {
                    if let Some(processes) = who.look().await {
                        self.page.tell(Message::Processes { processes }).await;
                    }
                    continue;
                }
                piece = pieces.recv() => piece,
            };
            match piece {
                None => break,
                Some(Piece::Begun(reach)) => {
                    if self.watched {
                        who.watch(reach.clone());
                    }
                    self.place.reached_by(reach);
                    self.page.tell(Message::Begun).await;
                }
                Some(Piece::Untraced(text)) => self.page.tell(Message::Unseen { text }).await,
                Some(Piece::Stdout(bytes)) => self.wrote(out.text(&bytes), OUT).await,
                Some(Piece::Stderr(bytes)) => self.wrote(err.text(&bytes), ERR).await,
                Some(Piece::Event(event)) => self.drawing.add(*event),
            }
        }
        self.wrote(out.rest(), OUT).await;
        self.wrote(err.rest(), ERR).await;
        if self.drawing.due().is_some() {
            self.draw().await;
        }
        if self.drawing.left_out > 0 {
            let left_out = self.drawing.left_out;
            let text = format!("The picture ends here; {left_out} more events are not drawn.");
            self.page.tell(Message::Unseen { text }).await;
        }
        self.drawing
    }

    async fn draw(&mut self) {
        if let Some(html) = self.drawing.draw().await {
            self.page.tell(Message::Picture { html }).await;
        }
    }

    async fn wrote(&mut self, text: String, message: fn(String) -> Message) {
        if let Some(port) = port_in(&text).filter(|_| self.serves) {
            self.serves = false;
            self.place.listens_at(port);
            self.page.tell(Message::Listens { port }).await;
        }
        if !text.is_empty() {
            self.page.tell(message(text)).await;
        }
    }
}

/// The port at which a server says that it listens.
fn port_in(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("listening on 127.0.0.1:")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns at that time, if there is one.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
