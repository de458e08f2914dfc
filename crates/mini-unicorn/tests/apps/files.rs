//! Static files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use crate::site::{Site, request};

/// A directory `site` with a secret beside it, and its site.
fn site() -> (TempDir, Site) {
    let scratch = tempfile::tempdir().expect("there is room");
    let site = scratch.path().join("site");
    let file = |path: &str, text: &str| {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
        fs::write(path, text).expect("there is room");
    };
    file("secret", "secret");
    file("site/index.html", "<p>ünïcorn");
    file("site/data.unheard-of", "\0\u{1}");
    file("site/style.css", "p {}");
    file("site/empty", "");
    file("site/a b/index.html", "in a b");
    file("site/no-index/file", "file");
    file("site/%2e", "per cent");
    let site = Site::start(&format!("files:{}", site.display()), "60");
    (scratch, site)
}

#[test]
fn a_file_comes_with_its_type_its_length_and_its_date() {
    let (_scratch, site) = site();
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<p>ünïcorn"),
        ("/index.html", "text/html; charset=utf-8", "<p>ünïcorn"),
        ("/style.css?v=1", "text/css; charset=utf-8", "p {}"),
        ("/data.unheard-of", "application/octet-stream", "\0\u{1}"),
        ("/empty", "application/octet-stream", ""),
        ("/a%20b/", "text/html; charset=utf-8", "in a b"),
        ("//a%20b//index.html", "text/html; charset=utf-8", "in a b"),
    ] {
        let answer = site.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, body), "{path}");
        assert_eq!(answer.header("Content-Type"), Some(kind), "{path}");
        assert_eq!(answer.header("Content-Length"), Some(&*body.len().to_string()), "{path}");
        assert!(answer.header("Last-Modified").is_some_and(|date| date.ends_with(" GMT")));
        let head = site.ask(&request("HEAD", path, "", b""));
        assert_eq!((head.text().as_str(), head.header("Content-Type")), ("", Some(kind)));
    }
}

#[test]
fn a_file_is_only_read() {
    let (_scratch, site) = site();
    for method in ["POST", "PUT", "DELETE"] {
        let answer = site.ask(&request(method, "/index.html", "", b"x"));
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_copy_that_is_as_new_is_not_sent_again() {
    let (scratch, site) = site();
    let file = File::options().write(true).open(scratch.path().join("site/style.css"));
    let file = file.expect("it is ours");
    // 1994-11-06 08:49:37, and a bit, which HTTP can't say.
    let time = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
    file.set_modified(time).expect("it is ours");
    let ask = |headers: &str| site.ask(&request("GET", "/style.css", headers, b""));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(ask("").header("Last-Modified"), Some(date));
    for (since, status) in [
        (date, 304),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 304),
        ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("the day before yesterday", 200),
    ] {
        let answer = ask(&format!("If-Modified-Since: {since}\r\n"));
        assert_eq!(
            (answer.status, answer.header("Last-Modified")),
            (status, Some(date)),
            "{since}"
        );
        assert_eq!(answer.text().is_empty(), status == 304);
    }
    let other = format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n");
    assert_eq!(ask(&other).status, 200, "the other question counts");

    let to_come = SystemTime::now() + Duration::from_secs(3600);
    for out_of_range in [to_come, UNIX_EPOCH - Duration::from_secs(1)] {
        file.set_modified(out_of_range).expect("it is ours");
        let answer = ask("");
        assert_eq!((answer.status, answer.header("Last-Modified")), (200, None));
    }
}

#[test]
fn a_directory_without_its_slash_is_redirected_within_this_site() {
    let (_scratch, site) = site();
    for (path, location) in [
        ("/no-index", "/no-index/"),
        ("/no-index?a=b", "/no-index/?a=b"),
        ("/a%20b", "/a%20b/"),
        ("//no-index", "/no-index/"),
        ("//evil.example/%2e%2e/no-index", ""),
        ("/a%20b/../no-index", "/a%20b/../no-index/"),
    ] {
        let answer = site.get(path);
        let expected = if location.is_empty() { (404, None) } else { (301, Some(location)) };
        assert_eq!((answer.status, answer.header("Location")), expected, "{path}");
    }
    assert_eq!(site.get("/no-index/").status, 404, "nobody gets a list");
}

#[test]
fn no_path_leads_out_of_the_directory() {
    let (scratch, site) = site();
    let folder = scratch.path().join("site");
    for (to, name) in [
        (scratch.path().join("secret"), "absolute"),
        ("../secret".into(), "relative"),
        ("..".into(), "up"),
        ("/proc/self/root".into(), "magic"),
        (folder.join("style.css"), "absolute-but-inside"),
        ("style.css".into(), "inside"),
        ("loop".into(), "loop"),
    ] {
        symlink(to, folder.join(name)).expect("there is room");
    }
    for (path, status) in [
        ("/../secret", 404),
        ("/a%20b/../../secret", 404),
        ("/%2e%2e/secret", 404),
        ("/..%2fsecret", 400),
        ("/index.html%00.css", 400),
        ("/absolute", 404),
        ("/relative", 404),
        ("/up/secret", 404),
        ("/magic/etc/passwd", 404),
        ("/absolute-but-inside", 404),
        ("/loop", 404),
        ("/inside", 200),
        ("/a%20b/../style.css", 200),
        ("/%252e", 200), // decoded once, it is `%2e`, and that is a file
        ("/style.css/", 404),
        ("/style.css/x", 404),
        (&format!("/{}", "x".repeat(300)), 404),
    ] {
        let answer = site.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
    }
}

#[test]
fn what_is_no_plain_file_is_not_waited_for() {
    let (scratch, site) = site();
    let folder = scratch.path().join("site");
    mkfifo(&folder.join("fifo"), Mode::S_IRWXU).expect("there is room");
    let _listener = UnixListener::bind(folder.join("socket")).expect("there is room");
    fs::create_dir_all(folder.join("odd/index.html")).expect("there is room");
    for path in ["/fifo", "/socket", "/odd/"] {
        assert_eq!(site.get(path).status, 404, "{path}");
    }
    let locked = folder.join("locked");
    fs::write(&locked, "").expect("there is room");
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).expect("it is ours");
    // Nothing is locked for root.
    let status = if File::open(&locked).is_ok() { 200 } else { 403 };
    assert_eq!(site.get("/locked").status, status);
}
