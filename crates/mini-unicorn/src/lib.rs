//! A preforking HTTP server, put together from what the chapters before have made.
//!
//! Read in this order: [`App`] and [`serve`], which are all that a program of your own needs; then
//! the master, `roster.rs` (what it decides, without a process) and `master.rs` (what it does); then
//! `worker.rs`, and `http/`, one request from its bytes to its answer. The rest are single tricks:
//! `heartbeat.rs`, `listeners.rs`, `pid_file.rs`, `logs.rs`, `title.rs`, `daemon.rs`.
//!
//! How it answers to each signal is written down in `SIGNALS.md`.
//!
//! Left out on purpose: TLS, HTTP/2, keep-alive (a proxy in front has them), threads.

pub mod apps;
pub mod config;
pub mod http;

mod app;
mod boot;
mod daemon;
mod diagnosis;
mod event;
mod heartbeat;
mod listeners;
mod logs;
mod master;
mod pid_file;
mod renewal;
mod roster;
mod site;
mod title;
mod worker;

pub use crate::http::{Body, Connection};
pub use app::{App, Error, Reply};
pub use boot::serve;
