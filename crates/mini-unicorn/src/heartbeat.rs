//! How a master sees that a worker is stuck: each worker leaves the time in memory that both share.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::time::{ClockId, clock_gettime};

/// How many workers there can be.
pub(crate) const MOST_WORKERS: usize = 1024;

// ANCHOR: pulse
/// One worker's place. Two cache lines, so that no worker slows another one down.
#[repr(C, align(128))]
struct Pulse {
    /// When the worker last gave a sign of life, in microseconds of the clock that [`now`] reads.
    at: AtomicU64,
    /// Whether it has come as far as waiting for connections.
    ready: AtomicBool,
    /// How much of `request` counts; 0 between requests.
    length: AtomicU8,
    /// What it works on: how the line begins that asked for it.
    request: [AtomicU8; 112],
}

/// The time, by a clock that nobody sets and that all processes share.
///
/// See [clock_gettime(2)](https://man7.org/linux/man-pages/man2/clock_gettime.2.html).
pub(crate) fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// The places of all workers. Made before any of them is, so that each inherits it.
#[derive(Clone, Copy)]
pub(crate) struct Heartbeats {
    pulses: &'static [Pulse],
}

impl Heartbeats {
    /// Maps memory that stays shared after fork(2), and is zero to begin with.
    ///
    /// See [mmap(2)](https://man7.org/linux/man-pages/man2/mmap.2.html), MAP_SHARED.
    ///
    /// # Errors
    /// `ENOMEM`: there is no room.
    pub(crate) fn new() -> io::Result<Heartbeats> {
        const SIZE: NonZeroUsize =
            NonZeroUsize::new(MOST_WORKERS * size_of::<Pulse>()).expect("there may be workers");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: new memory, at an address of the kernel's choice.
        let memory = unsafe { mmap_anonymous(None, SIZE, access, MapFlags::MAP_SHARED) }?;
        // SAFETY: it begins with a page, has this size, is never unmapped, and zeros are good
        // values for atomics, by which alone it is read and written.
        let pulses = unsafe { std::slice::from_raw_parts(memory.cast().as_ptr(), MOST_WORKERS) };
        Ok(Heartbeats { pulses })
    }
    // ANCHOR_END: pulse

    /// In the master, before the fork: the place is as new.
    pub(crate) fn begin(self, slot: usize) {
        let pulse = &self.pulses[slot];
        pulse.ready.store(false, Relaxed);
        pulse.length.store(0, Relaxed);
        self.beat(slot);
    }

    // ANCHOR: beat
    /// In the worker: I am alive.
    pub(crate) fn beat(self, slot: usize) {
        self.pulses[slot].at.store(now().as_micros() as u64, Relaxed); // 584 000 years
    }
    // ANCHOR_END: beat

    /// In the worker: I can serve now.
    pub(crate) fn ready(self, slot: usize) {
        self.pulses[slot].ready.store(true, Relaxed);
        self.beat(slot);
    }

    /// In the worker: this is what I work on. Empty: on nothing.
    pub(crate) fn works_on(self, slot: usize, request: &str) {
        let pulse = &self.pulses[slot];
        let bytes = request.as_bytes();
        let length = bytes.len().min(pulse.request.len());
        for (place, &byte) in pulse.request.iter().zip(bytes) {
            place.store(byte, Relaxed);
        }
        pulse.length.store(length as u8, Relaxed); // at most 112
    }

    /// When the worker last gave a sign of life.
    pub(crate) fn at(self, slot: usize) -> Duration {
        Duration::from_micros(self.pulses[slot].at.load(Relaxed))
    }

    /// Whether it came as far as waiting for connections.
    pub(crate) fn is_ready(self, slot: usize) -> bool {
        self.pulses[slot].ready.load(Relaxed)
    }

    /// What it works on, or worked on when it died.
    pub(crate) fn request(self, slot: usize) -> String {
        let pulse = &self.pulses[slot];
        let bytes = pulse.request.iter().map(|byte| byte.load(Relaxed));
        let bytes: Vec<_> = bytes.take(pulse.length.load(Relaxed).into()).collect();
        String::from_utf8_lossy(&bytes).escape_debug().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_what_its_worker_last_said() {
        let beats = Heartbeats::new().expect("there is memory");
        let before = now();
        beats.begin(1);
        assert!(beats.at(1) >= Duration::from_micros(before.as_micros() as u64));
        assert!(!beats.is_ready(1));
        beats.ready(1);
        beats.works_on(1, "GET /a\n");
        assert!(beats.is_ready(1) && !beats.is_ready(0));
        assert_eq!(beats.request(1), "GET /a\\n");
        beats.works_on(1, &"x".repeat(1000));
        assert_eq!(beats.request(1), "x".repeat(112));
        beats.works_on(1, "");
        assert_eq!(beats.request(1), "");
        assert_eq!(beats.at(0), Duration::ZERO);
    }
}
