//! What a browser may do with our answers, said in each of them.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What every answer says.
const HEADERS: [(HeaderName, &str); 6] = [
    // The files may change at any moment, and answers are for now.
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // mdBook shows its table of contents in a frame where there is no JavaScript.
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What whatever is no page may do: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// Adds what every answer says.
pub(super) async fn add(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NOTHING));
    response
}

/// What a page may do (Content Security Policy, level 3): load what this server has, run the scripts that mdBook
/// has written into it, each known by its hash, and talk to nobody else.
pub(super) fn policy(page: &str) -> String {
    let mut policy = "default-src 'none'; script-src 'self'".to_owned();
    for script in inline_scripts(page) {
        let hash = STANDARD.encode(Sha256::digest(script));
        // Writing to a String never fails.
        _ = write!(policy, " 'sha256-{hash}'");
    }
    policy
        + "; style-src-elem 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
           connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
}

/// The text of each script that a page would run and that stands in it.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script>").skip(1).filter_map(|rest| Some(rest.split_once("</script>")?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_run_its_own_inline_scripts_by_their_hash_and_no_others() {
        let policy = policy("<script src=\"a.js\"></script><script>let a = 1;</script>");
        // printf 'let a = 1;' | openssl dgst -sha256 -binary | base64
        let hash = "'sha256-xY6QKfH9PRsQnLz56nj6MBwiK5oHg+im1Jkpdp1x/Ck='";
        assert!(policy.contains(&format!("script-src 'self' {hash};")), "{policy}");
        assert!(!policy.contains("script-src 'self' 'unsafe-inline'"));
        assert!(policy.starts_with("default-src 'none'"));
    }
}
