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
/// `argument` is `[CRATE/]NAME[:ANCHOR]`, `slug` the crate of the page itself.
///
/// # Errors
/// The reader's sentence: no such chapter, program or anchor.
pub fn section(
    workspace: &Workspace,
    chapters: &Chapters,
    slug: &str,
    argument: &str,
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
        dedented(&include::select(&text, anchor, &source)?)
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

/// Lines moved to the left by what they all are indented by: a page is narrower than an editor.
fn dedented(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let common = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let lines: Vec<_> = text.lines().map(|line| line.get(common..).unwrap_or("")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::dedented;

    #[test]
    fn a_listing_loses_the_indent_that_all_its_lines_have() {
        assert_eq!(dedented("    if x {\n\n        y\n    }"), "if x {\n\n    y\n}");
        assert_eq!(dedented("a\n    b"), "a\n    b");
    }
}
