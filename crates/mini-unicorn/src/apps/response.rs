//! The answers that more than one app gives.

use std::io;

use ::http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use ::http::{HeaderName, HeaderValue, Response, StatusCode};

use nix::errno::Errno;

use crate::{Error, Reply};

/// A few words for whoever asked.
pub(crate) fn plain(status: StatusCode, text: impl Into<Reply>) -> Response<Reply> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    with(response, CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
}

/// A status that says it all.
pub(crate) fn bare(status: StatusCode) -> Response<Reply> {
    plain(status, format!("{}\n", status.canonical_reason().unwrap_or(status.as_str())))
}

/// 405: the methods that would do.
pub(crate) fn not_allowed(allowed: &'static str) -> Response<Reply> {
    let response = bare(StatusCode::METHOD_NOT_ALLOWED);
    with(response, ALLOW, HeaderValue::from_static(allowed))
}

/// Where it is now, and for good.
pub(crate) fn moved(location: &str) -> Result<Response<Reply>, Error> {
    let location = HeaderValue::from_str(location)?;
    Ok(with(bare(StatusCode::MOVED_PERMANENTLY), LOCATION, location))
}

/// What a file that can't be opened means to the client; the error itself if it means something to
/// us alone.
pub(crate) fn refuse(error: io::Error) -> io::Result<Response<Reply>> {
    match Errno::try_from(error)? {
        Errno::EACCES | Errno::EPERM => Ok(bare(StatusCode::FORBIDDEN)),
        Errno::ENOENT | Errno::ENOTDIR | Errno::EXDEV | Errno::ELOOP => {
            Ok(bare(StatusCode::NOT_FOUND))
        }
        Errno::ENAMETOOLONG | Errno::ENXIO | Errno::ENODEV => Ok(bare(StatusCode::NOT_FOUND)),
        error => Err(error.into()),
    }
}

pub(crate) fn with(
    mut response: Response<Reply>,
    name: HeaderName,
    value: HeaderValue,
) -> Response<Reply> {
    response.headers_mut().insert(name, value);
    response
}
