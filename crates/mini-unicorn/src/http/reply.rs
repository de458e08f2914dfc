//! An answer: from what the app gave to bytes on the connection.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use ::http::response::Parts;
use ::http::{Response, StatusCode};
use nix::errno::Errno;
use syscalls::{retry_on_eintr, write_all};

use super::framing::decimal;
use crate::Reply;

/// Up to this size, a body is copied behind its head, and both go out in one write(2).
const SENT_WITH_HEAD: usize = 64 * 1024;
/// How much of a stream is read, and sent, at a time.
const PIECE: usize = 64 * 1024;
/// What sendfile(2) takes at most, on every system.
const MOST_AT_ONCE: u64 = 0x7fff_f000;

/// What became of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is with the kernel.
    Whole,
    /// There is nobody to take it.
    Gone,
    /// A part of it is sent, and the rest can't be had; why.
    Broken(String),
}

// ANCHOR: send
/// Sends an answer, or only its head.
pub(crate) fn send(
    client: BorrowedFd<'_>,
    response: Response<Reply>,
    head_only: bool,
    date: &str,
    output: &mut Vec<u8>,
) -> Sent {
    let (parts, reply) = response.into_parts();
    let length = match &reply {
        Reply::Bytes(bytes) => Some(bytes.len() as u64),
        Reply::File(_, length) => Some(*length),
        Reply::Stream(_) => parts.headers.get(CONTENT_LENGTH).and_then(|it| decimal(it.as_bytes())),
    };
    let bodiless = is_bodiless(parts.status);
    output.clear();
    write_head(output, &parts, length.filter(|_| !bodiless), date);
    let head_only = head_only || bodiless;
    if let Reply::Bytes(bytes) = &reply
        && !head_only
        && bytes.len() <= SENT_WITH_HEAD
    {
        output.extend_from_slice(bytes);
        return written(write_all(client, output));
    }
    if write_all(client, output).is_err() {
        return Sent::Gone;
    }
    match reply {
        _ if head_only => Sent::Whole,
        Reply::Bytes(bytes) => written(write_all(client, &bytes)),
        Reply::File(file, length) => send_file(client, file, length, output),
        Reply::Stream(mut reader) => send_pieces(client, &mut *reader, length, output),
    }
}
// ANCHOR_END: send

/// What goes wrong in writing to a client means that it has gone.
fn written(outcome: io::Result<()>) -> Sent {
    if outcome.is_ok() { Sent::Whole } else { Sent::Gone }
}

/// RFC 9110, sections 6.4.1 and 8.6: these have no body, and a length would be a lie.
fn is_bodiless(status: StatusCode) -> bool {
    let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
    status.is_informational() || none.contains(&status)
}

// ANCHOR: head
fn write_head(output: &mut Vec<u8>, parts: &Parts, length: Option<u64>, date: &str) {
    let reason = parts.status.canonical_reason().unwrap_or_default();
    for piece in ["HTTP/1.1 ", parts.status.as_str(), " ", reason, "\r\nConnection: close\r\n"] {
        output.extend_from_slice(piece.as_bytes());
    }
    if !parts.headers.contains_key(DATE) {
        for piece in ["Date: ", date, "\r\n"] {
            output.extend_from_slice(piece.as_bytes());
        }
    }
    if let Some(length) = length {
        // Writing to a Vec can't fail.
        let _ = write!(output, "Content-Length: {length}\r\n");
    }
    // What says where the answer ends is for us to say.
    let ours = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
    for (name, value) in parts.headers.iter().filter(|(name, _)| !ours.contains(name)) {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            output.extend_from_slice(piece);
        }
    }
    output.extend_from_slice(b"\r\n");
}
// ANCHOR_END: head

// ANCHOR: file
/// Has the kernel copy a file to the client, without a detour through this process. See
/// [sendfile(2)](https://man7.org/linux/man-pages/man2/sendfile.2.html).
fn send_file(client: BorrowedFd<'_>, mut file: File, length: u64, buffer: &mut Vec<u8>) -> Sent {
    let mut left = length;
    while left > 0 {
        let count = left.min(MOST_AT_ONCE) as usize;
        let sent = retry_on_eintr(|| {
            // SAFETY: both are open, as long as they are borrowed; a null offset is allowed.
            let sent = unsafe {
                libc::sendfile(client.as_raw_fd(), file.as_raw_fd(), std::ptr::null_mut(), count)
            };
            Errno::result(sent)
        });
        match sent {
            Ok(sent @ 1..) => left -= sent as u64,
            // Its end, or a file of a kind that the kernel can't do this with, or the client has
            // gone. Reading and writing tells them apart.
            Ok(_) | Err(_) => return send_pieces(client, &mut file, Some(left), buffer),
        }
    }
    Sent::Whole
}
// ANCHOR_END: file

// ANCHOR: stream
/// Sends what `reader` has, as it comes: `length` bytes, or all.
fn send_pieces(
    client: BorrowedFd<'_>,
    reader: &mut dyn Read,
    length: Option<u64>,
    buffer: &mut Vec<u8>,
) -> Sent {
    buffer.resize(PIECE, 0);
    let mut left = length.unwrap_or(u64::MAX);
    while left > 0 {
        let most = left.min(PIECE as u64) as usize;
        match reader.read(&mut buffer[..most]) {
            Ok(0) if length.is_none() => return Sent::Whole,
            Ok(0) => return Sent::Broken(format!("its body ended {left} bytes too early")),
            Ok(count) => {
                if write_all(client, &buffer[..count]).is_err() {
                    return Sent::Gone;
                }
                left -= count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Sent::Broken(format!("its body failed midway: {error}")),
        }
    }
    Sent::Whole
}
// ANCHOR_END: stream

/// The time as HTTP has it, made once a second.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    second: u64,
    text: String,
}

impl Clock {
    pub(crate) fn date(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}
