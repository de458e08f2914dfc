//! The built book in memory, as it goes over the wire.

use super::headers;
use crate::links::Files;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use std::collections::{BTreeSet, HashMap};

/// A built book, ready to be served.
#[derive(Debug)]
pub struct Site {
    /// Tells one build from another.
    pub(super) id: u64,
    /// The programs that stand in its pages: `fork/zombie_zoo`.
    pub programs: BTreeSet<String>,
    files: HashMap<String, File>,
}

#[derive(Debug)]
struct File {
    bytes: Bytes,
    kind: String,
    /// Of a page: what it may load and do.
    policy: Option<String>,
}

impl Site {
    /// The book's files, with our script in each page.
    pub fn new(files: &Files) -> Self {
        // A page that outlives this server compares it with the next one's, so it can't count from 0.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let id = now.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0));
        let pages = files.iter().filter(|(name, _)| name.ends_with(".html"));
        let programs = pages.flat_map(|(_, page)| programs(&String::from_utf8_lossy(page)));
        let programs = programs.collect();
        let files = files.iter().map(|(name, bytes)| (name.clone(), File::new(id, name, bytes)));
        Self { id, programs, files: files.collect() }
    }

    /// The file that a path names, or the page that says that there is none.
    pub(super) fn answer(&self, path: &str) -> Response {
        let path = percent_decode_str(path).decode_utf8_lossy();
        let mut name = path.trim_start_matches('/').to_owned();
        if name.is_empty() || name.ends_with('/') {
            name.push_str("index.html");
        }
        let (status, file) = match self.files.get(&name) {
            Some(file) => (StatusCode::OK, Some(file)),
            None => (StatusCode::NOT_FOUND, self.files.get("404.html")),
        };
        let Some(file) = file else { return (status, "not found").into_response() };
        let kind = [(header::CONTENT_TYPE, file.kind.clone())];
        let policy = file.policy.clone().map(|policy| [(header::CONTENT_SECURITY_POLICY, policy)]);
        match policy {
            Some(policy) => (status, kind, policy, file.bytes.clone()).into_response(),
            None => (status, kind, file.bytes.clone()).into_response(),
        }
    }
}

impl File {
    fn new(id: u64, name: &str, bytes: &[u8]) -> Self {
        let kind = mime_guess::from_path(name).first_or_octet_stream();
        let kind = match kind.type_() {
            mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
            _ => kind.to_string(),
        };
        if !name.ends_with(".html") {
            return Self { bytes: Bytes::copy_from_slice(bytes), kind, policy: None };
        }
        let policy = Some(headers::policy(&String::from_utf8_lossy(bytes)));
        Self { bytes: with_script(id, bytes), kind, policy }
    }
}

/// The programs of a page, as `program.rs` and `recording.rs` have marked them.
fn programs(page: &str) -> Vec<String> {
    let marks = page.split(" data-crate=\"").skip(1);
    let names = marks.filter_map(|mark| {
        let (krate, rest) = mark.split_once('"')?;
        let name = rest.trim_start().strip_prefix("data-program=\"")?;
        Some(format!("{krate}/{}", name.split_once('"')?.0))
    });
    names.collect()
}

/// A page with the script that makes it live. What a plain `mdbook build` writes has none of it.
fn with_script(id: u64, page: &[u8]) -> Bytes {
    const END: &[u8] = b"</body>";
    let Some(end) = page.windows(END.len()).rposition(|window| window == END) else {
        return Bytes::copy_from_slice(page);
    };
    let tag = format!("<script async src=\"/.lab/reload.js\" data-book=\"{id}\"></script>\n");
    [&page[..end], tag.as_bytes(), &page[end..]].concat().into()
}
