//! Programs that pages run: what is told, what ends them, and that nothing is left of them.

mod common;

use common::server::{Messages, Server};
use common::{Course, DEADLINE, Done};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

/// What the programs do.
const PROGRAMS: [(&str, &str); 7] = [
    (
        "hello",
        "fn main() { println!(\"out\"); eprintln!(\"err <b>\\u{1b}[31m</b>\"); std::process::exit(3) }",
    ),
    ("flood", "fn main() { loop { println!(\"{}\", \"x\".repeat(1000)) } }"),
    ("spin", "fn main() { println!(\"spinning\"); loop { std::hint::spin_loop() } }"),
    // Reads a pipe whose write end it holds itself.
    (
        "hang",
        "use std::io::Read; fn main() { let (mut r, _w) = std::io::pipe().unwrap(); r.read(&mut [0]).unwrap(); }",
    ),
    (
        "bomb",
        "fn main() { let me = std::env::current_exe().unwrap(); let mut made = 0; \
         if std::env::var(\"CHILD\").is_err() { while made < 1000 { \
         match std::process::Command::new(&me).env(\"CHILD\", \"1\").spawn() { Ok(_) => made += 1, Err(e) => { println!(\"{e}\"); break } } } \
         println!(\"made {made}\"); } loop { std::thread::park() } }",
    ),
    (
        "runaway",
        "fn main() { let me = std::env::current_exe().unwrap(); if std::env::var(\"CHILD\").is_err() { \
         std::process::Command::new(\"setsid\").arg(&me).env(\"CHILD\", \"1\").spawn().unwrap(); println!(\"runaway\"); } \
         loop { std::thread::park() } }",
    ),
    (
        "copy",
        "fn main() { std::io::copy(&mut std::io::stdin(), &mut std::io::stdout()).unwrap(); }",
    ),
];

const DECLARED: &str = r#"
["fork/spin"]
seconds = 60
signals = ["TERM"]
["fork/runaway"]
seconds = 60
signals = ["TERM"]
["fork/bomb"]
undrawn = true
seconds = 5
["fork/copy"]
input = "given"
["fork/hello"]
arguments = [{ name = "n", like = "[0-9]" }]
"#;

fn server() -> Result<(Course, Server), Box<dyn Error>> {
    let course = Course::with_programs(&PROGRAMS)?;
    course.write("book/programs.toml", DECLARED)?;
    let server = Server::start(&course)?;
    Ok((course, server))
}

fn run(server: &Server, program: &str) -> Result<Messages, Box<dyn Error>> {
    server.follow(&server.wish("run", &format!("{{\"program\": \"fork/{program}\"}}")))
}

/// The processes that run a program of this course, by its path.
fn alive(course: &Course) -> Vec<String> {
    let place = course.root().join("target/debug");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let programs = processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok());
    programs
        .filter(|program| program.starts_with(&place))
        .map(|it| it.display().to_string())
        .collect()
}

