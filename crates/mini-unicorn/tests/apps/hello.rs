//! The app for trying the site.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::server::Server;
use crate::site::{Site, request};

#[test]
fn each_path_of_hello_answers_as_the_table_says() {
    let site = Site::start("hello", "60");
    let told = |path| {
        let answer = site.get(path);
        (answer.status, answer.text())
    };
    assert_eq!(told("/"), (200, "hello\n".into()));
    assert_eq!(told("/pid"), (200, format!("{}\n", site.worker())));
    assert_eq!(told("/ppid"), (200, format!("{}\n", site.server.master())));
    let env = "method: GET\npath: /env\nquery: a=b\nhost: here\n";
    assert_eq!(told("/env?a=b"), (200, env.into()));
    assert_eq!(told("/status/418"), (418, "I'm a teapot\n".into()));
    assert_eq!(told("/status/204"), (204, "".into()));
    for path in ["/nothing", "/sleep", "/status/", "/status/100", "/status/1000"] {
        assert!([400, 404].contains(&told(path).0), "{path}: {:?}", told(path));
    }
}

#[test]
fn hello_sleeps_for_decimal_seconds_and_for_nothing_else() {
    let site = Site::start("hello", "60");
    let start = Instant::now();
    assert_eq!(site.get("/sleep/0.25").text(), "slept 0.25 s\n");
    assert!(start.elapsed() >= Duration::from_millis(250));
    for odd in ["-1", "NaN", "inf", "1e3", "", ".", "1.2.3", &"9".repeat(40)] {
        assert_eq!(site.get(&format!("/sleep/{odd}")).status, 400, "{odd}");
    }
}

#[test]
fn hello_echoes_a_small_body_and_a_large_one() {
    let site = Site::start("hello", "60");
    assert_eq!(site.post("/echo", "to and fro").text(), "to and fro");
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
    assert!(site.post("/echo", &large).body == large);
}

#[test]
fn the_trial_app_takes_any_method() {
    let site = Site::start("hello", "60");
    let echo = site.get("/echo");
    assert_eq!((echo.status, echo.text()), (200, "".into()));
    assert_eq!(site.post("/", "x").text(), "hello\n");
    let head = site.ask(&request("HEAD", "/", "", b""));
    assert_eq!(
        (head.status, head.header("Content-Length"), head.text()),
        (200, Some("6"), "".into())
    );
}

#[test]
fn a_panic_costs_a_request_and_die_a_worker() {
    let site = Site::start("hello", "60");
    let worker = site.worker();
    assert_eq!(site.get("/raise").status, 500);
    site.server.wait_for("the client asked for it");
    assert_eq!(site.worker(), worker);
    drop(site.connect(b"GET /die HTTP/1.0\r\n\r\n"));
    site.server.wait_for(&format!("pid {worker}: exit code 1"));
    assert_ne!(site.get("/pid").text(), format!("{worker}\n"));
}

#[test]
fn an_app_that_is_not_there_is_named_with_those_that_are() {
    for (app, told) in [
        ("hullo", "no app is called `hullo`: take hello, files:DIR or cgi:DIR"),
        ("files:", "no app is called `files:`"),
        ("files:/no/such", "cannot serve /no/such: No such file or directory"),
        ("cgi:/etc/passwd", "cannot serve /etc/passwd: Not a directory"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mini-unicorn"));
        let output = command.args(["--check", "--app", app]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(told), "{app}: {stderr}");
    }
}

#[test]
fn own_app_counts_in_each_worker_by_itself() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own_app"));
    command.args(["--listen", "127.0.0.1:0"]);
    let server = Server::run(tempfile::tempdir().expect("there is room"), command);
    let first = server.wait_for_workers(1)[0];
    let told = |count, worker| format!("hello from /a: greeting {count} of worker {worker}\n");
    assert_eq!(server.get("/a?b").text(), told(1, first));
    assert_eq!(server.get("/a").text(), told(2, first));
    kill(first, Signal::SIGKILL).expect("it lives");
    server.wait_for(&format!("pid {first}: killed by SIGKILL"));
    let second = server.wait_for_workers(1)[0];
    assert_eq!(server.get("/a").text(), told(1, second));
}
