//! What a program has said, for a terminal: as text, and as nothing else.

/// This text, with what would move a cursor, hide, colour or turn around what stands there written out instead: it comes from a program,
/// and could be taken for the grader's own words.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') || turns_around(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether it changes the direction of what follows (Unicode's bidirectional controls).
fn turns_around(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let nasty = "one\ttwo\n\u{1b}[2Jé\u{0}\r🦄\u{9b}31m\u{202e}";
        let shown = "one\ttwo\n\\u{1b}[2Jé\\u{0}\\r🦄\\u{9b}31m\\u{202e}";
        assert_eq!(plain(nasty), shown);
    }
}
