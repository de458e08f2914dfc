//! Static files: a directory, as it is.
//!
//! Left out on purpose: lists of directories, ranges, ETags, compression. A proxy in front has them.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::header::{CONTENT_TYPE, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use ::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::response::{bare, moved, not_allowed, refuse, with};
use super::root::{Root, below, name, segments};
use crate::{App, Body, Error, Reply};

/// Serves a directory's files, by GET and HEAD; of a directory in it, the file `index.html`.
pub(crate) struct Files {
    root: Root,
}

impl Files {
    pub(crate) fn new(root: Root) -> Files {
        Files { root }
    }

    // ANCHOR: lookup
    /// Opens what is asked for.
    fn look_up(&self, uri: &Uri, parts: &[Vec<u8>]) -> io::Result<Found> {
        let mut path = below(parts);
        let mut file = self.root.find(name(&path), OFlag::O_RDONLY)?;
        if file.metadata()?.is_dir() {
            // Else the links of its page would be resolved beside it, not in it.
            if !uri.path().ends_with('/') {
                return Ok(Found::Moved(with_slash(parts, uri.query())));
            }
            path.extend_from_slice(b"/index.html");
            file = self.root.find(name(&path), OFlag::O_RDONLY)?;
        }
        // Not a device, say: opened it does no harm, but a read of it may wait for ever.
        match file.metadata()? {
            metadata if metadata.is_file() => Ok(Found::File { path, file, metadata }),
            _ => Err(Errno::ENOENT.into()),
        }
    }
    // ANCHOR_END: lookup
}

/// Where a URL leads to.
enum Found {
    File { path: Vec<u8>, file: File, metadata: Metadata },
    Moved(String),
}

impl App for Files {
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(not_allowed("GET, HEAD"));
        }
        let Some(parts) = segments(request.uri().path()) else {
            return Ok(bare(StatusCode::BAD_REQUEST));
        };
        match self.look_up(request.uri(), &parts) {
            Ok(Found::File { path, file, metadata }) => {
                answer(request.headers(), &path, file, &metadata)
            }
            Ok(Found::Moved(location)) => moved(&location),
            Err(error) => refuse(error).map_err(|error| {
                format!("cannot open {}: {error}", name(&below(&parts)).display()).into()
            }),
        }
    }
}

fn answer(
    headers: &HeaderMap,
    path: &[u8],
    file: File,
    metadata: &Metadata,
) -> Result<Response<Reply>, Error> {
    let modified = last_modified(metadata);
    let mut response = if modified.is_some_and(|modified| is_known(headers, modified)) {
        let mut response = Response::new(Reply::from(""));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        with(Response::new(Reply::file(file)?), CONTENT_TYPE, content_type(path)?)
    };
    if let Some(modified) = modified {
        let date = HeaderValue::from_str(&httpdate::fmt_http_date(modified))?;
        response = with(response, LAST_MODIFIED, date);
    }
    Ok(response)
}

/// By the name alone; text is taken to be UTF-8.
fn content_type(path: &[u8]) -> Result<HeaderValue, Error> {
    let guess = mime_guess::from_path(Path::new(name(path))).first_or_octet_stream();
    let charset = if guess.type_() == mime_guess::mime::TEXT { "; charset=utf-8" } else { "" };
    Ok(HeaderValue::from_str(&format!("{guess}{charset}"))?)
}

/// `None` where HTTP has no date for it: before 1970, or in the future (RFC 9110, 8.8.2.1).
fn last_modified(metadata: &Metadata) -> Option<SystemTime> {
    let modified = metadata.modified().ok()?;
    (UNIX_EPOCH <= modified && modified <= SystemTime::now()).then_some(modified)
}

/// Whether the client's copy is as new, to the second, since HTTP's dates have no parts of one.
fn is_known(headers: &HeaderMap, modified: SystemTime) -> bool {
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let since = since.and_then(|date| httpdate::parse_http_date(date).ok());
    let seconds =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).map(|time| time.as_secs()).ok();
    // RFC 9110, 13.1.3: who also sends If-None-Match goes by that, and we have no ETag to match.
    !headers.contains_key(IF_NONE_MATCH) && since.is_some_and(|it| seconds(it) >= seconds(modified))
}

/// What stands for itself in a path, beside letters and digits.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same directory's URL with the slash. It is put together anew: as it was asked for, it may
/// begin with `//`, and the rest would be somebody else's host.
fn with_slash(parts: &[Vec<u8>], query: Option<&str>) -> String {
    let mut url = String::from("/");
    for part in parts.iter().filter(|part| !part.is_empty()) {
        url.extend(percent_encode(part, UNRESERVED));
        url.push('/');
    }
    if let Some(query) = query {
        url.push('?');
        url.push_str(query);
    }
    url
}
