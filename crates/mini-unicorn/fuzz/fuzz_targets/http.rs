//! Looks for bytes that make the reading of a request panic, or see two things in the same bytes.
//!
//! From `crates/mini-unicorn`, with a nightly compiler and `cargo install cargo-fuzz`:
//!
//! ```text
//! cargo +nightly fuzz run http -- -max_total_time=60
//! ```
//!
//! What it finds is kept in `fuzz/artifacts`; give such a file's path after `http` to run it again.
//! On a stable compiler, `cargo check` in `fuzz` shows at least whether this compiles.
//!
//! The first byte of the input says into how small pieces the others are split on their way.

#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use mini_unicorn::http::read_request;

/// At most so many bytes a read.
struct Slowly<'b>(&'b [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(self.1);
        self.0.read(&mut into[..most])
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let whole = read_request(bytes);
    let split = read_request(Slowly(bytes, usize::from(size) + 1));
    match (whole, split) {
        (Ok(whole), Ok(split)) => {
            assert_eq!(whole.method(), split.method());
            assert_eq!(whole.uri(), split.uri());
            assert_eq!(whole.headers(), split.headers());
            assert_eq!(whole.body(), split.body());
        }
        (whole, split) => assert_eq!(whole.err(), split.err()),
    }
});
