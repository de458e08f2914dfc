//! Serves the built book from memory to this machine, and runs for its pages what the book names.
//!
//! Read in this order: [`listen`] and [`serve`]; `guard.rs`, who is answered; `headers.rs`, what a browser may do with
//! the answer; `site.rs`, the book's files; `api.rs`, what pages can have done.
//!
//! The files on disk stay those of a plain `mdbook build`: only what goes over the wire gets scripts. A request is
//! looked up among the book's files, so no path leads anywhere else.

mod api;
mod guard;
mod headers;
mod site;

pub use guard::Guard;
pub use site::Site;

use crate::runs::Runs;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::header;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// The port when none is asked for.
pub const PORT: u16 = 3000;

/// How many ports from [`PORT`] on are tried.
const TRIES: u16 = 100;

/// How many connections there may be at a time.
const CONNECTIONS: usize = 100;

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the pages need besides the book.
const SCRIPTS: [(&str, &str, &str); 8] = [
    ("/.lab/reload.js", "text/javascript", include_str!("../page/reload.js")),
    ("/.lab/lab.js", "text/javascript", include_str!("../page/lab.js")),
    ("/.lab/server.js", "text/javascript", include_str!("../page/server.js")),
    ("/.lab/make.js", "text/javascript", include_str!("../page/make.js")),
    ("/.lab/run.js", "text/javascript", include_str!("../page/run.js")),
    ("/.lab/unicorn.js", "text/javascript", include_str!("../page/unicorn.js")),
    ("/.lab/exercise.js", "text/javascript", include_str!("../page/exercise.js")),
    ("/.lab/lab.css", "text/css", include_str!("../page/lab.css")),
];

/// What the server stands on.
#[derive(Clone)]
pub struct Lab {
    /// The newest book.
    pub site: watch::Receiver<Arc<Site>>,
    /// Who is answered.
    pub guard: Arc<Guard>,
    /// What runs.
    pub runs: Arc<Runs>,
    /// Where everything is.
    pub workspace: Workspace,
}

impl FromRef<Lab> for Arc<Guard> {
    fn from_ref(lab: &Lab) -> Self {
        Arc::clone(&lab.guard)
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
pub async fn serve(listener: TcpListener, lab: Lab) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = router(lab);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Never closed, so there is always a place some time.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) if gone(&error) => continue,
            Err(error) if short_of_descriptors(&error) => {
                // Until somebody leaves, asking again at once would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_headers(64);
            // One that breaks off is no matter of ours.
            _ = http.serve_connection(TokioIo::new(client), service).await;
            drop(place);
        });
    }
}

/// Whether a client has left before it was accepted (accept(2)).
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

fn short_of_descriptors(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    short.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

fn router(lab: Lab) -> Router {
    let acts = Router::new()
        .route("/.lab/catalogue", post(api::catalogue))
        .route("/.lab/run", post(api::run))
        .route("/.lab/stop", post(api::stop))
        .route("/.lab/signal", post(api::signal))
        .route("/.lab/request", post(api::request))
        .route("/.lab/load", post(api::load))
        .route("/.lab/exercise", post(api::exercise))
        .route("/.lab/hint", post(api::hint))
        .route_layer(from_fn_with_state(lab.clone(), guard::ours));
    let scripts = SCRIPTS.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(async move || ([(header::CONTENT_TYPE, kind)], text)))
    });
    acts.merge(scripts)
        .route("/.lab/events", get(events))
        .fallback_service(get(file).with_state(lab.clone()))
        .layer(from_fn_with_state(lab.clone(), guard::meant))
        .layer(map_response(headers::add))
        .with_state(lab)
}

async fn file(State(lab): State<Lab>, request: Request) -> Response {
    lab.site.borrow().answer(request.uri().path())
}

/// One event at once and one a rebuild, each with the number of the book that is served.
async fn events(
    State(lab): State<Lab>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
    let mut site = lab.site;
    site.mark_changed();
    let events = stream::unfold(site, async |mut site| {
        site.changed().await.ok()?;
        let id = site.borrow_and_update().id;
        Some((Ok(Event::default().event("book").data(id.to_string())), site))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
