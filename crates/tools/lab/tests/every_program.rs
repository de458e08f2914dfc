//! Each program that the book shows runs from its page.

mod common;

use common::server::Server;
use common::{Done, project};
use serde_json::Value;

/// Ends with this code, as its input says.
const SHELL: (&str, i64) = ("execve/tiny_shell", 3);

#[test]
fn each_program_of_the_book_runs_from_its_page_is_seen_whole_and_comes_to_its_end() -> Done {
    let server = Server::at(&project())?;
    let answer = server.ask(&server.wish("catalogue", "{}"))?;
    let body = answer.split_once("\r\n\r\n").ok_or("no answer")?.1;
    let catalogue: Value = serde_json::from_str(body)?;
    let programs = catalogue["programs"].as_object().ok_or("no programs")?;
    assert!(programs.len() > 80, "{} programs", programs.len());
    let mut complaints = Vec::new();
    // A server comes to no end by itself: `browser/lab.mjs` uses those.
    for (program, _) in programs.iter().filter(|(_, declared)| declared["serves"] == false) {
        let mut run =
            server.follow(&server.wish("run", &format!("{{\"program\": \"{program}\"}}")))?;
        let mut heard = Vec::new();
        while let Some(message) = run.next()? {
            heard.push(message);
        }
        let ended = heard.iter().rfind(|message| message["is"] == "ended");
        let ended = ended.ok_or_else(|| format!("{program} never ends: {heard:?}"))?;
        let unseen = heard.iter().filter(|message| message["is"] == "unseen");
        complaints.extend(unseen.map(|message| format!("{program}: {message}")));
        let code = if program == SHELL.0 { SHELL.1 } else { 0 };
        if (&ended["code"], &ended["itself"]) != (&code.into(), &true.into()) {
            complaints.push(format!("{program}: {ended}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}
