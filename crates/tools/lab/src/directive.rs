//! Finds `{{#name argument}}` in a page, as mdBook does, and what only looks like it.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What a page may ask for: mdBook's own, and ours.
pub const NAMES: [&str; 8] = [
    "include",
    "rustdoc_include",
    "playground",
    "title",
    "program",
    "live",
    "recording",
    "exercise",
];

/// A directive, where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// The bytes of the text that it takes.
    pub range: Range<usize>,
    /// Its name; empty when it opens with `{{#` and is no directive.
    pub name: &'a str,
    /// What follows the name, trimmed.
    pub argument: &'a str,
}

// The first two branches are mdBook's own, from its `links` preprocessor, except that the argument
// may be absent; the last one catches what mdBook would print as it stands.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static DIRECTIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\\\{\{#.*\}\}|\{\{\s*#([A-Za-z0-9_-]+)(?:\s+([^}]*))?\}\}|\{\{\s*#").unwrap()
});

/// Every directive of `text` that is not escaped by a backslash.
pub fn find(text: &str) -> Vec<Directive<'_>> {
    let found = DIRECTIVE.captures_iter(text).filter_map(|captures| {
        let whole = captures.get(0)?;
        let part = |n| captures.get(n).map_or("", |part: regex::Match<'_>| part.as_str().trim());
        let escaped = whole.as_str().starts_with('\\');
        (!escaped).then(|| Directive { range: whole.range(), name: part(1), argument: part(2) })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_has_a_name_and_an_argument() {
        let found = find("a {{#program fork_twice:split }}");
        let [directive] = &found[..] else { panic!("found {found:?}") };
        assert_eq!((directive.name, directive.argument), ("program", "fork_twice:split"));
        assert_eq!(directive.range, 2..32);
    }

    #[test]
    fn an_escaped_directive_is_text() {
        assert_eq!(find(r"\{{#include nowhere.rs}}"), []);
    }

    #[test]
    fn an_unfinished_directive_has_no_name() {
        assert_eq!(find("{{#include x.rs}")[0].name, "");
    }
}
