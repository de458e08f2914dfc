//! SIGNALS.md, "Files and descriptors", and how a master begins.

mod server;

#[path = "boot/inherited.rs"]
mod inherited;
#[path = "boot/pid_file.rs"]
mod pid_file;
#[path = "boot/processes.rs"]
mod processes;
#[path = "boot/settings.rs"]
mod settings;
#[path = "boot/sockets.rs"]
mod sockets;
