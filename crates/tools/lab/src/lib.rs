//! The book's front door: builds it, refuses it when it is wrong, serves it on this machine.
//!
//! Read in this order: [`workspace`] and [`chapters`] (what is where), [`preprocess`] (what happens
//! to a page; [`directive`], [`include`], [`markdown`], [`program`], [`recording`], [`exercise`], [`session`] and
//! [`command`] are its parts), [`book`] and [`links`] (from pages to files), [`server`] and
//! [`watch`] (from files to a browser).
//!
//! It is a library so that tests can use it; nothing else should.
#![forbid(unsafe_code)]

pub mod book;
pub mod chapters;
pub mod command;
pub mod directive;
pub mod exercise;
mod html;
pub mod include;
pub mod links;
mod log;
pub mod markdown;
pub mod preprocess;
pub mod problem;
pub mod program;
pub mod recording;
pub mod server;
pub mod session;
pub mod watch;
pub mod workspace;
