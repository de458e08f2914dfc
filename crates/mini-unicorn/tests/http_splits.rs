//! However a request's bytes are split on their way, what comes of them is the same.

use std::collections::VecDeque;
use std::io::{self, Read};

use http::{HeaderMap, Method, Uri, Version};
use mini_unicorn::http::{Rejection, read_request};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Gives these pieces, one a read, or as much of one as there is room for; then the end.
struct Pieces<'b>(VecDeque<&'b [u8]>);

impl<'b> Pieces<'b> {
    fn split(bytes: &'b [u8], at: &[Index]) -> Self {
        let mut at: Vec<_> = at.iter().map(|index| index.index(bytes.len() + 1)).collect();
        at.push(bytes.len());
        at.sort_unstable();
        let starts = [0].into_iter().chain(at.iter().copied());
        let pieces = starts.zip(&at).map(|(start, &end)| &bytes[start..end]);
        // A read that gives nothing would be the end.
        Pieces(pieces.filter(|piece| !piece.is_empty()).collect())
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
        let count = piece.read(into)?;
        if !piece.is_empty() {
            self.0.push_front(piece);
        }
        Ok(count)
    }
}

#[derive(Debug, PartialEq)]
struct Seen {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn outcome(reader: impl Read) -> Result<Seen, Rejection> {
    let (parts, body) = read_request(reader)?.into_parts();
    let http::request::Parts { method, uri, version, headers, .. } = parts;
    Ok(Seen { method, uri, version, headers, body })
}

/// Whole, byte by byte, and split `at` these: all the same. Returns what that is.
fn outcome_of_any_split(bytes: &[u8], at: &[Index]) -> Result<Seen, Rejection> {
    let whole = outcome(bytes);
    assert_eq!(outcome(Pieces::split(bytes, at)), whole);
    assert_eq!(outcome(Pieces(bytes.chunks(1).collect())), whole);
    whole
}

fn splits() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

/// A request that is good, and the body that it has.
fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let method = select(vec!["GET", "POST", "PUT", "BREW"]);
    let target = "(/[a-z%0-9]{0,12}(\\?[a-z=&]{0,9})?|\\*|http://h/[a-z]{0,5})";
    let headers = vec("X-[A-Za-z]{1,8}:[ \t]{0,2}[ -~]{0,20}\r\n", 0..5);
    let chunks = vec(vec(any::<u8>(), 1..40), 0..5);
    (method, target, headers, any::<bool>(), chunks).prop_map(
        |(method, target, headers, chunked, chunks)| {
            let headers = headers.concat();
            let body = chunks.concat();
            let head = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{headers}");
            let bytes = if chunked {
                [head.as_bytes(), b"Transfer-Encoding: chunked\r\n\r\n", &in_chunks(&chunks)]
                    .concat()
            } else {
                let length = format!("Content-Length: {}\r\n\r\n", body.len());
                [head.as_bytes(), length.as_bytes(), &body].concat()
            };
            (bytes, body)
        },
    )
}

fn in_chunks(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in chunks {
        bytes.extend(format!("{:x};a=b\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\nTrailer: t\r\n\r\n");
    bytes
}

/// Bytes that mean something, and are easily in the wrong place.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let telling = vec![
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n",
        " ",
        ":",
        "\0",
        ";",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        "ffffffffffffffff",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.0\r\n",
        "HTTP/2.0",
        "Host: h\r\n",
        "Content-Length: 5\r\n",
        "Content_Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
    ];
    prop_oneof![
        4 => select(telling).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_good_request_and_its_body_arrive_intact(
        (bytes, body) in request(),
        at in splits(),
        rest in vec(any::<u8>(), 0..20),
    ) {
        let alone = outcome_of_any_split(&bytes, &at);
        prop_assert_eq!(&alone.as_ref().expect("a good request").body, &body);
        // What comes behind it changes nothing.
        prop_assert_eq!(outcome_of_any_split(&[bytes, rest].concat(), &at), alone);
    }

    #[test]
    fn a_request_that_stops_anywhere_is_none(
        (bytes, _) in request(),
        end in any::<Index>(),
        at in splits(),
    ) {
        let end = end.index(bytes.len());
        prop_assert_eq!(outcome_of_any_split(&bytes[..end], &at), Err(Rejection::Left));
    }

    #[test]
    fn a_broken_request_is_the_same_however_it_is_split(
        (mut bytes, _) in request(),
        breaks in vec((any::<Index>(), 0..3_usize, fragment()), 1..4),
        at in splits(),
    ) {
        for (index, removed, inserted) in breaks {
            let start = index.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, inserted);
        }
        let _ = outcome_of_any_split(&bytes, &at);
    }

    #[test]
    fn bytes_that_never_were_a_request_are_the_same_however_they_are_split(
        fragments in vec(fragment(), 0..30),
        at in splits(),
    ) {
        let _ = outcome_of_any_split(&fragments.concat(), &at);
    }
}

