//! The signs of pipes and sockets, and their colours: what has the same sign is the same thing.
//!
//! A pipe's sign is one outline, filled where its write end is meant. Sockets that are joined have one sign
//! together, in two halves, of which each of them fills its own.

/// The outlines, each in one part or two: in a box of 12 by 12, or of 16 by 12.
pub(crate) const SIGNS: [&[&str]; 10] = [
    &["M6 1.5a4.5 4.5 0 1 0 .01 0Z"],
    &["M2 2H10V10H2Z"],
    &["M6 1.5L11 10.5H1Z"],
    &["M6 1L11 6L6 11L1 6Z"],
    &["M1.5 4.5H4.5V1.5H7.5V4.5H10.5V7.5H7.5V10.5H4.5V7.5H1.5Z"],
    &["M6 1a5 5 0 0 0 0 10Z", "M10 1a5 5 0 0 1 0 10Z"],
    &["M6 1.5H1V10.5H6Z", "M10 1.5H15V10.5H10Z"],
    &["M6 1L1 6L6 11Z", "M10 1L15 6L10 11Z"],
    &["M1 1L6 6L1 11Z", "M15 1L10 6L15 11Z"],
    &["M6 10.5H1L6 1.5Z", "M10 1.5L15 10.5H10Z"],
];

/// How many of them are pipes'.
const PIPES: usize = 5;

/// How many colours pipes have, and how many sockets.
pub(super) const COLOURS: u32 = 3;

/// Which sign a pipe has, and the class of its colour.
pub(crate) fn of_pipe(number: u32) -> (usize, String) {
    ((number as usize - 1) % PIPES, format!("c{}", (number - 1) % COLOURS))
}

/// Which sign a pair of sockets has, known by the lower of their numbers, and the class of its colour.
pub(crate) fn of_sockets(number: u32) -> (usize, String) {
    let sign = PIPES + (number as usize - 1) % (SIGNS.len() - PIPES);
    (sign, format!("s{}", (number - 1) % COLOURS))
}

/// How wide its box is.
pub(super) fn width(sign: usize) -> usize {
    if SIGNS[sign].len() > 1 { 16 } else { 12 }
}
