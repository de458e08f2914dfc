//! SIGNALS.md, its first table: what the master does with each signal.

mod server;

#[path = "signals/logs.rs"]
mod logs;
#[path = "signals/number.rs"]
mod number;
#[path = "signals/refusing.rs"]
mod refusing;
#[path = "signals/reloading.rs"]
mod reloading;
#[path = "signals/stopping.rs"]
mod stopping;
#[path = "signals/storms.rs"]
mod storms;
