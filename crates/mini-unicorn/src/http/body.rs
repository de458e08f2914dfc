//! A request's body, as an app sees it.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::framing::Framing;

/// A body of this size or below is spooled in memory.
pub(crate) const SPOOLED_IN_MEMORY: usize = 112 * 1024;

// ANCHOR: body
/// A request's body, read from the connection when the app reads it.
///
/// If the client has left in its midst, or sends what is no body, reading fails, and goes on
/// failing. Then it does not matter what the app answers: there is nobody to answer, or the answer
/// is 400.
pub struct Body<'a> {
    reader: &'a mut dyn Read,
    length: Option<u64>,
}
// ANCHOR_END: body

impl<'a> Body<'a> {
    pub(crate) fn new(reader: &'a mut dyn Read, framing: Framing) -> Self {
        let length = match framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        Body { reader, length }
    }

    /// How long it will be, as its Content-Length says; 0 if it has none; `None` if it comes in chunks.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// All of it as a file, at its start: one without a name, gone when it is closed, and
    /// close-on-exec.
    ///
    /// # Errors
    /// Those of reading, and of writing the file.
    pub fn into_file(self) -> io::Result<File> {
        self.copy_to(tempfile::tempfile()?)
    }

    /// All of it, at its start: in memory if it has at most 112 kB, else in a file as that of
    /// [`into_file`](Self::into_file).
    ///
    /// # Errors
    /// Those of reading, and of writing the file.
    pub fn spool(self) -> io::Result<SpooledTempFile> {
        self.copy_to(SpooledTempFile::new(SPOOLED_IN_MEMORY))
    }

    fn copy_to<W: Write + Seek>(mut self, into: W) -> io::Result<W> {
        // Its buffer is what `copy` reads into, if it is larger than `copy`'s own.
        let mut writer = BufWriter::with_capacity(64 * 1024, into);
        io::copy(&mut self, &mut writer)?;
        let mut into = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        into.rewind()?;
        Ok(into)
    }
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}
