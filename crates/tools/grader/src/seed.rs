//! Random names, codes and orders that can be had again.

use std::sync::OnceLock;

/// A source of random choices, replayable by its number.
///
/// All the randomness of one test process comes from one number, `GRADER_SEED` when it is set. Each test asks
/// for a stream of its own by name, so that the choices don't depend on which test runs first.
#[derive(Debug)]
pub struct Seed {
    number: u64,
    random: fastrand::Rng,
}

impl Seed {
    /// The stream of this name.
    ///
    /// # Panics
    /// When `GRADER_SEED` is set to something other than a number.
    #[must_use]
    pub fn of(name: &str) -> Self {
        static NUMBER: OnceLock<u64> = OnceLock::new();
        let number = *NUMBER.get_or_init(|| match std::env::var("GRADER_SEED") {
            // Six digits are random enough for a grader, and can be retyped.
            Err(_) => fastrand::u64(0..1_000_000),
            Ok(text) => match text.parse() {
                Ok(number) => number,
                Err(_) => crate::verdict::fault(&format!(
                    "GRADER_SEED is {text:?}, which is not a whole number"
                )),
            },
        });
        // FNV-1a: small, and the same on every machine and in every version.
        let stream = name.bytes().fold(number ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { number, random: fastrand::Rng::with_seed(stream) }
    }

    /// The random choices of this stream.
    pub fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }

    /// How to have the same choices again, in words for a [`Verdict`](crate::Verdict).
    #[must_use]
    pub fn replay(&self) -> String {
        format!("the same random choices again: GRADER_SEED={} cargo test", self.number)
    }
}
