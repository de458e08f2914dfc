//! The apps that the program brings along, through the server.

mod server;

#[path = "apps/cgi_ends.rs"]
mod cgi_ends;
#[path = "apps/cgi_says.rs"]
mod cgi_says;
#[path = "apps/files.rs"]
mod files;
#[path = "apps/hello.rs"]
mod hello;
#[path = "apps/site.rs"]
mod site;
