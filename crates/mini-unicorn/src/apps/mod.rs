//! The apps that the program brings along.
//!
//! Read in this order: `hello.rs`, for trying the server; `files.rs`, which serves a directory;
//! `cgi/`, which makes an app of any program.

mod cgi;
mod files;
mod hello;
mod response;
mod root;

use crate::{App, Error};
use root::Root;

/// The app of that name: `hello`, `files:DIR` or `cgi:DIR`.
///
/// # Errors
/// There is no such app, or its directory can't be opened.
pub fn load(name: &str) -> Result<Box<dyn App>, Error> {
    match name.split_once(':').filter(|(_, directory)| !directory.is_empty()) {
        _ if name == "hello" => Ok(Box::new(hello::Hello)),
        Some(("files", directory)) => Ok(Box::new(files::Files::new(Root::open(directory)?))),
        Some(("cgi", directory)) => Ok(Box::new(cgi::Cgi::new(Root::open(directory)?))),
        _ => Err(format!("no app is called `{name}`: take hello, files:DIR or cgi:DIR").into()),
    }
}
