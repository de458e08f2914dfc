//! CGI: what a script is told, and what its answer means.

use std::env;
use std::process::Command;

use story::DEADLINE;

use crate::site::{Site, read, request};

/// `name=value`, from what the script `env` has answered.
fn told<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

#[test]
fn a_script_is_told_of_its_request_and_of_nothing_else() {
    let site = Site::of_scripts("60");
    let headers = "Content-Type: text/x\r\nFoo-Bar: yes\r\nFoo_Bar: no\r\nFoo.Bar: no\r\n\
                   Proxy: evil\r\nAuthorization: Basic x\r\nProxy-Authorization: x\r\n\
                   Two: 1\r\nTwo: 2\r\nCookie: a\r\nCookie: b\r\nTE: x\r\n";
    let answer = site.ask(&request("PUT", "/sub/env/more/%41%20b//?x=%20&y", headers, b"12345"));
    let text = answer.text();
    let (name, port) = ("127.0.0.1", site.server.address().rsplit(':').next().unwrap_or_default());
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/apps/cgi/sub");
    let expected = [
        "CONTENT_LENGTH=5",
        "CONTENT_TYPE=text/x",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_COOKIE=a; b",
        "HTTP_FOO_BAR=yes",
        "HTTP_HOST=here",
        "HTTP_TWO=1, 2",
        &format!("PATH={}", env::var("PATH").expect("the test has one")),
        "PATH_INFO=/more/A b//",
        "QUERY_STRING=x=%20&y",
        &format!("REMOTE_ADDR={name}"),
        "REQUEST_METHOD=PUT",
        "SCRIPT_NAME=/sub/env",
        "SERVER_NAME=here",
        &format!("SERVER_PORT={port}"),
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=mini-unicorn/", env!("CARGO_PKG_VERSION")),
        &format!("in {directory}"),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_script_without_a_body_has_an_empty_input_and_no_length() {
    let site = Site::of_scripts("60");
    let answer = site.ask(b"GET /sub/env HTTP/1.0\r\n\r\n");
    let text = answer.text();
    assert_eq!(told(&text, "CONTENT_LENGTH"), None);
    assert_eq!(told(&text, "SERVER_PROTOCOL"), Some("HTTP/1.0"));
    assert_eq!(told(&text, "SERVER_NAME"), Some("127.0.0.1"));
    assert_eq!((told(&text, "PATH_INFO"), told(&text, "QUERY_STRING")), (Some(""), Some("")));
    // `say` answers with its input: if that did not end, this would take as long as the deadline.
    assert_eq!(site.get("/say").status, 502);
    site.server.wait_for("it ended before its head did");
}

#[test]
fn a_body_in_chunks_has_a_length_by_the_time_that_the_script_gets_it() {
    let site = Site::of_scripts("60");
    let chunks = b"POST /sub/env HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    let text = site.ask(chunks).text();
    assert_eq!(told(&text, "CONTENT_LENGTH"), Some("7"));
    assert_eq!(told(&text, "HTTP_TRANSFER_ENCODING"), None);
    assert_eq!(told(&text, "SERVER_NAME"), Some("[::1]"));
}

#[test]
fn a_large_body_goes_through_a_script_unchanged() {
    let site = Site::of_scripts("60");
    let large: Vec<u8> = (0..1_000_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
    let answer = site.post("/say", [b"Content-Type: a/b\n\n", &large[..]].concat());
    assert!(answer.status == 200 && answer.body == large, "{}", answer.body.len());
}

#[test]
fn a_path_finds_its_script_or_says_why_not() {
    let site = Site::of_scripts("60");
    for (path, status) in [
        ("/sub/env", 200),
        ("/inside/x", 200), // a symbolic link to sub/env
        ("/%73ub/env", 200),
        ("/", 404),
        ("/nothing", 404),
        ("/sub", 404),
        ("/sub/", 404),
        ("//sub/env", 404),
        ("/sub/../../cgi/sub/env", 404),
        ("/sub/env/../x", 404),
        ("/outside", 404), // a symbolic link to /bin/true
        ("/sub%2fenv", 400),
        ("/sub/env%00", 400),
        ("/plain", 403),
        ("/lost", 500),
    ] {
        assert_eq!(site.get(path).status, status, "{path}");
    }
    site.server.wait_for("/plain: cannot be run: Permission denied");
    site.server.wait_for("/lost: No such file or directory");
}

#[test]
fn a_head_ends_in_either_way_and_says_what_the_answer_is() {
    let site = Site::of_scripts("60");
    for (said, status, name, value, body) in [
        ("Content-Type: a/b\n\nx\n\ny", 200, "Content-Type", Some("a/b"), "x\n\ny"),
        ("Content-Type:a/b  \r\n\r\nx", 200, "Content-Type", Some("a/b"), "x"),
        ("Status: 404 Gone Fishing\n\nx", 404, "Status", None, "x"),
        ("status: 299\r\nX-A: b\n\r\n", 299, "x-a", Some("b"), ""),
        ("Location: http://a/b\n\n", 302, "Location", Some("http://a/b"), ""),
        ("Location: /a/b?c\n\n", 302, "Location", Some("/a/b?c"), ""),
        ("Status: 307\nLocation: /a\n\n", 307, "Location", Some("/a"), ""),
        ("Location: /a\nStatus: 201\n\n", 201, "Location", Some("/a"), ""),
        ("Content-Type: a/b\nConnection: keep-alive\n\n", 200, "Connection", Some("close"), ""),
        ("Status: 200\nTransfer-Encoding: chunked\n\nx", 200, "Transfer-Encoding", None, "x"),
        ("Status: 200\nUpgrade: x\n\n", 200, "Upgrade", None, ""),
        ("Status: 200\nContent-Length: 2\n\nxy", 200, "Content-Length", Some("2"), "xy"),
        ("Status: 200\nContent-Length: 2\n\nxyz", 200, "Content-Length", Some("2"), "xy"),
        ("Status: 200\nContent-Length: 0\n\nxyz", 200, "Content-Length", Some("0"), ""),
        ("Status: 200\n\nxy", 200, "Content-Length", None, "xy"),
        ("Status: 204\n\n", 204, "Content-Length", None, ""),
    ] {
        let answer = site.post("/say", said);
        let of_interest = (answer.status, answer.header(name), answer.text());
        assert_eq!(of_interest, (status, value, body.to_string()), "{said:?}");
    }
    let cookies = site.post("/say", "Status: 200\nSet-Cookie: a\nSet-Cookie: b\n\n").head;
    assert_eq!(cookies.to_ascii_lowercase().matches("set-cookie: ").count(), 2, "{cookies}");
}

#[test]
fn a_head_that_makes_no_sense_is_a_bad_gateway_and_says_so_in_the_log() {
    let site = Site::of_scripts("60");
    let long = format!("X: {}\n\n", "x".repeat(112 * 1024));
    let no_header = "its head has a line that is no header";
    for (said, logged) in [
        ("hello\n\n", no_header),
        ("Content-Type: a/b\nno header\n\n", no_header),
        ("Content-Type : a/b\n\n", no_header),
        ("Content-Type: a/b\rSet-Cookie: c\n\n", no_header),
        ("Content-Type: a/b\n folded: c\n\n", no_header),
        ("Content-Type: a\0b\n\n", no_header),
        ("Status: 100 Continue\n\n", no_header),
        ("Status: 2000\n\n", no_header),
        ("Status: 200\nStatus: 404\n\n", no_header),
        ("\nbody", "its head has no Content-Type, no Status and no Location"),
        ("X-A: b\n\n", "its head has no Content-Type, no Status and no Location"),
        ("Status: 200\nContent-Length: 1x\n\n", "its Content-Length is no number"),
        (
            "Status: 200\nContent-Length: 1\nContent-Length: 1\n\n",
            "its Content-Length is no number",
        ),
        ("Content-Type: a/b\n", "it ended before its head did"),
        (&long, "its head is longer than 112 kB"),
    ] {
        let before = site.server.log().matches(logged).count();
        let answer = site.post("/say", said);
        assert_eq!((answer.status, answer.header("Set-Cookie")), (502, None), "{said:.40?}");
        site.server.wait_for_times(logged, before + 1);
    }
}

#[test]
fn an_answer_that_is_shorter_than_its_length_does_not_look_whole() {
    let site = Site::of_scripts("60");
    let said = b"Status: 200\nContent-Length: 9\n\nxy";
    let (answer, end) = read(site.connect(&request("POST", "/say", "", said)));
    let left_out = answer.header("Content-Length") == Some("9") && answer.body.len() < 9;
    assert!(left_out || end.is_err(), "{answer:?}");
    site.server.wait_for("7 bytes too early");
}

#[test]
fn git_clones_through_its_own_cgi_program() {
    let git = |args: &[&str]| {
        let mut git = assert_cmd::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=b@c"]).args(args).timeout(DEADLINE);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
        git.env("no_proxy", "127.0.0.1");
        let run = git.assert().success();
        String::from_utf8_lossy(&run.get_output().stdout).trim_end().to_string()
    };
    let exec_path = Command::new("git").arg("--exec-path").output();
    let backend = exec_path.map(|it| String::from_utf8_lossy(&it.stdout).trim_end().to_string());
    if !backend.is_ok_and(|path| std::path::Path::new(&path).join("git-http-backend").exists()) {
        eprintln!("not run: this machine has no git-http-backend");
        return;
    }
    let scratch = tempfile::tempdir().expect("there is room");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    git(&["init", "-q", &path("a")]);
    std::fs::write(scratch.path().join("a/file"), "x\n".repeat(100_000)).expect("there is room");
    git(&["-C", &path("a"), "add", "."]);
    git(&["-C", &path("a"), "commit", "-qm", "one"]);

    let site = Site::of_scripts("60");
    let url = format!("http://{}/git/a/.git", site.server.address());
    let header = format!("http.extraHeader=X-Repositories: {}", scratch.path().display());
    git(&["-c", &header, "clone", "-q", &url, &path("b")]);
    let tip = |name| git(&["-C", &path(name), "rev-parse", "HEAD"]);
    assert_eq!(tip("a"), tip("b"), "{}", site.server.log());
}
