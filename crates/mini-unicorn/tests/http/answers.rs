//! What every answer is like.

use std::time::SystemTime;

use crate::site::{Site, request};

#[test]
fn an_answer_is_http_1_1_with_a_date_and_says_that_it_closes() {
    let site = Site::start();
    let before = SystemTime::now();
    let requests = [
        request("GET /", "", ""),
        request("GET /", "Connection: keep-alive\r\n", ""),
        request("GET /nothing", "", ""),
        request("GET /raise", "", ""),
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_vec(),
        b"nonsense\r\n\r\n".to_vec(),
    ];
    for request in &requests {
        // That it returns is the proof that the server has closed.
        for answer in [site.ask(request), site.ask_by_file(request)] {
            assert!(answer.head.starts_with("HTTP/1.1 "), "{}", answer.head);
            assert_eq!(answer.header("Connection"), Some("close"), "{}", answer.head);
            let date = answer.header("Date").and_then(|date| httpdate::parse_http_date(date).ok());
            let age = before.duration_since(date.expect("a date")).unwrap_or_default();
            assert!(age.as_secs() <= 1, "{}", answer.head);
            let length = answer.body.len().to_string();
            assert_eq!(answer.header("Content-Length"), Some(length.as_str()), "{}", answer.head);
        }
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let site = Site::start();
    let answer = site.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((answer.status, answer.text()), (200, "hello\n".into()));
}

#[test]
fn http_1_1_needs_one_host() {
    let site = Site::start();
    assert_eq!(site.ask("GET / HTTP/1.1\r\n\r\n").status, 400);
    assert_eq!(site.ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status, 400);
    assert_eq!(site.ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").status, 200, "RFC 9112, section 3.2");
    assert_eq!(site.ask_by_file("GET / HTTP/1.1\r\n\r\n").status, 400);
    site.goes_on_after("no host");
}

#[test]
fn of_pipelined_requests_the_first_is_answered() {
    let site = Site::start();
    let first = request("GET /", "", "");
    let bytes = [first.clone(), request("GET /pid", "", ""), first].concat();
    for answer in [site.ask(&bytes), site.ask_by_file(&bytes)] {
        assert_eq!(answer.text(), "hello\n", "and no second head behind it");
    }
    site.goes_on_after("three requests at once");
}

#[test]
fn the_answer_to_head_is_that_to_get_without_its_body() {
    let site = Site::start();
    for path in ["/", "/status/404", "/env", "/raise"] {
        let of = |method: &str| site.ask(request(&format!("{method} {path}"), "", ""));
        let (get, head) = (of("GET"), of("HEAD"));
        assert_eq!((head.status, head.text()), (get.status, "".into()), "{path}");
        let header = |name| (head.header(name), get.header(name));
        let (type_of_head, type_of_get) = header("Content-Type");
        assert_eq!(type_of_head, type_of_get, "{path}");
        // /env tells the method, which is one longer.
        let lengths = header("Content-Length");
        assert!(lengths.0 == lengths.1 || path == "/env", "{path}: {lengths:?}");
        assert!(lengths.0.is_some(), "{path}");
    }
    let refused = site.ask("HEAD / HTTP/1.1\r\n\r\n");
    assert_eq!((refused.status, refused.text()), (400, "".into()));
}

#[test]
fn statuses_204_and_304_have_neither_body_nor_length() {
    let site = Site::start();
    for status in [204, 304] {
        let answer = site.ask(request(&format!("GET /status/{status}"), "", ""));
        assert_eq!((answer.status, answer.text()), (status, "".into()));
        assert_eq!(answer.header("Content-Length"), None);
    }
    // Those beside them have both.
    for status in [203, 205, 303, 305] {
        let answer = site.ask(request(&format!("GET /status/{status}"), "", ""));
        assert_eq!(answer.status, status);
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("Content-Length"), Some(length.as_str()));
    }
}

#[test]
fn an_app_that_panics_is_answered_500_and_logged_and_the_worker_lives() {
    let site = Site::start();
    let answer = site.ask(request("GET /raise?why=not", "", ""));
    assert_eq!((answer.status, answer.text()), (500, "Internal Server Error\n".into()));
    let log = site.server.log();
    assert!(log.contains("GET /raise?why=not: the app panicked: the client asked for it"), "{log}");
    assert_eq!(site.ask_by_file(request("GET /raise", "", "")).status, 500);
    site.goes_on_after("two panics");
}
