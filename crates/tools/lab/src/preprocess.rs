//! From the pages as written to the pages that mdBook renders; refuses what is missing.

use crate::chapters::{self, Chapters};
use crate::directive::{self, Directive};
use crate::problem::{Problem, Problems};
use crate::workspace::{Workspace, names_in};
use crate::{command, exercise, include, live, markdown, program, recording, session};
use mdbook_preprocessor::book::{Book, BookItem};
use mdbook_preprocessor::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// mdBook's own limit: files include files this deep.
const DEEPEST: usize = 10;

/// The preprocessor, for mdBook to call or to be called by it.
#[derive(Debug)]
pub struct Lab;

impl Preprocessor for Lab {
    /// As in `[preprocessor.lab]` of `book.toml`, whose `command` it replaces in-process.
    fn name(&self) -> &str {
        "lab"
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "html")
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let workspace = Workspace::at(context.root.parent().unwrap_or(&context.root));
        let chapters = Chapters::of(&book);
        let source = context.root.join(&context.config.book.src);
        let mut problems = Vec::new();
        book.for_each_mut(|item| {
            let BookItem::Chapter(chapter) = item else { return };
            let Some(path) = &chapter.source_path else { return };
            let page = Page::new(&workspace, &chapters, source.join(path));
            let (content, wrong) = page.expand(&chapter.content);
            chapter.content = content;
            problems.extend(wrong);
        });
        problems.sort();
        if problems.is_empty() { Ok(book) } else { Err(Problems(problems).into()) }
    }
}

/// Stands on a page before its first program or exercise. Where they can be run, `page/lab.js` takes it away.
const HINT: &str = "\n<p class=\"lab-hint\">Where <code>cargo lab</code> serves this page, the programs on it run right here, on \
                    your machine.</p>\n\n";

/// A page and what it may refer to.
struct Page<'a> {
    workspace: &'a Workspace,
    chapters: &'a Chapters,
    path: PathBuf,
    /// The page from the root, for messages.
    name: String,
}

/// What a part of the page becomes, or what is wrong with it.
type Part = (Range<usize>, Result<Option<String>, String>);

impl<'a> Page<'a> {
    fn new(workspace: &'a Workspace, chapters: &'a Chapters, path: PathBuf) -> Self {
        let name = shown(workspace, &path);
        Self { workspace, chapters, path, name }
    }

    /// The page with our directives and sessions replaced, and every problem of it.
    fn expand(&self, text: &str) -> (String, Vec<Problem>) {
        let code = markdown::code(text);
        let directives = directive::find(text);
        let blocks: Vec<_> =
            code.iter().filter(|c| c.info.is_some()).map(|c| c.range.clone()).collect();
        let mut problems = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        for directive in &directives {
            let inside = blocks.iter().any(|block| block.contains(&directive.range.start));
            let part = check(self.workspace, &self.path, directive, 0, &mut problems)
                .and_then(|()| self.directive(directive, text, inside));
            parts.push((directive.range.clone(), part));
        }
        if let Some(first) =
            directives.iter().find(|it| ["program", "live", "exercise"].contains(&it.name))
        {
            let part = parts.iter_mut().find(|(range, _)| *range == first.range);
            if let Some((_, Ok(Some(section)))) = part {
                section.insert_str(0, HINT);
            }
        }
        for session in code.iter().filter(|code| code.is("console")) {
            let plain = markdown::before(text, session.range.start).is_empty()
                && !directives.iter().any(|d| session.range.contains(&d.range.start));
            let html = plain.then(|| session::html(&session.text));
            parts.push((session.range.clone(), Ok(html)));
        }
        let everywhere: Vec<_> = code.into_iter().map(|code| code.range).collect();
        for (at, what) in command::check(self.workspace, self.chapters, text, &everywhere) {
            parts.push((at..at, Err(what)));
        }

        let mut expanded = text.to_owned();
        parts.sort_by_key(|(range, _)| range.start);
        for (range, part) in parts.into_iter().rev() {
            match part {
                Ok(None) => {}
                Ok(Some(new)) => expanded.replace_range(range, &new),
                Err(what) => {
                    let line = markdown::line(text, range.start);
                    problems.push(Problem { file: self.name.clone(), line, what });
                }
            }
        }
        (expanded, problems)
    }

