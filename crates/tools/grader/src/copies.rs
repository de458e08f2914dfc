//! Copies of the test's descriptors: a supervisor begins as a copy of the test, and for a moment holds all that any thread of it has open. What
//! another thread closes in that moment stays open, so whoever waits for the end of it sleeps on.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Held for reading from a fork until its child has closed what is not its own.
static FORKS: RwLock<()> = RwLock::new(());

/// To be held from before a fork until its child has closed all copies.
pub(crate) fn copying() -> RwLockReadGuard<'static, ()> {
    FORKS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no child holds a copy of what this thread has closed until now.
pub(crate) fn copies_are_closed() {
    drop(FORKS.write().unwrap_or_else(PoisonError::into_inner));
}
