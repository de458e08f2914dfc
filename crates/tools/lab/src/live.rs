//! `{{#live NAME}}`: a program without its listing, to be run from the page.

use crate::chapters::Chapters;
use crate::html::escape;
use crate::problem::it_has;
use crate::workspace::Workspace;

/// A place for a program to run, as HTML, with the command that runs it elsewhere.
///
/// `argument` is `NAME [ARGUMENT…]`, with the arguments of that command; `slug` is the crate of the page itself.
///
/// # Errors
/// The reader's sentence: no such chapter or program.
pub fn section(
    workspace: &Workspace,
    chapters: &Chapters,
    slug: &str,
    argument: &str,
) -> Result<String, String> {
    let name = argument.split_whitespace().next().unwrap_or_default();
    if !workspace.programs(slug).iter().any(|program| program == name) {
        let programs = it_has(&workspace.programs(slug));
        return Err(format!("no program `{name}` in crates/{slug}/src/bin {programs}"));
    }
    let Some(chapter) = chapters.number(slug) else {
        return Err(format!("`{slug}` has no number: SUMMARY.md names no page {slug}.md"));
    };
    Ok(format!(
        "\n<section class=\"program live\" data-chapter=\"{chapter}\" data-crate=\"{}\" \
         data-program=\"{}\">\n<p class=\"caption\"><code class=\"command\">just chapter-{chapter} \
         {}</code> <span class=\"source\">{}</span></p>\n</section>\n",
        escape(slug),
        escape(name),
        escape(argument),
        escape(&Workspace::program(slug, name)),
    ))
}
