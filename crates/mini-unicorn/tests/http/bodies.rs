//! Bodies: their ends, their sizes, and where they are kept meanwhile.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;

use story::wait_until;

use crate::server::{Answer, descriptors};
use crate::site::{Site, echo, large, request};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn chunks_win_over_a_content_length_and_the_app_sees_none() {
    let site = Site::start();
    let chunks = "3\r\nabc\r\n0\r\n\r\n";
    for headers in
        [format!("Content-Length: 1\r\n{CHUNKED}"), format!("{CHUNKED}Content-Length: 1\r\n")]
    {
        let answer = site.ask(request("POST /echo", &headers, chunks));
        assert_eq!((answer.status, answer.text()), (200, "abc".into()));
        let seen = site.ask(request("POST /env", &headers, chunks)).text();
        assert!(seen.contains("transfer-encoding") && !seen.contains("content-length"), "{seen}");
    }
    site.goes_on_after("both");
}

#[test]
fn chunk_extensions_and_trailers_are_accepted_and_dropped() {
    let site = Site::start();
    let body = "3;name=\"value\"\r\nabc\r\n00a ; x\r\n0123456789\r\n0;last\r\nTrailer: 1\r\nAnd: 2\r\n\r\n";
    let headers = format!("{CHUNKED}Trailer: Trailer, And\r\n");
    let bytes = request("POST /echo", &headers, body);
    for answer in [site.ask(&bytes), site.ask_by_file(&bytes)] {
        assert_eq!((answer.status, answer.text()), (200, "abc0123456789".into()));
    }
    site.goes_on_after("trailers");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let site = Site::start();
    let chunked = request("POST /echo", CHUNKED, "3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n");
    for bytes in [echo("abcde"), chunked] {
        let mut stream = site.connect();
        stream.set_nodelay(true).expect("TCP");
        for byte in bytes.chunks(1) {
            stream.write_all(byte).expect("somebody takes it");
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an orderly end");
        assert_eq!(Answer::of(&answer).text(), "abcde");
    }
    site.goes_on_after("many writes");
}

#[test]
fn a_body_that_is_cut_short_is_not_answered() {
    let site = Site::start();
    for bytes in [
        request("POST /echo", "Content-Length: 6\r\n", "hello"),
        request("POST /echo", CHUNKED, "6\r\nhello"),
        request("POST /echo", CHUNKED, "5\r\nhello\r\n"),
        request("POST /echo", CHUNKED, "5\r\nhello\r\n0\r\n"),
        request("POST /echo", CHUNKED, "5"),
    ] {
        let mut stream = site.connect();
        stream.write_all(&bytes).expect("room for it");
        stream.shutdown(Shutdown::Write).expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an orderly end");
        assert_eq!(answer, "", "{:?}", String::from_utf8_lossy(&bytes));
        site.goes_on_after("half a body");
    }
}

#[test]
fn a_bad_chunk_is_answered_400() {
    let site = Site::start();
    for body in [
        "z\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\nnonsense\r\n",
    ] {
        let answer = site.ask(request("POST /echo", CHUNKED, body));
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.text());
        site.goes_on_after(body);
    }
}

#[test]
fn bytes_after_the_body_are_ignored() {
    let site = Site::start();
    let by_length = request("POST /echo", "Content-Length: 5\r\n", "hello, and more");
    let by_chunks = request("POST /echo", CHUNKED, "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
    for bytes in [by_length, by_chunks] {
        for answer in [site.ask(&bytes), site.ask_by_file(&bytes)] {
            assert_eq!((answer.status, answer.text()), (200, "hello".into()));
        }
        site.goes_on_after("more than a body");
    }
    let with_get = request("GET /", "Content-Length: 5\r\n", "hello");
    assert_eq!(site.ask(with_get).text(), "hello\n", "a body that nobody asked for");
}

/// The most memory that the worker has ever used, in bytes.
#[track_caller]
fn peak(site: &Site) -> usize {
    let line = story::status(site.worker, "VmHWM").expect("it lives");
    line.trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn large_uploads_come_back_intact_and_take_neither_memory_nor_a_named_file() {
    let site = Site::start();
    assert_eq!(site.ask(echo(large(200_000))).body.len(), 200_000); // its buffers are there now
    let before = peak(&site);

    let body = large(20_000_000);
    let answers = [site.ask(echo(&body)), site.ask_by_file(echo(&body))];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == body));

    let body = &body[..5_000_000];
    let mut chunks = Vec::new();
    let mut rest = body;
    for size in [1, 10, 4095, 4096, 4097, 70_000].into_iter().cycle() {
        let (chunk, after) = rest.split_at(rest.len().min(size));
        chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
        rest = after;
        if chunk.is_empty() {
            break; // that one was the last, by its size
        }
    }
    let answer = site.ask(request("POST /echo", CHUNKED, chunks));
    assert!(answer.status == 200 && answer.body == body);

    let more = peak(&site).saturating_sub(before);
    assert!(more < 2_000_000, "{more} bytes more");
    assert_eq!(site.temporary_files(), [""; 0]);
    site.goes_on_after("large uploads");
}

#[test]
fn what_is_larger_than_112_kb_is_spooled_to_a_file_without_a_name() {
    let site = Site::start();
    let body = large(1_000_000);
    let bytes = echo(&body);
    let mut stream = site.connect();
    stream.write_all(&bytes[..500_000]).expect("somebody takes it");
    let folder = site.server.canonical_folder().join("tmp").display().to_string();
    wait_until("the worker has a file that has no name", || {
        let is_it = |path: &str| path.starts_with(&folder) && path.ends_with(" (deleted)");
        descriptors(site.worker).iter().any(|(_, path)| is_it(path)).then_some(())
    });
    assert_eq!(site.temporary_files(), [""; 0]);
    stream.write_all(&bytes[500_000..]).expect("somebody takes it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    assert!(Answer::of(&answer).body == body);
    site.goes_on_after("a file");
}

#[test]
fn who_sends_a_body_that_nobody_reads_gets_the_answer_all_the_same() {
    let site = Site::start();
    let body = large(5_000_000);
    let length = format!("Content-Length: {}\r\n", body.len());
    let mut long_head = String::new();
    for number in 0..3 {
        write!(long_head, "A{number}: {}\r\n", "x".repeat(50_000)).expect("a String");
    }
    for (bytes, status) in [
        (request("PUT /status/404", &length, &body), 404),
        (request("POST /", &length, &body), 200),
        (request("POST /echo", &format!("{long_head}{length}"), &body), 413),
        (request(&format!("POST /{}", "x".repeat(20_000)), &length, &body), 414),
        (request("POST /echo", "Content-Length: x\r\n", &body), 400),
        (request("POST /echo", CHUNKED, [b"0\r\n\r\n", &body[..]].concat()), 200),
        (request("POST /echo", "Content-Length: 1\r\n", &body), 200),
    ] {
        // Each write must go well, and the answer come whole: a reset would end either.
        assert_eq!(site.ask(&bytes).status, status);
        assert_eq!(site.ask_by_file(&bytes).status, status);
    }
    site.goes_on_after("five megabytes that nobody wanted");
}
