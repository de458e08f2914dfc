//! SIGNALS.md, "Upgrading without losing a request": SIGUSR2, and all that may come of it.

mod server;

#[path = "upgrade/back_out.rs"]
mod back_out;
#[path = "upgrade/handover.rs"]
mod handover;
#[path = "upgrade/masters.rs"]
mod masters;
#[path = "upgrade/places.rs"]
mod places;
