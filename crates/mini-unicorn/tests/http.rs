//! HTTP, as a client sees it: what is answered, what is refused, and who is still there afterwards.

mod server;

#[path = "http/answers.rs"]
mod answers;
#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/expect.rs"]
mod expect;
#[path = "http/leaving.rs"]
mod leaving;
#[path = "http/refused.rs"]
mod refused;
#[path = "http/site.rs"]
mod site;
