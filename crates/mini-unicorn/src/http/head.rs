//! A request's head: from bytes to a request, or to the reason why there is none.

use std::mem::MaybeUninit;

use ::http::header::{CONTENT_LENGTH, EXPECT};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use super::Rejection;
use super::framing::{Fields, Framing};

// ANCHOR: limits
/// Unicorn's limits, in bytes. The request line's own is the URI's and room for a method and a version.
const MAX_PATH: usize = 4096;
const MAX_QUERY: usize = 10 * 1024;
const MAX_URI: usize = 15 * 1024;
const MAX_REQUEST_LINE: usize = MAX_URI + 1024;
const MAX_NAME: usize = 256;
const MAX_VALUE: usize = 80 * 1024;
const MAX_HEADER_LINE: usize = MAX_NAME + MAX_VALUE + 1024;
const MAX_HEAD: usize = 112 * 1024;
const MAX_HEADERS: usize = 256;
// ANCHOR_END: limits

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// The client sends its body when it is told to go on.
    pub(crate) expects_continue: bool,
    /// How many bytes it took.
    pub(crate) length: usize,
}

impl Head {
    pub(crate) fn into_request<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        request
    }
}

/// How far one head has been looked at. What comes out depends on the bytes alone, however they
/// were split on their way: each line is judged when it is whole, or too long to ever be.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    /// Up to here there is no newline that we have not seen.
    scanned: usize,
    /// Where the unfinished line begins.
    line_start: usize,
    request_line: Option<RequestLine>,
}

impl HeadParser {
    // ANCHOR: advance
    /// Looks at the bytes since the last time: `bytes` are all that came, from the first on.
    /// Tells `on_request` the method and the target, once.
    pub(crate) fn advance(
        &mut self,
        bytes: &[u8],
        on_request: &mut dyn FnMut(&str),
    ) -> Result<Option<Head>, Rejection> {
        while let Some(offset) = bytes[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let start = self.line_start;
            let end = self.scanned + offset + 1;
            self.check_length(end)?;
            (self.scanned, self.line_start) = (end, end);

            let line = &bytes[start..end];
            let empty = line == b"\n" || line == b"\r\n";
            match self.request_line.take() {
                None if empty => {} // RFC 9112, section 2.2: ignored
                None => self.request_line = Some(RequestLine::parse(line, start, on_request)?),
                Some(line) if empty => return line.with_headers(&bytes[..end]).map(Some),
                line => self.request_line = line,
            }
        }
        self.scanned = bytes.len();
        self.check_length(bytes.len())?;
        Ok(None)
    }
    // ANCHOR_END: advance

    /// Whether the line may reach to `end`.
    fn check_length(&self, end: usize) -> Result<(), Rejection> {
        if self.request_line.is_none() && end > MAX_REQUEST_LINE {
            return Err(Rejection::UriTooLong);
        }
        if end - self.line_start > MAX_HEADER_LINE || end > MAX_HEAD {
            return Err(Rejection::HeadTooLarge);
        }
        Ok(())
    }
}

/// The first line, and where it starts.
#[derive(Debug)]
struct RequestLine {
    method: Method,
    uri: Uri,
    version: Version,
    start: usize,
}

impl RequestLine {
    fn parse(
        line: &[u8],
        start: usize,
        on_request: &mut dyn FnMut(&str),
    ) -> Result<RequestLine, Rejection> {
        let mut parsed = httparse::Request::new(&mut []);
        let outcome = parsed.parse(line);
        let (Ok(_), Some(method), Some(target), Some(minor)) =
            (outcome, parsed.method, parsed.path, parsed.version)
        else {
            return Err(Rejection::Malformed);
        };
        // One space is between them: the parser allows no more.
        let text = line.get(..method.len() + 1 + target.len()).map(str::from_utf8);
        on_request(text.and_then(Result::ok).unwrap_or(method));

        if target.len() > MAX_URI {
            return Err(Rejection::UriTooLong);
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Rejection::Malformed)?;
        let uri = Uri::try_from(target).map_err(|_| Rejection::Malformed)?;
        if uri.path().len() > MAX_PATH || uri.query().is_some_and(|query| query.len() > MAX_QUERY) {
            return Err(Rejection::UriTooLong);
        }
        // A host and nothing more is what CONNECT asks for, and nobody else.
        if uri.scheme().is_none() && uri.authority().is_some() && method != Method::CONNECT {
            return Err(Rejection::Malformed);
        }
        let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
        Ok(RequestLine { method, uri, version, start })
    }

    /// The whole head: `bytes` end with its empty line.
    fn with_headers(self, bytes: &[u8]) -> Result<Head, Rejection> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(&bytes[self.start..], &mut slots) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => return Err(Rejection::HeadTooLarge),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Rejection::Malformed),
        }

        let mut headers = HeaderMap::with_capacity(parsed.headers.len());
        let mut fields = Fields::default();
        for header in &*parsed.headers {
            if header.name.len() > MAX_NAME || header.value.len() > MAX_VALUE {
                return Err(Rejection::HeadTooLarge);
            }
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let name = name.map_err(|_| Rejection::Malformed)?;
            fields.note(&name, header.value)?;
            let value = HeaderValue::from_bytes(header.value);
            headers.append(name, value.map_err(|_| Rejection::Malformed)?);
        }
        let framing = fields.framing(self.version)?;
        if framing == Framing::Chunked {
            headers.remove(CONTENT_LENGTH); // which chunks overrule: nobody shall believe it
        }
        let expects_continue = self.version == Version::HTTP_11
            && headers
                .get(EXPECT)
                .is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let RequestLine { method, uri, version, .. } = self;
        Ok(Head { method, uri, version, headers, framing, expects_continue, length: bytes.len() })
    }
}
