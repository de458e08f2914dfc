//! The server: what it sends, when it rebuilds, how it ends.

mod common;

use common::server::Server;
use common::{Course, DEADLINE, Done};
use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Instant;

/// Reads events until the next one that carries a book's number.
fn next_book(events: &mut BufReader<TcpStream>) -> Result<String, Box<dyn Error>> {
    // The read's own deadline is not enough: a quiet server still sends comments.
    let start = Instant::now();
    let mut line = String::new();
    while start.elapsed() < DEADLINE {
        line.clear();
        if events.read_line(&mut line)? == 0 {
            return Err("the events ended".into());
        }
        if let Some(number) = line.strip_prefix("data: ") {
            return Ok(number.trim().to_owned());
        }
    }
    Err(format!("no event within {} s", DEADLINE.as_secs()).into())
}

#[test]
fn a_page_is_served_with_a_reloading_script_that_is_not_on_disk() -> Done {
    let course = Course::new("# fork\n\nHello.\n")?;
    let server = Server::start(&course)?;
    let page = server.get("/fork.html")?;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<p>Hello.</p>"), "{page}");
    assert!(page.contains("content-type: text/html; charset=utf-8"), "{page}");
    assert!(page.contains("src=\"/.lab/reload.js\""), "{page}");
    assert!(!course.built("fork.html")?.contains(".lab"));
    assert!(server.get("/.lab/reload.js")?.contains("content-type: text/javascript"));
    assert!(server.get("/")?.contains("Introduction"));
    Ok(())
}