/// Waits until none of them is there.
fn until_nobody_lives(course: &Course) -> Done {
    let start = Instant::now();
    while !alive(course).is_empty() {
        if start.elapsed() > DEADLINE {
            return Err(format!("still there: {:?}", alive(course)).into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[test]
fn output_and_error_come_apart_as_text_with_the_exit_status() -> Done {
    let (_course, server) = server()?;
    let mut run = run(&server, "hello")?;
    run.until("building")?;
    assert_eq!(run.until("out")?["text"], "out\n");
    assert_eq!(
        run.until("err")?["text"],
        "err <b>\u{1b}[31m</b>\n",
        "as text, for the page to show as such"
    );
    let ended = run.until("ended")?;
    assert_eq!((&ended["code"], &ended["itself"]), (&3.into(), &true.into()));
    Ok(())
}

#[test]
fn a_picture_comes_with_it_and_escapes_what_the_program_wrote() -> Done {
    let (_course, server) = server()?;
    let mut run = run(&server, "hello")?;
    let mut last = None;
    while let Some(message) = run.next()? {
        match message["is"].as_str() {
            Some("unseen") => return Ok(()), // this machine lets nobody trace, and that was said
            Some("picture") => last = message["html"].as_str().map(str::to_owned),
            _ => {}
        }
    }
    let picture = last.ok_or("no picture")?;
    assert!(
        picture.contains("<section class=\"trace\"") && picture.contains("write(2"),
        "{picture}"
    );
    assert!(!picture.contains("<b>"), "{picture}");
    Ok(())
}

#[test]
fn a_second_run_builds_nothing_unless_the_source_has_changed() -> Done {
    let (course, server) = server()?;
    let builds = |expected: bool| -> Done {
        let mut run = run(&server, "hello")?;
        let mut built = false;
        while let Some(message) = run.next()? {
            built |= message["is"] == "building";
        }
        assert_eq!(built, expected);
        Ok(())
    };
    builds(true)?;
    builds(false)?;
    course.write("crates/fork/src/bin/hello.rs", "fn main() { println!(\"newer\") }")?;
    let mut again = run(&server, "hello")?;
    assert_eq!(again.until("out")?["text"], "newer\n");
    Ok(())
}

#[test]
fn what_does_not_compile_is_told_in_the_compilers_words() -> Done {
    let (course, server) = server()?;
    course.write("crates/fork/src/bin/hello.rs", "fn main() { missing() }")?;
    let told = run(&server, "hello")?.until("compiler")?;
    let text = told["text"].as_str().ok_or("no text")?;
    assert!(text.contains("cannot find function `missing`"), "{text}");
    Ok(())
}

#[test]
fn a_declared_argument_and_input_reach_the_program() -> Done {
    let (_course, server) = server()?;
    assert_eq!(run(&server, "copy")?.until("out")?["text"], "given");
    let wish = server.wish("run", r#"{"program": "fork/copy", "input": "é"}"#);
    assert_eq!(server.follow(&wish)?.until("out")?["text"], "é");
    Ok(())
}

#[test]
fn a_program_that_hangs_is_ended_and_that_is_explained() -> Done {
    let (_course, server) = server()?;
    let mut run = run(&server, "hang")?;
    let mut heard = Vec::new();
    while let Some(message) = run.next()? {
        heard.push(message);
    }
    if heard.iter().any(|message| message["is"] == "unseen") {
        return Ok(()); // this machine lets nobody trace, and that was said
    }
    let ended = heard.last().ok_or("nothing")?;
    let why = ended["why"].to_string();
    assert!(ended["text"].to_string().contains("hung") && ended["itself"] == false, "{ended}");
    assert!(why.contains("is blocked in read(") && why.contains("write end"), "{why}");
    Ok(())
}

#[test]
fn a_flood_is_cut_off() -> Done {
    let (course, server) = server()?;
    let mut run = run(&server, "flood")?;
    let mut size = 0;
    let ended = loop {
        let message = run.next()?.ok_or("no end")?;
        match message["is"].as_str() {
            Some("out") => size += message["text"].as_str().unwrap_or_default().len(),
            Some("ended") => break message,
            _ => {}
        }
    };
    assert!(ended["text"].to_string().contains("too much"), "{ended}");
    assert!(size <= (256 << 10) + 1, "{size} bytes");
    until_nobody_lives(&course)
}

#[test]
fn stop_ends_the_whole_tree() -> Done {
    let (course, server) = server()?;
    let mut run = run(&server, "runaway")?;
    let id = run.until("run")?["id"].as_str().ok_or("no id")?.to_owned();
    run.until("out")?;
    let answer = server.ask(&server.wish("stop", &format!("{{\"run\": \"{id}\"}}")))?;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert_eq!(run.until("ended")?["text"], "stopped");
    until_nobody_lives(&course)
}

#[test]
fn leaving_the_page_ends_the_run_and_who_has_run_away_from_it() -> Done {
    let (course, server) = server()?;
    let mut run = run(&server, "runaway")?;
    run.until("out")?;
    assert!(!alive(&course).is_empty());
    drop(run);
    until_nobody_lives(&course)
}

#[test]
fn the_servers_death_ends_its_runs() -> Done {
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let (course, mut server) = server()?;
        let mut runs = [run(&server, "runaway")?, run(&server, "spin")?];
        for run in &mut runs {
            run.until("out")?;
        }
        kill(Pid::from_raw(server.lab.id().try_into()?), signal)?;
        server.lab.wait()?;
        until_nobody_lives(&course)?;
    }
    Ok(())
}

#[test]
fn a_signal_that_is_declared_reaches_the_program_and_no_other_does() -> Done {
    let (_course, server) = server()?;
    let mut run = run(&server, "spin")?;
    let id = run.until("run")?["id"].as_str().ok_or("no id")?.to_owned();
    run.until("out")?;
    let send = |signal: &str, pid: &str| {
        server.ask(
            &server
                .wish("signal", &format!("{{\"run\": \"{id}\", \"signal\": \"{signal}\"{pid}}}")),
        )
    };
    assert!(send("KILL", "")?.starts_with("HTTP/1.1 404"), "not declared");
    assert!(
        send("TERM", &format!(", \"pid\": {}", std::process::id()))?.starts_with("HTTP/1.1 404"),
        "not of the run"
    );
    assert!(send("TERM", ", \"pid\": 0")?.starts_with("HTTP/1.1 404"));
    assert!(send("TERM", ", \"pid\": -1")?.starts_with("HTTP/1.1 404"));
    assert!(send("TERM", "")?.starts_with("HTTP/1.1 204"));
    assert_eq!(run.until("ended")?["text"], "killed by SIGTERM");
    Ok(())
}

#[test]
fn a_bomb_is_bounded() -> Done {
    let holds = grader::containment(grader::Containment::wanted());
    if holds.contains("the number of processes") {
        grader::skip("a bomb in the lab", &holds);
        return Ok(());
    }
    let (course, server) = server()?;
    let mut run = run(&server, "bomb")?;
    let text = run.until("out")?["text"].to_string();
    assert!(text.contains("os error 11"), "EAGAIN: {text}");
    run.until("ended")?;
    until_nobody_lives(&course)
}

#[test]
fn there_are_only_so_many_runs_at_a_time() -> Done {
    let (course, server) = server()?;
    let mut runs: Vec<Messages> = Vec::new();
    loop {
        let wish = server.wish("run", r#"{"program": "fork/spin"}"#);
        let mut run = server.follow(&wish)?;
        let first = run.next()?.ok_or("no answer")?;
        if first["is"] == "error" {
            assert!(first["text"].to_string().contains("Too many"), "{first}");
            break;
        }
        runs.push(run);
        assert!(runs.len() < 20, "no limit");
    }
    assert!(!runs.is_empty());
    // A place is free again when somebody has left.
    runs.pop();
    let start = Instant::now();
    loop {
        let mut again = run(&server, "hello")?;
        if again.next()?.ok_or("no answer")?["is"] == "run" {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "the place is still taken");
    }
    drop(runs);
    until_nobody_lives(&course)
}
