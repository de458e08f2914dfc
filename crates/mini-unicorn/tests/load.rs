//! Zero failed requests, whatever happens to the workers and their master meanwhile.

mod server;

#[path = "load/changes.rs"]
mod changes;
#[path = "load/client.rs"]
mod client;
#[path = "load/generations.rs"]
mod generations;
#[path = "load/quit.rs"]
mod quit;
#[path = "load/site.rs"]
mod site;
