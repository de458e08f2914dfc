//! SIGNALS.md, "To a worker" and "Workers".

mod server;

#[path = "workers/commands.rs"]
mod commands;
#[path = "workers/death.rs"]
mod death;
#[path = "workers/failing.rs"]
mod failing;
#[path = "workers/silence.rs"]
mod silence;
#[path = "workers/stopped.rs"]
mod stopped;
