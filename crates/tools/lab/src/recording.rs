//! `{{#recording NAME}}`: what the kernel did for a program, as a picture to step through.
//!
//! The recordings are files of the book, made by `just renew`; a test says where a new one would differ.

use crate::chapters::Chapters;
use crate::html::escape;
use crate::problem::it_has;
use crate::workspace::Workspace;
use std::fs::File;
use std::io::BufReader;

/// What makes recordings, for messages.
const RENEW: &str = "just renew";

/// What a page wants to be recorded: `[CRATE/]PROGRAM [as NAME] [OPTION…] [-- ARGUMENT…]`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recording {
    /// The program's crate.
    pub krate: String,
    /// The program.
    pub program: String,
    /// What its steps' addresses in the page begin with, and its file's name.
    pub name: String,
    /// For the recorder.
    pub options: Vec<String>,
    /// For the program.
    pub arguments: Vec<String>,
}

impl Recording {
    /// Understands a directive's argument; `slug` is the crate of the page itself.
    pub fn of(slug: &str, argument: &str) -> Self {
        let mut words = argument.split_whitespace().map(str::to_owned);
        let path = words.next().unwrap_or_default();
        let (krate, program) = path.split_once('/').unwrap_or((slug, &path));
        let mut words = words.peekable();
        let named = words.next_if(|word| word == "as").and_then(|_| words.next());
        Self {
            krate: krate.to_owned(),
            program: program.to_owned(),
            name: named.unwrap_or_else(|| program.replace('_', "-")),
            options: words.by_ref().take_while(|word| word != "--").collect(),
            arguments: words.collect(),
        }
    }

    /// Its file, from the root.
    pub fn file(&self) -> String {
        format!("book/recordings/{}/{}.jsonl", self.krate, self.name)
    }

    /// The command that a reader would type to see it.
    fn command(&self, chapter: u32) -> String {
        let mut words = match &self.options[..] {
            [] => vec![format!("just trace {chapter} {}", self.program)],
            options => {
                let program = format!("-- target/debug/{}", self.program);
                [&["cargo recorder run".to_owned()], options, &[program]].concat()
            }
        };
        words.extend_from_slice(&self.arguments);
        words.join(" ")
    }
}

/// The picture as HTML, with the command that draws it in a terminal.
///
/// # Errors
/// The reader's sentence: no such program, no recording of it, or not one that can be read.
pub fn section(
    workspace: &Workspace,
    chapters: &Chapters,
    slug: &str,
    argument: &str,
) -> Result<String, String> {
    let recording = Recording::of(slug, argument);
    let Recording { krate, program, name, .. } = &recording;
    let programs = workspace.programs(krate);
    if !programs.contains(program) {
        let programs = it_has(&programs);
        return Err(format!("no program `{program}` in crates/{krate}/src/bin {programs}"));
    }
    let Some(chapter) = chapters.number(krate) else {
        return Err(format!("`{krate}` has no number: SUMMARY.md names no page {krate}.md"));
    };
    let file = recording.file();
    let events = File::open(workspace.root().join(&file))
        .and_then(|file| trace::event::read(BufReader::new(file)))
        .map_err(|error| format!("cannot read {file}: {error} (make it: {RENEW})"))?;
    let title = [&[format!("{program}, recorded")], &recording.options[..]].concat().join(" ");
    let picture = trace::html::fragment(&events, &title, name);
    // A blank line would end the HTML.
    let picture: Vec<_> = picture.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(format!(
        "\n<div class=\"recording\" data-chapter=\"{chapter}\" data-crate=\"{}\" \
         data-program=\"{}\">\n{}\n<p class=\"caption\"><code class=\"command\">{}</code></p>\n</div>\n",
        escape(krate),
        escape(program),
        picture.join("\n"),
        escape(&recording.command(chapter)),
    ))
}

#[cfg(test)]
mod tests {
    use super::Recording;

    #[test]
    fn a_recording_is_named_after_its_program_or_as_the_page_says() {
        let plain = Recording::of("pipe", "pipe_hello");
        assert_eq!(plain.file(), "book/recordings/pipe/pipe-hello.jsonl");
        assert_eq!(plain.command(2), "just trace 2 pipe_hello");

        let other = Recording::of("pipe", "fork/race as race-2 --policy child-first -- 3 4");
        assert_eq!(other.file(), "book/recordings/fork/race-2.jsonl");
        assert_eq!(
            other.command(1),
            "cargo recorder run --policy child-first -- target/debug/race 3 4"
        );
    }
}
