//! Serves the built book from memory to this machine, and tells open pages to reload.
//!
//! The files on disk stay those of a plain `mdbook build`: only what goes over the wire gets a
//! script tag. A request is looked up among the book's files, so no path leads anywhere else.

use crate::links::Files;
use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use futures_util::stream::{self, Stream};
use percent_encoding::percent_decode_str;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch;

/// The port when none is asked for.
pub const PORT: u16 = 3000;

/// How many ports from [`PORT`] on are tried.
const TRIES: u16 = 100;

const RELOAD: &str = include_str!("reload.js");

/// A built book, ready to be served.
#[derive(Debug)]
pub struct Site {
    /// Tells one build from another.
    id: u64,
    files: HashMap<String, Bytes>,
}

impl Site {
    /// The book's files, with the reloading script in each page.
    pub fn new(files: &Files) -> Self {
        // A page that outlives this server compares it with the next one's, so it can't count from 0.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let id = now.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0));
        let files = files.iter().map(|(name, bytes)| (name.clone(), served(id, name, bytes)));
        Self { id, files: files.collect() }
    }
}

/// What is sent for a file.
fn served(id: u64, name: &str, bytes: &[u8]) -> Bytes {
    const END: &[u8] = b"</body>";
    let end = bytes.windows(END.len()).rposition(|window| window == END);
    match end {
        Some(end) if name.ends_with(".html") => {
            let tag = format!("<script src=\"/.lab/reload.js\" data-book=\"{id}\"></script>\n");
            [&bytes[..end], tag.as_bytes(), &bytes[end..]].concat().into()
        }
        _ => Bytes::copy_from_slice(bytes),
    }
}

/// Listens on loopback: on `port`, or on the first free one from [`PORT`] on.
///
/// # Errors
/// The port asked for is taken or not ours to have, or all are taken.
pub fn listen(port: Option<u16>) -> Result<TcpListener> {
    if let Some(port) = port {
        return match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
                "port {port} is taken by another program; name another one with `--port`, \
                 or leave `--port` out and a free one is found"
            ),
            bound => bound.with_context(|| format!("cannot listen on 127.0.0.1:{port}")),
        };
    }
    for port in PORT..PORT + TRIES {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound.with_context(|| format!("cannot listen on 127.0.0.1:{port}")),
        }
    }
    bail!("ports {PORT} to {} are all taken; name a free one with `--port`", PORT + TRIES - 1)
}

/// Serves the newest book until the program ends.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, site: watch::Receiver<Arc<Site>>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route(
            "/.lab/reload.js",
            get(async || ([(header::CONTENT_TYPE, "text/javascript")], RELOAD)),
        )
        .route("/.lab/events", get(events))
        .fallback(get(file))
        .with_state(site);
    axum::serve(listener, router).await
}

async fn file(State(site): State<watch::Receiver<Arc<Site>>>, request: Request) -> Response {
    let site = Arc::clone(&site.borrow());
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
    let mut name = path.trim_start_matches('/').to_owned();
    if name.is_empty() || name.ends_with('/') {
        name.push_str("index.html");
    }
    let (status, name) = match site.files.contains_key(&name) {
        true => (StatusCode::OK, name),
        false => (StatusCode::NOT_FOUND, "404.html".to_owned()),
    };
    let Some(bytes) = site.files.get(&name) else {
        return (status, "not found").into_response();
    };
    let kind = mime_guess::from_path(&name).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    // The file may change at any moment: the browser asks each time.
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store".to_owned())];
    (status, headers, bytes.clone()).into_response()
}

/// One event at once and one a rebuild, each with the number of the book that is served.
async fn events(
    State(mut site): State<watch::Receiver<Arc<Site>>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    site.mark_changed();
    let events = stream::unfold(site, async |mut site| {
        site.changed().await.ok()?;
        let id = site.borrow_and_update().id;
        Some((Ok(Event::default().event("book").data(id.to_string())), site))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