/// One more byte makes the difference, and not how it came.
#[test]
fn limits_fall_on_the_same_byte_however_it_is_split() {
    let head = |path: usize, query: usize, name: usize, value: usize| {
        let (path, query) = ("p".repeat(path - 1), "q".repeat(query));
        let (name, value) = ("n".repeat(name), "v".repeat(value));
        format!("GET /{path}?{query} HTTP/1.1\r\nHost: h\r\n{name}: {value}\r\n\r\n").into_bytes()
    };
    let lines = |count: usize, line: &str| {
        format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", line.repeat(count)).into_bytes()
    };
    // 37 bytes are around the two values.
    let whole = |length: usize| lines(2, &format!("a: {}\r\n", "v".repeat((length - 37) / 2)));
    let method =
        |length| format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(length)).into_bytes();

    const GOOD: Option<Rejection> = None;
    const LONG_URI: Option<Rejection> = Some(Rejection::UriTooLong);
    const LARGE: Option<Rejection> = Some(Rejection::HeadTooLarge);
    for (what, bytes, expected) in [
        ("path", head(4096, 1, 1, 1), GOOD),
        ("path", head(4097, 1, 1, 1), LONG_URI),
        ("query", head(1, 10_240, 1, 1), GOOD),
        ("query", head(1, 10_241, 1, 1), LONG_URI),
        ("request line", method(16_384 - 13), GOOD),
        ("request line", method(16_384 - 12), LONG_URI),
        ("request line without end", vec![b'M'; 16_385], LONG_URI),
        ("name", head(1, 1, 256, 1), GOOD),
        ("name", head(1, 1, 257, 1), LARGE),
        ("value", head(1, 1, 1, 81_920), GOOD),
        ("value", head(1, 1, 1, 81_921), LARGE),
        ("padded value", lines(1, &format!("a:{}v\r\n", " ".repeat(90_000))), LARGE),
        ("headers", lines(255, "a: b\r\n"), GOOD),
        ("headers", lines(256, "a: b\r\n"), LARGE),
        ("head", whole(114_687), GOOD),
        ("head", whole(114_689), LARGE),
    ] {
        let length = bytes.len();
        assert_eq!(outcome(&*bytes).err(), expected, "{what}, {length} bytes");
        for size in [1, 4096] {
            let split = outcome(Pieces(bytes.chunks(size).collect())).err();
            assert_eq!(split, expected, "{what}, {length} bytes in pieces of {size}");
        }
    }
}

#[test]
fn what_is_malformed_is_refused() {
    for bytes in [
        "GET /\r\n\r\n",
        "GET / HTTP/2.0\r\n",
        "GET / HTTP/0.9\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        " GET / HTTP/1.1\r\n",
        "nonsense\r\n",
        "\0\r\n",
        "GET h HTTP/1.1\r\n",
        "G\0T / HTTP/1.1\r\n",
        "GET /\0 HTTP/1.1\r\n",
        "GET / HTTP/1.1\rX\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    ] {
        let rejection = outcome_of_any_split(bytes.as_bytes(), &[]).err();
        assert_eq!(rejection, Some(Rejection::Malformed), "{bytes:?}");
    }
}

#[test]
fn what_is_only_unusual_is_taken() {
    for bytes in [
        "GET / HTTP/1.0\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\n\n",
        "GET http://h/p HTTP/1.1\r\nHost: h\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET // HTTP/1.1\r\nhOST: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nA:\r\nB: é \t\r\n\r\n",
    ] {
        let seen = outcome_of_any_split(bytes.as_bytes(), &[]);
        assert!(seen.is_ok(), "{bytes:?}: {seen:?}");
    }
}

#[test]
fn chunks_leave_no_content_length_behind() {
    let bytes = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\
                 \r\n5\r\nhello\r\n0\r\n\r\n";
    let seen = outcome_of_any_split(bytes.as_bytes(), &[]).expect("a good request");
    assert_eq!(seen.body, b"hello");
    assert_eq!(seen.headers.get("content-length"), None);
}
