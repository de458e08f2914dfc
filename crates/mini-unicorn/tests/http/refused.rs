//! What is no request, and how large one may be.

use crate::site::{Site, request};

/// Each is sent, answered with that status, and followed by a look at the worker.
#[track_caller]
fn refuses(site: &Site, status: u16, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    assert_eq!(site.ask(bytes).status, status, "{shown:?}");
    site.goes_on_after(shown);
}

#[test]
fn a_malformed_request_line_is_answered_400() {
    let site = Site::start();
    for line in [
        "nonsense",
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/2.0",
        "GET / HTTP/1.",
        "GET / http/1.1",
        "GET / FTP/1.1",
        "GET / x HTTP/1.1",
        " GET / HTTP/1.1",
        "G\0T / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\r HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET nowhere HTTP/1.1",
        "{\"method\": \"GET\"}",
        "\u{16}\u{3}\u{1}\u{2}", // how TLS begins
    ] {
        refuses(&site, 400, format!("{line}\r\nHost: localhost\r\n\r\n"));
    }
}

#[test]
fn a_malformed_header_is_answered_400() {
    let site = Site::start();
    for header in [
        "no colon",
        "Space : before",
        "Tab\t: before",
        ": no name",
        " Folded: at once",
        "Na me: two",
        "N\0me: nul",
        "Name: nu\0l",
        "Name: ca\rriage",
        "Name: delete\u{7f}",
        "Name: a\r\n folded: b",
        "N(me: x",
    ] {
        refuses(&site, 400, request("GET /", &format!("{header}\r\n"), ""));
    }
    assert_eq!(site.ask_by_file(request("GET /", "no colon\r\n", "")).status, 400);
}

#[test]
fn a_content_length_that_is_none_is_answered_400() {
    let site = Site::start();
    for header in [
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: one",
        "Content-Length: 0x1",
        "Content-Length: 1.0",
        "Content-Length: 1 1",
        "Content-Length: 1, 1",
        "Content-Length: 18446744073709551616",
        "Content-Length:",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content_Length: 1",
        "Content-Length: 1\r\nContent_Length: 1",
    ] {
        refuses(&site, 400, request("POST /echo", &format!("{header}\r\n"), "x"));
    }
}

#[test]
fn a_transfer_encoding_other_than_chunked_once_is_answered_400() {
    let site = Site::start();
    for header in [
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
        "Transfer_Encoding: chunked",
    ] {
        refuses(&site, 400, request("POST /echo", &format!("{header}\r\n"), "1\r\nx\r\n0\r\n\r\n"));
    }
    let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refuses(&site, 400, old);
}

/// The status of a GET for that target.
#[track_caller]
fn target(site: &Site, target: &str) -> u16 {
    site.ask(request(&format!("GET {target}"), "", "")).status
}

#[test]
fn a_uri_may_be_so_long_and_no_longer() {
    let site = Site::start();
    let path = |length: usize| format!("/{}", "p".repeat(length - 1));
    assert_eq!(target(&site, &path(4096)), 404, "which is the app's answer");
    assert_eq!(target(&site, &path(4097)), 414);
    let query = |length| format!("/?{}", "q".repeat(length));
    assert_eq!(target(&site, &query(10_240)), 200);
    assert_eq!(target(&site, &query(10_241)), 414);
    // Neither path nor query: a host.
    let uri = |length: usize| format!("http://{}/", "h".repeat(length - 8));
    assert_eq!(target(&site, &uri(15_360)), 200);
    assert_eq!(target(&site, &uri(15_361)), 414);
    refuses(&site, 414, format!("GET /{}", "x".repeat(100_000)));
}

#[test]
fn a_header_may_be_so_long_and_no_longer() {
    let site = Site::start();
    let with = |name: usize, value: usize| {
        let header = format!("{}: {}\r\n", "n".repeat(name), "v".repeat(value));
        site.ask(request("GET /", &header, "")).status
    };
    assert_eq!((with(256, 1), with(257, 1)), (200, 413));
    assert_eq!((with(1, 81_920), with(1, 81_921)), (200, 413));
    site.goes_on_after("long headers");
}

#[test]
fn a_head_may_be_so_long_and_no_longer() {
    let site = Site::start();
    let of_length = |length: usize| {
        let half = "v".repeat(50_000);
        let headers = format!("A: {half}\r\nB: {half}\r\nC: ");
        let rest = length - request("GET /", &format!("{headers}\r\n"), "").len();
        let bytes = request("GET /", &format!("{headers}{}\r\n", "v".repeat(rest)), "");
        assert_eq!(bytes.len(), length);
        bytes
    };
    let limit = 112 * 1024;
    assert_eq!(site.ask(of_length(limit)).status, 200);
    refuses(&site, 413, of_length(limit + 1));
    assert_eq!(site.ask_by_file(of_length(limit + 1)).status, 413);
    let many = |count| request("GET /", &"A: b\r\n".repeat(count), "");
    assert_eq!(site.ask(many(200)).status, 200);
    refuses(&site, 413, many(2000));
}
