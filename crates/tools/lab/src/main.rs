//! `cargo lab`: the book, built, checked and served.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use lab::book::{self, Built};
use lab::preprocess::Lab;
use lab::problem::Problems;
use lab::server::{self, Guard, Site};
use lab::workspace::Workspace;
use mdbook_preprocessor::{Preprocessor, parse_input};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// Build the book, check it, serve it on this machine and keep it fresh while you edit
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,

    /// The port; without it 3000, or the next free one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// Don't open a browser
    #[arg(long)]
    no_open: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Only build and check the book
    Build,
    /// Be mdBook's preprocessor: book on stdin, expanded book on stdout
    #[command(hide = true)]
    Preprocess {
        #[command(subcommand)]
        question: Option<Question>,
    },
}

#[derive(Subcommand)]
enum Question {
    /// Exit with 0 if this preprocessor works for that renderer
    Supports { renderer: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(Task::Build) => build(),
        Some(Task::Preprocess { question: Some(Question::Supports { renderer }) }) => {
            let supported = Lab.supports_renderer(&renderer).unwrap_or(false);
            return ExitCode::from(u8::from(!supported));
        }
        Some(Task::Preprocess { question: None }) => preprocess(),
        None => serve(arguments.port, !arguments.no_open),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn here() -> Result<Workspace> {
    Workspace::find(&std::env::current_dir().context("cannot tell the current folder")?)
}

fn build() -> Result<()> {
    let built = book::build(&here()?)?;
    say(&format!("The book is in {}", built.folder.display()));
    Ok(())
}

fn preprocess() -> Result<()> {
    let (context, book) = parse_input(io::stdin())
        .context("this is mdBook's to call; for the book, run `cargo lab`")?;
    let book = Lab.run(&context, book)?;
    serde_json::to_writer(io::stdout().lock(), &book).context("cannot hand the book to mdBook")
}

fn serve(port: Option<u16>, open: bool) -> Result<()> {
    let workspace = here()?;
    let listener = server::listen(port)?;
    let got = listener.local_addr().context("cannot tell the port")?.port();
    let built = book::build(&workspace)?;
    if port.is_none() && got != server::PORT {
        say(&format!("Port {} is taken, so this is port {got}.", server::PORT));
    }
    let page_guard = Guard::new(got).context("cannot make a token")?;
    // Behind the `#`, it never leaves the browser but in a header to us.
    let url = format!("http://127.0.0.1:{got}/#lab={}", page_guard.token());
    let (sender, site) = watch::channel(Arc::new(Site::new(&built.files)));

    // Held during a rebuild, and at the end: no half-built book is left behind.
    let building = Arc::new(Mutex::new(()));
    let mut rebuild = Rebuild { workspace: workspace.clone(), shown: built, failed: false, sender };
    let guard = Arc::clone(&building);
    lab::watch::watch(&workspace, move || {
        let _building = guard.lock().unwrap_or_else(PoisonError::into_inner);
        rebuild.run();
    })
    .context("cannot watch the book's sources")?;

    say(&format!("The book is at {url} (Ctrl-C ends it)"));
    if open && has_browser() && open::that_detached(&url).is_err() {
        say("No browser could be opened; open the address yourself.");
    }
    let lab = server::Lab { site, guard: Arc::new(page_guard), runs: Arc::default(), workspace };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(async {
        tokio::select! {
            ended = server::serve(listener, lab) => ended.context("the server stopped"),
            pressed = tokio::signal::ctrl_c() => pressed.context("cannot wait for Ctrl-C"),
        }
    })?;
    std::mem::forget(building.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// What a change of the sources leads to.
struct Rebuild {
    workspace: Workspace,
    shown: Built,
    failed: bool,
    sender: watch::Sender<Arc<Site>>,
}

impl Rebuild {
    fn run(&mut self) {
        let start = Instant::now();
        match book::build(&self.workspace) {
            Ok(built) => {
                // A source that no page shows changed: nothing to see, so nothing to say.
                let same = built.files == self.shown.files;
                if same && !self.failed {
                    return;
                }
                say(&format!("Rebuilt in {:.1} s", start.elapsed().as_secs_f32()));
                self.failed = false;
                if !same {
                    self.sender.send_replace(Arc::new(Site::new(&built.files)));
                    self.shown = built;
                }
            }
            Err(error) => {
                self.failed = true;
                report(&error);
                _ = writeln!(io::stderr(), "The book stays as it was.");
            }
        }
    }
}

/// Whether there is a screen: without one, a text browser would take the terminal.
fn has_browser() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// One line on stdout; a reader who went away is no failure.
fn say(line: &str) {
    _ = writeln!(io::stdout(), "{line}");
}

fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    match error.downcast_ref::<Problems>() {
        Some(Problems(problems)) => {
            for problem in problems {
                _ = writeln!(stderr, "error: {problem}");
            }
        }
        None => _ = writeln!(stderr, "error: {error:#}"),
    }
}
