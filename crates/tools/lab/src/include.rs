//! What mdBook's `file:anchor` and `file:from:to` take out of a file, with errors where mdBook
//! would put an empty listing into the page.

use crate::problem::it_has;
use regex::Regex;
use std::sync::LazyLock;

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static ANCHOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"ANCHOR(_END)?:\s*([\w_-]+)").unwrap());

/// Takes the part that `selector` names (what follows the first `:`, or nothing) out of `text`.
///
/// # Errors
/// The reader's sentence: no such anchor or line, an anchor that never ends, nothing in it, or a
/// range of lines that would show anchors' comments. `file` is named in it.
pub fn select(text: &str, selector: &str, file: &str) -> Result<String, String> {
    let (from, to) = selector.split_once(':').unwrap_or((selector, selector));
    let part = if from.is_empty() || from.parse::<usize>().is_ok() {
        lines(text, from, to, file)?
    } else {
        anchored(text, from, file)?
    };
    if part.trim().is_empty() {
        return Err(format!("nothing to show at `{selector}` in {file}"));
    }
    Ok(part)
}

/// The lines of a file without its anchors' comments.
pub fn without_anchors(text: &str) -> String {
    text.lines().filter(|line| !ANCHOR.is_match(line)).collect::<Vec<_>>().join("\n")
}

/// The names of a file's anchors, in its order.
pub fn anchors(text: &str) -> Vec<String> {
    let starts = ANCHOR.captures_iter(text).filter(|mark| mark.get(1).is_none());
    starts.map(|mark| mark[2].to_owned()).collect()
}

fn anchored(text: &str, anchor: &str, file: &str) -> Result<String, String> {
    let mut taken = None::<Vec<&str>>;
    for line in text.lines() {
        match (ANCHOR.captures(line), &mut taken) {
            (Some(mark), Some(lines)) if mark.get(1).is_some() && &mark[2] == anchor => {
                return Ok(lines.join("\n"));
            }
            (Some(mark), None) if mark.get(1).is_none() && &mark[2] == anchor => {
                taken = Some(Vec::new());
            }
            (None, Some(lines)) => lines.push(line),
            _ => {}
        }
    }
    Err(match taken {
        Some(_) => format!("anchor `{anchor}` in {file} has no ANCHOR_END"),
        None => format!("no anchor `{anchor}` in {file} {}", it_has(&anchors(text))),
    })
}

fn lines(text: &str, from: &str, to: &str, file: &str) -> Result<String, String> {
    let count = text.lines().count();
    let number = |part: &str, default: usize| match part {
        "" => Ok(default),
        part => part.parse().map_err(|_| format!("`{part}` is no line number")),
    };
    let (first, last) = (number(from, 1)?, number(to, count)?);
    if first == 0 || last > count || (first > last && count > 0) {
        return Err(format!("no lines {first} to {last} in {file} (it has {count})"));
    }
    let part: Vec<_> = text.lines().skip(first - 1).take(last + 1 - first).collect();
    if part.iter().any(|line| ANCHOR.is_match(line)) {
        return Err(format!(
            "the page would show the ANCHOR comments of {file}; name one {}",
            it_has(&anchors(text))
        ));
    }
    Ok(part.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "one\n// ANCHOR: two\ntwo\n// ANCHOR: inner\nthree\n// ANCHOR_END: inner\n\
                        // ANCHOR_END: two\n// ANCHOR: open\nfour\n";

    #[test]
    fn an_anchor_is_its_lines_without_the_marks_inside_it() {
        assert_eq!(select(FILE, "two", "f"), Ok("two\nthree".into()));
    }

    fn refused(selector: &str, text: &str) -> String {
        select(text, selector, "f").expect_err("this must be refused")
    }

    #[test]
    fn a_missing_anchor_says_which_there_are() {
        assert_eq!(refused("tow", FILE), "no anchor `tow` in f (it has: two, inner, open)");
    }

    #[test]
    fn an_anchor_without_an_end_is_refused() {
        assert_eq!(refused("open", FILE), "anchor `open` in f has no ANCHOR_END");
    }

    #[test]
    fn lines_outside_the_file_are_refused() {
        assert_eq!(select("a\nb", "2", "f"), Ok("b".into()));
        assert_eq!(select("a\nb", "1:", "f"), Ok("a\nb".into()));
        assert_eq!(refused("2:3", "a\nb"), "no lines 2 to 3 in f (it has 2)");
    }

    #[test]
    fn lines_with_anchor_comments_are_refused() {
        assert!(refused("", FILE).contains("ANCHOR comments of f"));
    }
}
