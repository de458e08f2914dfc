//! What a script answers with, up to the empty line (RFC 3875, 6).

use std::io::{self, BufRead, ErrorKind, Read};

use ::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use ::http::{StatusCode, header};

/// As much as a client may send us.
const LONGEST: u64 = 112 * 1024;

/// Headers about the connection, which are ours to say.
const OURS: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A response's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// How long the body is to be, if the script says so.
    pub(crate) length: Option<u64>,
}

// ANCHOR: head
/// Reads the lines up to the empty one; what comes behind that is left for whoever reads on.
///
/// A `Location` without a `Status` is a redirect by 302, be it a URL or a path: to have the server
/// look up the path itself, as RFC 3875 asks in 6.2.2, would only save the client a request.
///
/// # Errors
/// `UnexpectedEof`: the script ended first. `InvalidData`: what it wrote is no head; the message
/// says why. And those of reading.
pub(crate) fn read(script: &mut impl BufRead) -> io::Result<Head> {
    let (mut status, mut headers) = (None, HeaderMap::new());
    let mut left = LONGEST;
    loop {
        let mut line = Vec::new();
        left -= script.by_ref().take(left).read_until(b'\n', &mut line)? as u64;
        let Some(text) = line.strip_suffix(b"\n") else {
            return Err(match left {
                0 => invalid("its head is longer than 112 kB"),
                _ => io::Error::new(ErrorKind::UnexpectedEof, "it ended before its head did"),
            });
        };
        match text.strip_suffix(b"\r").unwrap_or(text) {
            b"" => return finish(status, headers),
            text => header_line(text, &mut status, &mut headers)?,
        }
    }
}
// ANCHOR_END: head

/// One line. [`HeaderName`] and [`HeaderValue`] refuse what could end a line, or be mistaken for two.
fn header_line(
    line: &[u8],
    status: &mut Option<StatusCode>,
    headers: &mut HeaderMap,
) -> io::Result<()> {
    let refused =
        || invalid(format!("its head has a line that is no header: {}", line.escape_ascii()));
    let colon = line.iter().position(|&byte| byte == b':').ok_or_else(refused)?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| refused())?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| refused())?;
    if name == "status" {
        // "404 Not Found": the words are for people.
        let number = value.as_bytes().split(|&byte| byte == b' ').next().unwrap_or_default();
        let number = StatusCode::from_bytes(number).map_err(|_| refused())?;
        if number.is_informational() || status.replace(number).is_some() {
            return Err(refused());
        }
    } else if !OURS.contains(&name) {
        headers.append(name, value);
    }
    Ok(())
}

fn finish(status: Option<StatusCode>, headers: HeaderMap) -> io::Result<Head> {
    let status = match status {
        Some(status) => status,
        None if headers.contains_key(LOCATION) => StatusCode::FOUND,
        None if headers.contains_key(CONTENT_TYPE) => StatusCode::OK,
        None => return Err(invalid("its head has no Content-Type, no Status and no Location")),
    };
    let lengths: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
    let length = match lengths[..] {
        [] => None,
        [length] if length.as_bytes().iter().all(u8::is_ascii_digit) => {
            let number = length.to_str().ok().and_then(|length| length.parse().ok());
            Some(number.ok_or_else(|| invalid("its Content-Length is no number"))?)
        }
        _ => return Err(invalid("its Content-Length is no number, or several")),
    };
    Ok(Head { status, headers, length })
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.into())
}
