//! What becomes of a request's body.

use super::*;

#[test]
fn a_bad_body_is_never_answered_with_200() {
    let head = "POST / HTTP/1.1\r\nHost: h\r\n";
    for (rest, expected) in [
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nz\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", ""),
        ("Content-Length: 9\r\n\r\nhello", ""),
    ] {
        let bytes = format!("{head}{rest}");
        for careless in [false, true] {
            let (answer, _) = ask(bytes.as_bytes(), |mut request| {
                let outcome = request.body_mut().read_to_end(&mut Vec::new());
                assert!(outcome.is_err());
                if careless { says("fine") } else { Err("no body".into()) }
            });
            assert!(answer.starts_with(expected) && answer.is_empty() == expected.is_empty());
        }
    }
}

#[test]
fn a_client_that_waits_is_told_to_go_on_when_the_body_is_wanted() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let (mut client, server) = connection();
    let worker = thread::spawn(move || serve(server, echo));
    client.write_all(head).expect("room for it");
    let mut leave = [0; 25];
    client.read_exact(&mut leave).expect("an interim answer");
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"ok").expect("room for it");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an orderly end");
    assert_eq!(split(&answer).1, b"ok");
    worker.join().expect("no panic");

    let (answer, _) = ask(head, |_| says("the body does not matter"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (answer, _) = ask(&[&head[..], b"ok"].concat(), echo);
    assert!(answer.starts_with("HTTP/1.1 200 "), "the body was there already: {answer}");

    // One read takes no more than 16 kB, so a part of this is there, and more is waited for.
    let head =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\nExpect: 100-continue\r\n\r\n";
    let (answer, body) = ask(&[head.as_bytes(), &large(20_000)].concat(), echo);
    assert!(answer.starts_with("HTTP/1.1 200 "), "the body had begun to come: {answer}");
    assert!(body == large(20_000));
}

#[test]
fn a_large_body_comes_back_whole_from_memory_and_from_a_file() {
    let file = |request: Request<Body<'_>>| {
        Ok(Response::new(Reply::file(request.into_body().into_file()?)?))
    };
    let spool = |request: Request<Body<'_>>| {
        let spooled = request.into_body().spool()?;
        Ok(Response::new(Reply::spooled(spooled)?))
    };
    let apps: [fn(Request<Body<'_>>) -> Outcome; 3] = [echo, file, spool];
    let lengths = [0, 112 * 1024, 112 * 1024 + 1, 3_000_001];
    for (app, length) in apps.iter().flat_map(|&app| lengths.map(|length| (app, length))) {
        let (mut client, server) = connection();
        let worker = thread::spawn(move || serve(server, app));
        let body = large(length);
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        client.write_all(head.as_bytes()).expect("room for it");
        client.write_all(&body).expect("somebody reads it");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("an orderly end");
        assert!(split(&answer).1 == body, "{length} bytes");
        worker.join().expect("no panic");
    }
}
