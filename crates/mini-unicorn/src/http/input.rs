//! What came in, and was not used yet.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;

use syscalls::{retry_on_eintr, write_all};

use super::Rejection;
use super::head::{Head, HeadParser};

/// One read(2) takes as much. Nearly every request fits.
const FIRST_SIZE: usize = 16 * 1024;

/// A reader, and what it has given beyond what was asked for. The buffer outlives it, to be used for
/// the next request.
#[derive(Debug)]
pub(crate) struct Input<'s, R> {
    pub(crate) reader: R,
    buffer: &'s mut Vec<u8>,
    start: usize,
    end: usize,
}

impl<'s, R: Read> Input<'s, R> {
    /// Whatever is in `buffer` is overwritten.
    pub(crate) fn new(reader: R, buffer: &'s mut Vec<u8>) -> Self {
        if buffer.len() < FIRST_SIZE {
            buffer.resize(FIRST_SIZE, 0);
        }
        Input { reader, buffer, start: 0, end: 0 }
    }

    /// What is there without asking the reader.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Gives up the first `length` of [`buffered`](Self::buffered).
    pub(crate) fn consume(&mut self, length: usize) {
        self.start += length;
        debug_assert!(self.start <= self.end);
    }

    /// Asks the reader once, behind what is there; 0 at its end.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.buffer.resize(2 * self.end, 0);
            }
        }
        let count = self.reader.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Copies what is there, as far as it fits, and gives it up.
    pub(crate) fn take(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.end - self.start);
        into[..count].copy_from_slice(&self.buffered()[..count]);
        self.consume(count);
        count
    }

    /// Reads a line that ends with CR and LF, and is at most `limit` bytes long with them. Returns it
    /// without them.
    pub(crate) fn line(&mut self, limit: usize) -> io::Result<&[u8]> {
        let mut scanned = 0;
        let length = loop {
            let newline = self.buffered()[scanned..].iter().position(|&byte| byte == b'\n');
            let length = newline.map(|offset| scanned + offset + 1);
            scanned = self.buffered().len();
            if length.unwrap_or(scanned + 1) > limit {
                return Err(malformed("a line of a chunked body is too long"));
            }
            match length {
                Some(length) => break length,
                None if self.fill()? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        };
        let start = self.start;
        self.consume(length);
        let line = &self.buffer[start..start + length];
        line.strip_suffix(b"\r\n").ok_or_else(|| malformed("a line ends without CR"))
    }

    /// Reads a head, and leaves what is behind it.
    pub(crate) fn read_head(
        &mut self,
        on_request: &mut dyn FnMut(&str),
    ) -> Result<Head, Rejection> {
        let mut parser = HeadParser::default();
        loop {
            match self.fill() {
                Ok(0) | Err(_) => return Err(Rejection::Left),
                Ok(_) => {}
            }
            if let Some(head) = parser.advance(self.buffered(), on_request)? {
                self.consume(head.length);
                return Ok(head);
            }
        }
    }
}

/// The client has sent what has no meaning.
pub(crate) fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

// ANCHOR: socket
/// A client's socket, to be read from.
#[derive(Debug)]
pub(crate) struct Socket<'c> {
    fd: BorrowedFd<'c>,
    /// The client waits for our leave: to be given before we wait for its bytes.
    pub(crate) must_continue: bool,
}

impl<'c> Socket<'c> {
    pub(crate) fn new(fd: BorrowedFd<'c>) -> Self {
        Socket { fd, must_continue: false }
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.must_continue) {
            write_all(self.fd, b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        Ok(retry_on_eintr(|| nix::unistd::read(self.fd, into))?)
    }
}
// ANCHOR_END: socket
