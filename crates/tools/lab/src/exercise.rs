//! `{{#exercise NAME}}`: what to do, where, and the command that checks it.

use crate::html::escape;
use crate::problem::it_has;
use crate::workspace::Workspace;
use std::fs;

/// The box of an exercise as Markdown and HTML.
///
/// `argument` is `[SLUG/]NAME`, `slug` the page's own.
///
/// # Errors
/// The reader's sentence: no such exercise, no task in its README, nothing to edit.
pub fn section(workspace: &Workspace, slug: &str, argument: &str) -> Result<String, String> {
    let (slug, name) = argument.split_once('/').unwrap_or((slug, argument));
    let folder = Workspace::exercise(slug, name);
    let place = workspace.root().join(&folder);
    if name.is_empty() || !place.join("Cargo.toml").is_file() {
        let exercises = it_has(&workspace.exercises(slug));
        return Err(format!("no exercise `{name}` in exercises/{slug} {exercises}"));
    }
    let readme = fs::read_to_string(place.join("README.md"))
        .map_err(|error| format!("cannot read {folder}/README.md: {error}"))?;
    let Some(task) = task(&readme) else {
        return Err(format!("{folder}/README.md has no paragraph after its title"));
    };
    let Some(edit) = ["src/main.rs", "src/lib.rs"].iter().find(|file| place.join(file).is_file())
    else {
        return Err(format!("{folder} has neither src/main.rs nor src/lib.rs"));
    };
    let (name, folder) = (escape(name), escape(&folder));
    Ok(format!(
        "\n<section class=\"exercise\" data-exercise=\"{name}\">\n\
         <p class=\"label\">Exercise <strong>{name}</strong></p>\n\n\
         {task}\n\n\
         <p class=\"caption\">Edit <code>{folder}/{edit}</code></p>\n\
         <p class=\"caption\">Check <code class=\"command\">cd {folder} &amp;&amp; cargo test</code>\
         </p>\n</section>\n"
    ))
}

/// The first paragraph after a README's title.
fn task(readme: &str) -> Option<&str> {
    let (_, rest) = readme.trim_start().strip_prefix("# ")?.split_once('\n')?;
    let paragraph = rest.split("\n\n").map(str::trim).find(|part| !part.is_empty())?;
    Some(paragraph)
}

#[cfg(test)]
mod tests {
    use super::task;

    #[test]
    fn the_task_is_the_first_paragraph_after_the_title() {
        assert_eq!(
            task("# two-branches\n\nDo this\nand that.\n\nMore."),
            Some("Do this\nand that.")
        );
        assert_eq!(task("# two-branches\n"), None);
    }
}
