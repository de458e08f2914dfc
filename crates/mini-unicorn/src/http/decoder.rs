//! From the bytes behind a head to the body that they mean.

use std::io::{self, Read};

use super::Rejection;
use super::framing::Framing;
use super::input::{Input, malformed};

/// How long the line with a chunk's size may be, and the trailers together, in bytes.
const MAX_LINE: usize = 4096;
const MAX_TRAILERS: usize = 8192;
/// What is asked for in pieces smaller than this is read ahead.
const READ_AHEAD: usize = 4096;

/// Takes a body out of what comes in, and knows where it ends.
#[derive(Debug)]
pub(crate) struct Decoder<'i, 's, R> {
    input: &'i mut Input<'s, R>,
    state: State,
    /// Why it can't be read to its end.
    failure: Option<Rejection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes, and it is over.
    Length(u64),
    /// A line with a chunk's size comes next.
    Size,
    /// So many bytes of a chunk, and then the end of its line.
    Chunk(u64),
    /// Lines, of which so many bytes have come, up to an empty one.
    Trailers(usize),
    /// Nothing more belongs to it.
    Over,
}

impl<'i, 's, R: Read> Decoder<'i, 's, R> {
    pub(crate) fn new(input: &'i mut Input<'s, R>, framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size,
        };
        Decoder { input, state, failure: None }
    }

    /// Why it could not be read to its end, if somebody has tried.
    pub(crate) fn failure(&self) -> Option<Rejection> {
        self.failure
    }

    /// Whether the kernel has given us all that the client had to send, and nothing more.
    pub(crate) fn is_all_there(&self) -> bool {
        match self.state {
            State::Length(left) => left == self.input.buffered().len() as u64,
            State::Over => self.input.buffered().is_empty(),
            _ => false,
        }
    }

    // ANCHOR: decode
    /// Some bytes of the body, or 0 at its end.
    fn decode(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match self.state {
                State::Length(0) | State::Over => return Ok(0),
                State::Length(left) => {
                    let count = self.take(into, left)?;
                    self.state = State::Length(left - count as u64);
                    return Ok(count);
                }
                State::Size => match chunk_size(self.input.line(MAX_LINE)?)? {
                    0 => State::Trailers(0),
                    size => State::Chunk(size),
                },
                State::Chunk(0) => match self.input.line(2)? {
                    b"" => State::Size,
                    _ => return Err(malformed("a chunk is longer than it says")),
                },
                State::Chunk(left) => {
                    let count = self.take(into, left)?;
                    self.state = State::Chunk(left - count as u64);
                    return Ok(count);
                }
                State::Trailers(seen) => match self.input.line(MAX_TRAILERS - seen)? {
                    b"" => State::Over,
                    trailer => State::Trailers(seen + trailer.len() + 2),
                },
            };
        }
    }
    // ANCHOR_END: decode

    /// Takes at least one byte and at most `left`: what is there, or else what comes.
    fn take(&mut self, into: &mut [u8], left: u64) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let into = &mut into[..most];
        let mut count = 0;
        if self.input.buffered().is_empty() {
            if most >= READ_AHEAD {
                count = self.input.reader.read(into)?;
            } else {
                self.input.fill()?;
            }
        }
        if count == 0 {
            count = self.input.take(into);
        }
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(count) }
    }
}

impl<R: Read> Read for Decoder<'_, '_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.failure {
            _ if into.is_empty() => return Ok(0),
            Some(Rejection::Left) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(_) => return Err(io::ErrorKind::InvalidData.into()),
            None => {}
        }
        self.decode(into).inspect_err(|error| {
            let malformed = error.kind() == io::ErrorKind::InvalidData;
            self.failure = Some(if malformed { Rejection::Malformed } else { Rejection::Left });
        })
    }
}

// ANCHOR: chunk_size
/// The size in a chunk's first line: hexadecimal digits, and maybe extensions, which nobody uses.
fn chunk_size(line: &[u8]) -> io::Result<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, rest) = line.split_at(digits);
    let size = str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
    let extension = rest.trim_ascii_start();
    let controls = rest.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t');
    match size {
        Some(size) if (rest.is_empty() || extension.starts_with(b";")) && !controls => Ok(size),
        _ => Err(malformed("a chunk has no size")),
    }
}
// ANCHOR_END: chunk_size

