//! The book's front door: builds it, refuses it when it is wrong, serves it on this machine.
//!
//! Read in this order: [`workspace`] and [`chapters`] (what is where), [`preprocess`] (what happens
//! to a page; [`directive`], [`include`], [`markdown`], [`program`], [`recording`], [`live`], [`exercise`], [`session`] and
//! [`command`] are its parts), [`book`] and [`links`] (from pages to files), [`server`] and
//! [`watch`] (from files to a browser), [`runs`] and [`exercises`] (from a page to
//! what is done for it).
//!
//! It is a library so that tests can use it; nothing else should.
#![forbid(unsafe_code)]

pub mod book;
pub mod chapters;
pub mod command;
pub mod directive;
pub mod exercise;
pub mod exercises;
mod html;
pub mod include;
pub mod links;
pub mod live;
mod log;
pub mod markdown;
pub mod preprocess;
pub mod problem;
pub mod program;
pub mod recording;
pub mod runs;
pub mod server;
pub mod session;
pub mod watch;
pub mod workspace;
