//! Who is answered: pages of this server, in a browser of this machine, and nobody else.
//!
//! Two lines of defence. Everybody must have meant *this* server: another name in `Host` is a page of somebody
//! else's whose name was made to lead here (DNS rebinding). And whoever wants something done, and not just a page to
//! read, must be such a page and know the token, which stands only in the address that `cargo lab` prints.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// The header with the token.
const TOKEN: HeaderName = HeaderName::from_static("x-lab-token");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must show.
#[derive(Debug)]
pub struct Guard {
    /// The names under which this server is known, with its port.
    names: [String; 2],
    token: String,
}

/// Why a request is not answered.
type Refusal = (StatusCode, &'static str);

impl Guard {
    /// A guard for a server at that port, with a token of its own.
    ///
    /// # Errors
    /// The system has no random numbers to give.
    pub fn new(port: u16) -> Result<Self, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        Ok(Self {
            names: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// What a page must know before this server does anything for it.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether the request was meant for this server.
    fn meant(&self, parts: &Parts) -> Result<&str, Refusal> {
        // A client that takes us for a proxy names the server in the first line, whatever Host says.
        if parts.uri.authority().is_some() || !parts.uri.path().starts_with('/') {
            return Err((StatusCode::BAD_REQUEST, "this is no proxy"));
        }
        if parts.version < Version::HTTP_11 {
            return Err((StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1, please"));
        }
        let Some(host) = one(&parts.headers, &header::HOST) else {
            return Err((StatusCode::BAD_REQUEST, "not exactly one Host"));
        };
        let name = self.names.iter().find(|name| *name == host);
        name.map(String::as_str).ok_or((StatusCode::MISDIRECTED_REQUEST, "no such host here"))
    }

    /// Whether a page of this server, which knows the token, asks for something to be done.
    fn ours(&self, parts: &Parts, host: &str) -> Result<(), Refusal> {
        let headers = &parts.headers;
        if one(headers, &header::ORIGIN).and_then(|it| it.strip_prefix("http://")) != Some(host) {
            return Err((StatusCode::FORBIDDEN, "no page of this server"));
        }
        let json = |kind: &str| kind.split(';').next().map(str::trim) == Some("application/json");
        if !one(headers, &header::CONTENT_TYPE).is_some_and(json) {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "JSON, please"));
        }
        let token = one(headers, &TOKEN).unwrap_or_default();
        match bool::from(token.as_bytes().ct_eq(self.token.as_bytes())) {
            true => Ok(()),
            false => Err((StatusCode::UNAUTHORIZED, "not the token that `cargo lab` has printed")),
        }
    }
}

/// Lets a request through that was meant for this server; all are asked this.
pub(super) async fn meant(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let checked = guard.meant(&parts).and_then(|_| same_site(&parts));
    match checked {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets a request through that wants something done and may.
pub(super) async fn ours(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let checked = guard.meant(&parts).and_then(|host| guard.ours(&parts, host));
    match checked {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Refuses what another site's page makes the browser ask for. To follow a link to a page of the book is no such thing.
fn same_site(parts: &Parts) -> Result<(), Refusal> {
    let Some(site) = parts.headers.get(FETCH_SITE) else { return Ok(()) };
    let header = |name| parts.headers.get(name).map(axum::http::HeaderValue::as_bytes);
    let link = header("sec-fetch-mode") == Some(b"navigate")
        && header("sec-fetch-dest") == Some(b"document")
        && parts.method == Method::GET
        && !parts.uri.path().starts_with("/.lab/");
    match site.as_bytes() {
        b"same-origin" | b"none" => Ok(()),
        _ if link => Ok(()),
        _ => Err((StatusCode::FORBIDDEN, "asked for by another site")),
    }
}

/// The value of a header that must be there exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())?.to_str().ok()
}
