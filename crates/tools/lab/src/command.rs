//! `just chapter-N NAME` and `just trace N NAME` in a page must be commands that work.

use crate::chapters::Chapters;
use crate::problem::it_has;
use crate::workspace::Workspace;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What `just chapter-N` takes in a program's place, to say which there are.
const MENU: &str = "list";

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\bjust (?:chapter-|trace )(\d+)(?: +([a-z0-9][a-z0-9_-]*))?").unwrap()
});

/// The program that `just chapter-N [NAME]` runs.
///
/// # Errors
/// The reader's sentence: no such chapter, no such program, no headline program.
pub fn resolve<'a>(
    workspace: &Workspace,
    chapters: &'a Chapters,
    chapter: &str,
    name: Option<&str>,
) -> Result<(&'a str, String), String> {
    let Some(slug) = chapter.parse().ok().and_then(|number| chapters.slug(number)) else {
        let all: Vec<_> =
            chapters.iter().map(|(number, slug)| format!("{number} {slug}")).collect();
        return Err(format!("no chapter {chapter} in SUMMARY.md {}", it_has(&all)));
    };
    let programs = workspace.programs(slug);
    match name.map(str::to_owned).or_else(|| workspace.headline(slug)) {
        Some(name) if programs.contains(&name) => Ok((slug, name)),
        Some(name) => {
            Err(format!("no program `{name}` in crates/{slug}/src/bin {}", it_has(&programs)))
        }
        None => Err(format!("crates/{slug}/Cargo.toml has no `default-run`")),
    }
}

/// Checks every `just chapter-N …` of a page. `code` says whether a byte is in code: prose may go on
/// after the number (“just chapter-1 and look”), a command may not.
pub fn check(
    workspace: &Workspace,
    chapters: &Chapters,
    page: &str,
    code: &[Range<usize>],
) -> Vec<(usize, String)> {
    let wrong = COMMAND.captures_iter(page).filter_map(|command| {
        let at = command.get(0)?.start();
        let in_code = code.iter().any(|range| range.contains(&at));
        let name = command.get(2).map(|name| name.as_str()).filter(|name| in_code && *name != MENU);
        let error = resolve(workspace, chapters, &command[1], name).err()?;
        Some((at, format!("`{}`: {error}", &command[0])))
    });
    wrong.collect()
}