    /// What one of our directives becomes; mdBook's own stay.
    fn directive(
        &self,
        directive: &Directive<'_>,
        text: &str,
        inside: bool,
    ) -> Result<Option<String>, String> {
        let slug = chapters::slug(&self.path).unwrap_or_default();
        let section = match directive.name {
            "program" => program::section(self.workspace, self.chapters, &slug, directive.argument),
            "recording" => {
                recording::section(self.workspace, self.chapters, &slug, directive.argument)
            }
            "live" => live::section(self.workspace, self.chapters, &slug, directive.argument),
            "exercise" => exercise::section(self.workspace, &slug, directive.argument),
            "include" | "rustdoc_include" | "playground" | "title" => return Ok(None),
            "" => return Err("`{{#` begins no directive; write `\\{{#` to show it".to_owned()),
            name => {
                let known = directive::NAMES.join(", ");
                return Err(format!(
                    "no directive `{name}` (there are: {known}); write `\\{{{{#{name}` to show it"
                ));
            }
        };
        let line_end = text[directive.range.end..].lines().next().unwrap_or("");
        let alone =
            markdown::before(text, directive.range.start).is_empty() && line_end.trim().is_empty();
        let name = directive.name;
        if inside {
            return Err(format!(
                "`{{{{#{name}` in a block of code; write `\\{{{{#{name}` to show it"
            ));
        }
        if !alone {
            return Err(format!("`{{{{#{name} …}}}}` must be on a line of its own"));
        }
        section.map(Some)
    }
}

/// Checks a directive of mdBook's own in `file`: what it names must be there, and so on inside that.
fn check(
    workspace: &Workspace,
    file: &Path,
    directive: &Directive<'_>,
    depth: usize,
    problems: &mut Vec<Problem>,
) -> Result<(), String> {
    let name = directive.name;
    if !matches!(name, "include" | "rustdoc_include" | "playground") {
        return Ok(());
    }
    let Some(argument) = directive.argument.split_whitespace().next() else {
        return Err(format!("`{{{{#{name}}}}}` names no file"));
    };
    let (path, selector) = match name {
        "playground" => (argument, ""),
        _ => argument.split_once(':').unwrap_or((argument, "")),
    };
    let target = file.parent().unwrap_or(file).join(path);
    let target_name = shown(workspace, &target);
    let text = fs::read_to_string(&target)
        .map_err(|error| format!("cannot include {target_name}: {}", cause(&error, &target)))?;
    let part = include::select(&text, selector, &target_name)?;
    if depth == DEEPEST {
        return Err(format!(
            "{target_name} is included {DEEPEST} files deep; does it include itself?"
        ));
    }
    for nested in directive::find(&part) {
        if let Err(what) = check(workspace, &target, &nested, depth + 1, problems) {
            let file = target_name.clone();
            problems.push(Problem { file, line: 0, what });
        }
    }
    Ok(())
}

/// Why a file cannot be included; for a missing one, what its folder holds instead.
fn cause(error: &std::io::Error, target: &Path) -> String {
    if error.kind() != std::io::ErrorKind::NotFound {
        return error.to_string();
    }
    let folder = target.parent().unwrap_or(target);
    match names_in(folder) {
        names if names.is_empty() => "no such file".to_owned(),
        names => format!("no such file (beside it: {})", names.join(", ")),
    }
}

/// A path for messages: from the root, without `..`.
fn shown(workspace: &Workspace, path: &Path) -> String {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = clean.pop(),
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean.strip_prefix(workspace.root()).unwrap_or(&clean).display().to_string()
}
