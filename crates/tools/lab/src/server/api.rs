//! What a page can have done. Each of these is asked by POST, and answered only to our own pages (`guard.rs`).

use super::Lab;
use crate::exercises::{self, Desk};
use crate::runs::{self, Catalogue, Order, requests};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// No wish of a page's is longer.
const LONGEST: usize = 16 << 10;

/// What a page asks for, or why it can't be read.
async fn asked<T: DeserializeOwned>(request: Request) -> Result<T, Response> {
    let body = axum::body::to_bytes(request.into_body(), LONGEST);
    let Ok(body) = tokio::time::timeout(super::PATIENCE, body).await else {
        return Err((StatusCode::REQUEST_TIMEOUT, "too slow").into_response());
    };
    let body = body.map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "too long").into_response())?;
    serde_json::from_slice(&body)
        .map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()).into_response())
}

/// A sentence for the reader, under that status.
fn said(status: StatusCode, text: impl Into<String>) -> Response {
    (status, Json(json!({ "is": "error", "text": text.into() }))).into_response()
}

fn read(lab: &Lab) -> Result<Catalogue, Box<Response>> {
    let named = lab.site.borrow().programs.clone();
    Catalogue::load(&lab.workspace, &named)
        .map_err(|error| Box::new(said(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"))))
}

/// What can be run, and how.
pub(super) async fn catalogue(State(lab): State<Lab>) -> Response {
    match read(&lab) {
        Ok(catalogue) => Json(json!({
            "programs": catalogue.all(),
            "exercises": standings(&lab),
            "containment": grader::containment(grader::Containment::wanted()),
        }))
        .into_response(),
        Err(response) => *response,
    }
}

/// How the exercises stand; none do where that can't be read.
fn standings(lab: &Lab) -> BTreeMap<String, exercises::Standing> {
    exercises::standings(&lab.workspace).unwrap_or_default().into_iter().collect()
}

/// Runs a program, and tells of it until it ends or the page leaves.
pub(super) async fn run(State(lab): State<Lab>, request: Request) -> Response {
    let started = async {
        let order: Order = asked(request).await?;
        let catalogue = read(&lab).map_err(|response| *response)?;
        let Some(declared) = catalogue.get(&order.program).cloned() else {
            return Err(said(StatusCode::NOT_FOUND, "no page shows such a program"));
        };
        let policy =
            declared.allows(&order).map_err(|why| said(StatusCode::UNPROCESSABLE_ENTITY, why))?;
        let Some(place) = lab.runs.place(declared.signals()) else {
            let text = "Too many programs run already: stop one, or wait for its end.";
            return Err(said(StatusCode::TOO_MANY_REQUESTS, text));
        };
        Ok(runs::begin(lab.workspace.clone(), declared, order, policy, place))
    };
    match started.await {
        Ok(messages) => lines(messages),
        Err(response) => response,
    }
}

/// Messages, one a line, as they come.
fn lines<T: Serialize + Send + 'static>(messages: Receiver<T>) -> Response {
    let lines = stream::unfold(messages, async |mut messages| {
        let message = messages.recv().await?;
        let mut line = serde_json::to_vec(&message).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(line)), messages))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    run: String,
}

/// Ends a run, and all that it has made.
pub(super) async fn stop(State(lab): State<Lab>, request: Request) -> Response {
    match asked::<Which>(request).await {
        Ok(Which { run }) => found(lab.runs.stop(&run)),
        Err(response) => response,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    run: String,
    signal: String,
    /// Whom to; without it, the program itself.
    #[serde(default)]
    pid: Option<i32>,
}

/// Sends a signal to a run's program, or to a process of the run.
pub(super) async fn signal(State(lab): State<Lab>, request: Request) -> Response {
    let Sent { run, signal, pid } = match asked(request).await {
        Ok(sent) => sent,
        Err(response) => return response,
    };
    let Some(signal) = runs::signal(&signal) else {
        return said(StatusCode::UNPROCESSABLE_ENTITY, "no such signal");
    };
    let runs = Arc::clone(&lab.runs);
    let sent =
        tokio::task::spawn_blocking(move || runs.signal(&run, pid.map(Pid::from_raw), signal));
    found(sent.await.unwrap_or(false))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    run: String,
    #[serde(default)]
    path: String,
    /// Of a load.
    #[serde(default)]
    seconds: u64,
}

/// Where a run's server listens.
fn port(lab: &Lab, run: &str) -> Result<u16, Box<Response>> {
    let none = || Box::new(said(StatusCode::NOT_FOUND, "It does not listen."));
    lab.runs.port(run).ok_or_else(none)
}

/// Sends a request to a server that runs.
pub(super) async fn request(State(lab): State<Lab>, request: Request) -> Response {
    let answer = async {
        let Asked { run, path, .. } = asked(request).await?;
        let port = port(&lab, &run).map_err(|response| *response)?;
        if !requests::is_path(&path) {
            return Err(said(StatusCode::UNPROCESSABLE_ENTITY, "That is no path."));
        }
        requests::ask(port, &path).await.map_err(|why| said(StatusCode::BAD_GATEWAY, why))
    };
    match answer.await {
        Ok(answer) => Json(answer).into_response(),
        Err(response) => response,
    }
}

/// Sends many requests to a server that runs, for ten seconds at most.
pub(super) async fn load(State(lab): State<Lab>, request: Request) -> Response {
    let counts = async {
        let Asked { run, seconds, .. } = asked(request).await?;
        let port = port(&lab, &run).map_err(|response| *response)?;
        Ok(requests::load(port, Duration::from_secs(seconds.clamp(1, 10))))
    };
    match counts.await {
        Ok(counts) => lines(counts),
        Err(response) => response,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    exercise: String,
    /// Of a hint.
    #[serde(default)]
    number: usize,
}

async fn desk(lab: &Lab, request: Request) -> Result<(Desk, usize), Response> {
    let Wanted { exercise, number } = asked(request).await?;
    match Desk::with(&lab.workspace, &exercise) {
        Ok(desk) => Ok((desk, number)),
        Err(error) => Err(said(StatusCode::NOT_FOUND, format!("{error:#}"))),
    }
}

/// Checks an exercise now and at each save, until the page leaves.
pub(super) async fn exercise(State(lab): State<Lab>, request: Request) -> Response {
    match desk(&lab, request).await {
        Ok((desk, _)) => lines(desk.watch()),
        Err(response) => response,
    }
}

/// One hint.
pub(super) async fn hint(State(lab): State<Lab>, request: Request) -> Response {
    let hint = match desk(&lab, request).await {
        Ok((desk, number)) => tokio::task::spawn_blocking(move || desk.hint(number)).await,
        Err(response) => return response,
    };
    match hint {
        Ok(Ok(hint)) => Json(hint).into_response(),
        Ok(Err(error)) => said(StatusCode::NOT_FOUND, format!("{error:#}")),
        Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "the hints could not be read"),
    }
}

fn found(found: bool) -> Response {
    match found {
        true => StatusCode::NO_CONTENT.into_response(),
        false => said(StatusCode::NOT_FOUND, "It has ended already."),
    }
}