#[test]
fn nothing_but_the_book_is_served() -> Done {
    let server = Server::start(&Course::new("# fork\n")?)?;
    for path in
        ["/gone.html", "/../book.lock", "/%2e%2e/book.lock", "/..%2fbook.lock", "//etc/passwd"]
    {
        let answer = server.get(path)?;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(answer.contains("Document not found"), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn files_have_their_types() -> Done {
    let course = Course::new("# fork\n")?;
    let server = Server::start(&course)?;
    let page = course.built("fork.html")?;
    let link = |end: &str| page.split('"').find(|part| part.ends_with(end)).map(str::to_owned);
    for (end, kind) in [(".css", "text/css"), (".js", "text/javascript"), (".svg", "image/svg+xml")]
    {
        let path = link(end).ok_or(end)?;
        let answer = server.get(&format!("/{path}"))?;
        assert!(answer.contains(&format!("content-type: {kind}")), "{path}: {answer}");
    }
    Ok(())
}

#[test]
fn the_server_listens_on_loopback_only() -> Done {
    let server = Server::start(&Course::new("# fork\n")?)?;
    let listening = |table: &str| -> Result<Vec<String>, Box<dyn Error>> {
        let port = format!(":{:04X}", server.port);
        let rows = fs::read_to_string(format!("/proc/{}/net/{table}", server.lab.id()))?;
        let rows = rows.lines().filter_map(|row| {
            let mut columns = row.split_whitespace().skip(1);
            let (local, state) = (columns.next()?, columns.nth(1)?);
            (local.ends_with(&port) && state == "0A").then(|| local.to_owned())
        });
        Ok(rows.collect())
    };
    assert_eq!(listening("tcp")?, [format!("0100007F:{:04X}", server.port)]);
    assert_eq!(listening("tcp6")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_changed_page_or_source_is_rebuilt_and_announced() -> Done {
    let course = Course::new("# fork\n\n{{#program twice:split}}\n")?;
    let server = Server::start(&course)?;
    let mut events = server.connect("/.lab/events")?;
    let first = next_book(&mut events)?;
    assert!(server.get("/fork.html")?.contains(&format!("data-book=\"{first}\"")));

    course.write("book/src/fork.md", "# fork\n\nNewer.\n\n{{#program twice:split}}\n")?;
    let second = next_book(&mut events)?;
    assert_ne!(first, second);
    assert!(server.get("/fork.html")?.contains("Newer."));
    server.hear("Rebuilt in ")?;

    let source = "// ANCHOR: split\nnewest();\n// ANCHOR_END: split\n";
    course.write("crates/fork/src/bin/twice.rs", source)?;
    next_book(&mut events)?;
    assert!(server.get("/fork.html")?.contains("newest();"));
    Ok(())
}

#[test]
fn a_chapter_that_comes_later_is_watched_too() -> Done {
    let course = Course::new("# fork\n")?;
    let server = Server::start(&course)?;
    let mut events = server.connect("/.lab/events")?;
    next_book(&mut events)?;
    course.write("crates/pipe/Cargo.toml", "[package]\nname = \"pipe\"\n")?;
    course.write("crates/pipe/src/bin/hello.rs", "fn main() { first() }\n")?;
    let summary =
        "# Summary\n\n[Introduction](introduction.md)\n\n- [fork](fork.md)\n- [pipe](pipe.md)\n";
    course.write("book/src/pipe.md", "# pipe\n\n{{#program hello}}\n")?;
    course.write("book/src/SUMMARY.md", summary)?;
    // The files came one by one: what was built before the last of them is not it yet.
    while !server.get("/pipe.html")?.contains("first()") {
        next_book(&mut events)?;
    }
    course.write("crates/pipe/src/bin/hello.rs", "fn main() { second() }\n")?;
    while !server.get("/pipe.html")?.contains("second()") {
        next_book(&mut events)?;
    }
    Ok(())
}

#[test]
fn a_broken_page_is_reported_and_the_old_book_stays() -> Done {
    let course = Course::new("# fork\n\nOld.\n")?;
    let server = Server::start(&course)?;
    course.write("book/src/fork.md", "# fork\n\n{{#program gone}}\n")?;
    server.hear("error: book/src/fork.md:3: no program `gone`")?;
    server.hear("The book stays as it was.")?;
    assert!(server.get("/fork.html")?.contains("Old."));
    course.write("book/src/fork.md", "# fork\n\nOld.\n")?;
    server.hear("Rebuilt in ")?;
    Ok(())
}

#[test]
fn ctrl_c_ends_it_and_leaves_nothing_behind() -> Done {
    let course = Course::new("# fork\n")?;
    let mut server = Server::start(&course)?;
    // An open page must not keep it alive.
    let mut events = server.connect("/.lab/events")?;
    next_book(&mut events)?;
    assert_eq!(server.interrupt()?.code(), Some(0));
    let target = fs::read_dir(course.root().join("target"))?.flatten();
    let mut left: Vec<_> = target.map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["book", "book.lock"]);
    Ok(())
}

#[test]
fn a_taken_default_port_means_the_next_free_one() -> Done {
    // When someone else has it already, that will do as well.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, lab::server::PORT));
    let server = Server::start(&Course::new("# fork\n")?)?;
    assert!(server.port > lab::server::PORT);
    assert!(
        server.first.contains(&format!("so this is port {}.", server.port)),
        "{}",
        server.first
    );
    Ok(())
}

#[test]
fn a_taken_port_that_was_asked_for_is_an_error_with_a_way_out() -> Done {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = taken.local_addr()?.port().to_string();
    let failed = Course::new("# fork\n")?.lab(&["--no-open", "--port", &port]).assert().code(1);
    let said = String::from_utf8(failed.get_output().stderr.clone())?;
    assert!(said.starts_with(&format!("error: port {port} is taken")), "{said}");
    assert!(said.contains("`--port`") && said.lines().count() == 1, "{said}");
    Ok(())
}

#[test]
fn a_port_that_cannot_be_is_a_usage_error() -> Done {
    for port in ["99999", "0", "http"] {
        let failed = Course::new("# fork\n")?.lab(&["--port", port]).assert().code(2);
        let said = String::from_utf8(failed.get_output().stderr.clone())?;
        assert!(said.contains(&format!("'{port}'")) && said.contains("--port"), "{said}");
    }
    Ok(())
}

#[test]
fn a_book_that_is_broken_from_the_start_is_not_served() -> Done {
    let course = Course::new("# fork\n\n{{#program gone}}\n")?;
    let failed = course.lab(&["--no-open"]).assert().code(1).stdout("");
    let said = String::from_utf8(failed.get_output().stderr.clone())?;
    assert!(said.starts_with("error: book/src/fork.md:3: no program `gone`"), "{said}");
    Ok(())
}
