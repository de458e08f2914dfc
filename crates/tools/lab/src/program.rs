//! `{{#program NAME:ANCHOR}}`: a program's listing with the command that runs it.

use crate::chapters::Chapters;
use crate::html::escape;
use crate::include;
use crate::problem::it_has;
use crate::workspace::Workspace;
use std::fs;

/// What the header of a program that is wrong says.
const WRONG: &str = "WRONG ON PURPOSE";

/// The listing of a program as Markdown and HTML.
///
/// `argument` is `[CRATE/]NAME[:ANCHOR]`, `slug` the crate of the page itself, `up` the way from
/// the page's folder to the root (`../../`).
///
/// # Errors
/// The reader's sentence: no such chapter, program or anchor.
pub fn section(
    workspace: &Workspace,
    chapters: &Chapters,
    slug: &str,
    argument: &str,
    up: &str,
) -> Result<String, String> {
    let (path, anchor) = argument.split_once(':').unwrap_or((argument, ""));
    let (krate, name) = path.split_once('/').unwrap_or((slug, path));
    let source = Workspace::program(krate, name);
    let Ok(text) = fs::read_to_string(workspace.root().join(&source)) else {
        let programs = it_has(&workspace.programs(krate));
        return Err(format!("no program `{name}` in crates/{krate}/src/bin {programs}"));
    };
    let Some(chapter) = chapters.number(krate) else {
        return Err(format!("`{krate}` has no number: SUMMARY.md names no page {krate}.md"));
    };
    let listing = if anchor.is_empty() {
        include::without_anchors(&text)
    } else {
        include::select(&text, anchor, &source)?;
        format!("{{{{#include {up}{source}:{anchor}}}}}")
    };
    let wrong = text.lines().take_while(|line| line.starts_with("//!")).any(|l| l.contains(WRONG));
    let (class, data, label) = match wrong {
        true => ("program wrong", " data-wrong", "<p class=\"label\">Wrong on purpose</p>\n"),
        false => ("program", "", ""),
    };
    let (krate, name, source) = (escape(krate), escape(name), escape(&source));
    Ok(format!(
        "\n<section class=\"{class}\" data-chapter=\"{chapter}\" data-crate=\"{krate}\" \
         data-program=\"{name}\"{data}>\n{label}\n\
         ```rust,noplayground\n{listing}\n```\n\n\
         <p class=\"caption\"><code class=\"command\">just chapter-{chapter} {name}</code> \
         <span class=\"source\">{source}</span></p>\n</section>\n"
    ))
}
