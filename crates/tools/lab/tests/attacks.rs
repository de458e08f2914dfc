//! Whoever is not a page of this server, or asks for what is not offered, gets nothing.

mod common;

use common::server::{Server, Wish};
use common::{Course, DEADLINE, Done};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::symlink;
use std::time::Instant;

/// Says that it ran by a file, which is how a run would be noticed that nobody was told of.
const TELLTALE: &str = "fn main() { println!(\"it ran\") }\n";

const RUN: &str = r#"{"program": "fork/telltale"}"#;

fn server() -> Result<(Course, Server), Box<dyn Error>> {
    let course = Course::with_programs(&[("telltale", TELLTALE)])?;
    let server = Server::start(&course)?;
    Ok((course, server))
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[test]
fn our_own_page_is_served_and_every_other_one_is_refused() -> Done {
    let (_course, server) = server()?;
    let wish = server.wish("run", RUN);
    let port = server.port;
    let wrong: Vec<(&str, Wish, &str)> = vec![
        ("no token", wish.clone().without("X-Lab-Token"), "401"),
        ("a wrong token", wish.clone().with("X-Lab-Token", &"0".repeat(32)), "401"),
        ("a part of the token", wish.clone().with("X-Lab-Token", &server.token[..31]), "401"),
        (
            "a token and more",
            wish.clone().with("X-Lab-Token", &format!("{}0", server.token)),
            "401",
        ),
        ("two tokens", wish.clone().and("X-Lab-Token", &server.token), "401"),
        ("another host", wish.clone().with("Host", "evil.example"), "421"),
        ("another port", wish.clone().with("Host", "127.0.0.1:1"), "421"),
        (
            "a host that only begins like ours",
            wish.clone().with("Host", &format!("127.0.0.1:{port}.evil.example")),
            "421",
        ),
        ("no host", wish.clone().without("Host"), "400"),
        ("two hosts", wish.clone().and("Host", "evil.example"), "400"),
        ("the same host twice", wish.clone().and("Host", &format!("127.0.0.1:{port}")), "400"),
        ("another origin", wish.clone().with("Origin", "http://evil.example"), "403"),
        ("another port's origin", wish.clone().with("Origin", "http://127.0.0.1:1"), "403"),
        ("https", wish.clone().with("Origin", &format!("https://127.0.0.1:{port}")), "403"),
        (
            "localhost's page, sent to 127.0.0.1",
            wish.clone().with("Origin", &format!("http://localhost:{port}")),
            "403",
        ),
        ("the null origin", wish.clone().with("Origin", "null"), "403"),
        ("no origin", wish.clone().without("Origin"), "403"),
        ("another site", wish.clone().with("Sec-Fetch-Site", "cross-site"), "403"),
        ("another port of this machine", wish.clone().with("Sec-Fetch-Site", "same-site"), "403"),
        ("a form", wish.clone().with("Content-Type", "text/plain"), "415"),
        (
            "another form",
            wish.clone().with("Content-Type", "application/x-www-form-urlencoded"),
            "415",
        ),
        ("no type", wish.clone().without("Content-Type"), "415"),
    ];
    for (what, wish, expected) in wrong {
        let answer = server.ask(&wish)?;
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert!(
            !answer.contains("it ran") && !answer.contains("\"is\":\"run\""),
            "{what}: {answer}"
        );
        assert!(!answer.to_lowercase().contains("access-control-allow"), "{what}: {answer}");
    }
    let answer = server.ask(&wish)?;
    assert!(answer.contains("it ran") && answer.contains("exited with 0"), "{answer}");
    Ok(())
}

#[test]
fn nothing_is_done_for_another_method_or_another_form_of_address() -> Done {
    let (_course, server) = server()?;
    let wish = server.wish("run", RUN);
    let port = server.port;
    for first in [
        "GET /.lab/run HTTP/1.1".to_owned(),
        "HEAD /.lab/run HTTP/1.1".into(),
        "PUT /.lab/run HTTP/1.1".into(),
        "DELETE /.lab/stop HTTP/1.1".into(),
        "OPTIONS /.lab/run HTTP/1.1".into(),
        "OPTIONS * HTTP/1.1".into(),
        "CONNECT 127.0.0.1:22 HTTP/1.1".into(),
        format!("POST http://127.0.0.1:{port}/.lab/run HTTP/1.1"),
        "POST http://evil.example/.lab/run HTTP/1.1".into(),
        "GET http://evil.example/ HTTP/1.1".into(),
        "POST /.lab/run HTTP/1.0".into(),
        "POST /.lab/../.lab/run HTTP/1.1".into(),
        "POST /.LAB/RUN HTTP/1.1".into(),
        "POST //.lab/run HTTP/1.1".into(),
        "POST /.lab/run/ HTTP/1.1".into(),
        "POST /.lab/%72un HTTP/1.1".into(),
    ] {
        let answer = server.ask(&Wish { first: first.clone(), ..wish.clone() })?;
        assert!(
            status(&answer).starts_with('4') || status(&answer).starts_with("505"),
            "{first}: {answer}"
        );
        assert!(!answer.contains("it ran"), "{first}: {answer}");
        assert!(!answer.to_lowercase().contains("access-control-allow"), "{first}: {answer}");
    }
    Ok(())
}

#[test]
fn what_another_site_makes_a_browser_load_is_refused_but_a_link_may_be_followed() -> Done {
    let (_course, server) = server()?;
    let get = |path: &str, headers: &[(&str, &str)]| {
        let wish =
            server.wish("", "").without("Origin").without("Content-Type").without("Sec-Fetch-Site");
        let wish = Wish { first: format!("GET {path} HTTP/1.1"), ..wish };
        server.ask(&headers.iter().fold(wish, |wish, (name, value)| wish.and(name, value)))
    };
    let link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    assert_eq!(status(&get("/fork.html", &link)?), "200");
    assert_eq!(status(&get("/.lab/events", &link)?), "403");
    let frame = [link[0], link[1], ("Sec-Fetch-Dest", "iframe")];
    assert_eq!(status(&get("/fork.html", &frame)?), "403");
    let script = [link[0], ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "script")];
    for path in ["/.lab/lab.js", "/.lab/events", "/fork.html"] {
        assert_eq!(status(&get(path, &script)?), "403", "{path}");
    }
    Ok(())
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() -> Done {
    let (_course, server) = server()?;
    let page = server.get("/fork.html")?;
    let policy = page
        .lines()
        .find(|line| line.starts_with("content-security-policy: "))
        .ok_or("no policy")?;
    for part in [
        "default-src 'none'",
        "script-src 'self' 'sha256-",
        "connect-src 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    let scripts = policy.split(';').find(|part| part.contains("script-src")).unwrap_or_default();
    assert!(!scripts.contains("unsafe"), "{scripts}");
    let refused = server.ask(&server.wish("run", RUN).without("X-Lab-Token"))?;
    for answer in [page, server.get("/gone.html")?, server.get("/.lab/lab.js")?, refused] {
        for header in [
            "content-security-policy: ",
            "x-content-type-options: nosniff",
            "x-frame-options: SAMEORIGIN",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(answer.contains(header), "{header}: {answer}");
        }
    }
    Ok(())
}

#[test]
fn only_programs_that_a_page_shows_are_run_and_only_as_declared() -> Done {
    let (course, server) = server()?;
    // There, and on no page.
    course.write("crates/fork/src/bin/hidden.rs", TELLTALE)?;
    let unknown = [
        "fork/hidden",
        "fork/nosuch",
        "fork/../fork/telltale",
        "../../etc/passwd",
        "/bin/sh",
        "fork/telltale/",
        "fork//telltale",
        "telltale",
        "fork/telltale\\u0000",
        "",
    ];
    for program in unknown {
        let answer = server.ask(&server.wish("run", &format!("{{\"program\": \"{program}\"}}")))?;
        assert!(["404", "400"].contains(&status(&answer)), "{program}: {answer}");
    }
    for body in [
        r#"{"program": "fork/telltale", "arguments": ["--help"]}"#,
        r#"{"program": "fork/telltale", "input": "text"}"#,
        r#"{"program": "fork/telltale", "order": "--policy"}"#,
    ] {
        let answer = server.ask(&server.wish("run", body))?;
        assert_eq!(status(&answer), "422", "{body}: {answer}");
    }
    for body in
        ["", "null", "{", r#"{"program": "fork/telltale", "env": {"A": "b"}}"#, r#"{"program": 7}"#]
    {
        let answer = server.ask(&server.wish("run", body))?;
        assert_eq!(status(&answer), "400", "{body}: {answer}");
    }
    Ok(())
}

#[test]
fn runs_exercises_and_signals_of_unknown_names_are_not_found() -> Done {
    let (_course, server) = server()?;
    for (what, body, expected) in [
        ("stop", r#"{"run": "0000000000000000"}"#, "404"),
        ("stop", r#"{"run": "../../1"}"#, "404"),
        ("signal", r#"{"run": "0000000000000000", "signal": "KILL", "pid": 1}"#, "404"),
        ("signal", r#"{"run": "", "signal": "NOSUCH"}"#, "422"),
        ("request", r#"{"run": "", "path": "/"}"#, "404"),
        ("load", r#"{"run": "", "seconds": 1000000}"#, "404"),
        ("exercise", r#"{"exercise": "../../../etc"}"#, "404"),
        ("hint", r#"{"exercise": "nosuch", "number": 1}"#, "404"),
    ] {
        let answer = server.ask(&server.wish(what, body))?;
        assert_eq!(status(&answer), expected, "{what} {body}: {answer}");
    }
    Ok(())
}

#[test]
fn no_path_and_no_link_leads_out_of_the_book() -> Done {
    let (course, server) = server()?;
    let secret = course.root().join("secret.html");
    std::fs::write(&secret, "secret")?;
    // Served is what was built, from memory: what is put there afterwards is not part of it.
    symlink(&secret, course.root().join("target/book/link.html"))?;
    symlink(course.root(), course.root().join("target/book/folder"))?;
    for path in [
        "/link.html",
        "/folder/secret.html",
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/..%2f..%2fsecret.html",
        "/%252e%252e/secret.html",
        "/..%5c..%5csecret.html",
        "/./../../secret.html",
        "/fork.html%00.html",
        "/%c0%ae%c0%ae/secret.html",
        "/book.toml",
        "/.git/config",
    ] {
        let answer = server.get(path)?;
        assert_eq!(status(&answer), "404", "{path}: {answer}");
        assert!(!answer.contains("secret\r") && !answer.ends_with("secret"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn who_says_too_much_or_nothing_at_all_is_not_waited_for() -> Done {
    let (_course, server) = server()?;
    let long = format!("{{\"program\": \"{}\"}}", "x".repeat(20_000));
    assert_eq!(status(&server.ask(&server.wish("run", &long))?), "413");

    let chunked = server.wish("run", "").and("Transfer-Encoding", "chunked").text();
    let chunked = chunked.replace("Content-Length: 0\r\n", "");
    let chunks = format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(4);
    assert_eq!(status(&server.send(format!("{chunked}{chunks}0\r\n\r\n").as_bytes())?), "413");

    let heads = "A: b\r\n".repeat(5_000);
    let answer = server.send(format!("GET / HTTP/1.1\r\n{heads}\r\n").as_bytes())?;
    assert!(["431", "400", "none"].contains(&status(&answer)), "{answer}");

    // Each is cut off by the server, while we wait for ever.
    let slow = ["", "GET / HTTP/1.1\r\nHost:", &server.wish("run", RUN).text()[..200]];
    let body = server.wish("run", RUN).text();
    for begun in slow.into_iter().chain([&body[..body.len() - 5]]) {
        let start = Instant::now();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(begun.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(!answer.contains("it ran") && start.elapsed() < DEADLINE, "{begun}: {answer}");
    }
    Ok(())
}

#[test]
fn two_requests_smuggled_into_one_are_not_two() -> Done {
    let (_course, server) = server()?;
    let inner = server.wish("run", RUN).text();
    // Both lengths: one of them is wrong (RFC 9112, 6.3).
    let outer = server.wish("stop", "0\r\n\r\n").and("Transfer-Encoding", "chunked").text();
    let answer = server.send(format!("{outer}{inner}").as_bytes())?;
    assert!(!answer.contains("it ran"), "{answer}");
    Ok(())
}

#[test]
fn the_token_stands_in_the_address_and_in_no_answer() -> Done {
    let (_course, server) = server()?;
    assert_eq!(server.token.len(), 32);
    for path in ["/", "/fork.html", "/.lab/lab.js", "/.lab/server.js"] {
        assert!(!server.get(path)?.contains(&server.token), "{path}");
    }
    let again = Server::start(&Course::new("# fork\n")?)?;
    assert_ne!(again.token, server.token, "each server has its own");
    Ok(())
}
