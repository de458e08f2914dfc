//! Requests for a server that runs: one, or many for a while.

use serde::Serialize;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, interval, timeout};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much of an answer is shown.
const SHOWN: u64 = 2_000;

/// So many clients ask again and again.
const CLIENTS: usize = 4;

/// And so often at most, all together.
const MOST: u32 = 50_000;

/// An answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of its body.
    pub body: String,
}

/// How a load goes.
#[derive(Debug, Serialize)]
pub struct Count {
    /// Requests that were answered with 200.
    pub served: u32,
    /// All others.
    pub failed: u32,
    /// Why the last of those failed.
    pub why: Option<String>,
    /// Whether this is the last count.
    pub over: bool,
}

/// Whether this is a path that a page may ask for.
#[must_use]
pub fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.len() < 200 && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Asks a server on this machine for a path.
///
/// # Errors
/// Why there was no answer, for the reader.
pub async fn ask(port: u16, path: &str) -> Result<Answer, String> {
    let asked = timeout(PATIENCE, exchange(port, path)).await;
    let bytes = asked.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    let bytes = bytes.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or("the connection ended before the answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.ok_or("that was no answer")?, body: body.to_owned() })
}

async fn exchange(port: u16, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(SHOWN).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Asks for `/` again and again, as several clients, for so long or until the receiver is dropped.
pub fn load(port: u16, time: Duration) -> Receiver<Count> {
    let (sender, receiver) = channel(4);
    let [served, failed] = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    let why = Arc::new(std::sync::Mutex::new(None));
    let end = Instant::now() + time;
    let clients = (0..CLIENTS).map(|_| {
        let (served, failed, why) = (Arc::clone(&served), Arc::clone(&failed), Arc::clone(&why));
        async move {
            while Instant::now() < end && served.load(Ordering::Relaxed) < MOST {
                match ask(port, "/").await {
                    Ok(Answer { status: 200, .. }) => _ = served.fetch_add(1, Ordering::Relaxed),
                    other => {
                        failed.fetch_add(1, Ordering::Relaxed);
                        let reason =
                            other.map_or_else(|why| why, |it| format!("status {}", it.status));
                        *why.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                            Some(reason);
                        // A server that is gone refuses at once.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        }
    });
    let all = futures_util::future::join_all(clients.collect::<Vec<_>>());
    tokio::spawn(async move {
        let count = |over| Count {
            served: served.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
            why: why.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            over,
        };
        let mut ticks = interval(Duration::from_millis(250));
        tokio::pin!(all);
        loop {
            tokio::select! {
                () = sender.closed() => return,
                _ = &mut all => break,
                _ = ticks.tick() => { _ = sender.send(count(false)).await; }
            }
        }
        _ = sender.send(count(true)).await;
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_smuggle_a_second_request() {
        assert!(is_path("/sleep/0.5"));
        for wrong in ["", "pid", "/ HTTP/1.1\r\nX: y", "/a b", "/\u{e9}"] {
            assert!(!is_path(wrong), "{wrong:?}");
        }
    }
}
