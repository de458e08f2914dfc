//! The apps that the program brings along.

use crate::{App, Error};

/// The app of that name: `hello`, `files:DIR` or `cgi:DIR`.
///
/// # Errors
/// There is no such app, or its directory can't be opened.
pub fn load(name: &str) -> Result<Box<dyn App>, Error> {
    Err(name.into())
}