#[cfg(test)]
mod tests {
    use super::*;

    /// What the body is, and the bytes behind it; or the kind of the failure.
    fn decode(framing: Framing, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Rejection> {
        let mut buffer = Vec::new();
        let mut input = Input::new(bytes, &mut buffer);
        let mut decoder = Decoder::new(&mut input, framing);
        let mut body = Vec::new();
        let outcome = decoder.read_to_end(&mut body);
        assert_eq!(outcome.is_err(), decoder.failure().is_some());
        match decoder.failure() {
            Some(failure) => Err(failure),
            None => Ok((body, input.buffered().to_vec())),
        }
    }

    fn chunked(bytes: &str) -> Result<String, Rejection> {
        let (body, _) = decode(Framing::Chunked, bytes.as_bytes())?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    const MALFORMED: Result<String, Rejection> = Err(Rejection::Malformed);
    const LEFT: Result<String, Rejection> = Err(Rejection::Left);

    #[test]
    fn a_body_ends_where_its_length_says() {
        let whole = decode(Framing::Length(3), b"abcdef");
        assert_eq!(whole, Ok((b"abc".to_vec(), b"def".to_vec())));
        assert_eq!(decode(Framing::Length(4), b"abc"), Err(Rejection::Left));
    }

    #[test]
    fn chunks_are_joined_without_their_extensions_and_trailers() {
        assert_eq!(chunked("0\r\n\r\n"), Ok(String::new()));
        let body = "3\r\nabc\r\n00A;x=\"y\" ;z\r\n0123456789\r\n0 ;e\r\nT: 1\r\nU: 2\r\n\r\n";
        assert_eq!(chunked(body), Ok("abc0123456789".into()));
    }

    #[test]
    fn a_line_may_lie_across_the_end_of_what_one_read_takes() {
        let body: Vec<String> = (0..5000).map(|number| format!("chunk {number}")).collect();
        let chunks = body.iter().map(|chunk| format!("{:x};ext\r\n{chunk}\r\n", chunk.len()));
        let bytes = format!("{}0\r\n\r\n", chunks.collect::<String>());
        assert!(chunked(&bytes) == Ok(body.concat()));
    }

    #[test]
    fn a_chunk_without_a_proper_size_is_malformed() {
        for size in
            ["", "g", "-1", "+1", "0x1", " 1", "1 ", "1 1", "10000000000000000", "1\r", "1;\0"]
        {
            assert_eq!(chunked(&format!("{size}\r\na\r\n0\r\n\r\n")), MALFORMED, "{size:?}");
        }
    }

    #[test]
    fn a_chunk_ends_with_cr_and_lf() {
        for body in ["1\nab\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n", "0\r\n\n"] {
            assert_eq!(chunked(body), MALFORMED, "{body:?}");
        }
    }

    #[test]
    fn chunks_that_stop_are_no_body() {
        let body = "3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n";
        for length in 0..body.len() {
            assert_eq!(chunked(&body[..length]), LEFT, "{:?}", &body[..length]);
        }
        assert_eq!(chunked(body), Ok("abc".into()));
    }

    #[test]
    fn extensions_and_trailers_have_an_end() {
        let long = "x".repeat(MAX_LINE);
        assert_eq!(chunked(&format!("1;{long}")), MALFORMED);
        let trailers = "T: 1\r\n".repeat(MAX_TRAILERS / 6 + 1);
        assert_eq!(chunked(&format!("0\r\n{trailers}\r\n")), MALFORMED);
    }

    #[test]
    fn a_failure_is_told_again_to_who_reads_again() {
        let mut buffer = Vec::new();
        let mut input = Input::new(&b"z\r\n1\r\na\r\n0\r\n\r\n"[..], &mut buffer);
        let mut decoder = Decoder::new(&mut input, Framing::Chunked);
        for _ in 0..3 {
            let error = decoder.read(&mut [0; 8]).expect_err("a chunk of size z");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
