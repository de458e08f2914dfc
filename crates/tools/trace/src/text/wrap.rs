//! Lines that fit, broken between words.

/// How many characters a text takes.
pub(crate) fn width_of(text: &str) -> usize {
    text.chars().count()
}

/// At most so many characters of a text.
pub(crate) fn pad(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

/// Breaks a text into lines of at most `width` characters, between words where there are any.
/// Several blanks together stay as they are, unless a line ends there.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let mut word = word;
        let last = lines.last().map_or(0, |line| width_of(line));
        if last > 0 && last + width_of(word.trim_end()) > width {
            lines.push(String::new());
        }
        while width_of(word.trim_end()) > width {
            let (head, tail) = word.split_at(end_within(word, width));
            push(&mut lines, head);
            lines.push(String::new());
            word = tail;
        }
        push(&mut lines, word);
    }
    lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Where a word that is longer than a line breaks: in a path or between flags, if there is such a
/// place in its second half.
fn end_within(word: &str, width: usize) -> usize {
    let end = word.char_indices().nth(width).map_or(word.len(), |(end, _)| end);
    let good = word[..end].rfind(['/', '|', ',']).map(|place| place + 1);
    good.filter(|good| *good * 2 > end).unwrap_or(end)
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}
