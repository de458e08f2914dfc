//! How words look on a terminal: how wide, and with colours or without.

use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal as _};
use terminal_size::{Height, Width, terminal_size_of};
use textwrap::{Options, WordSplitter};

/// Longer lines are hard to read.
const WIDEST: usize = 100;
/// Narrower than this, words are cut off whatever one does.
const NARROWEST: usize = 20;

/// How words look on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many columns there are.
    pub width: usize,
    /// How many lines there are.
    pub height: usize,
    /// Whether there are colours.
    pub colour: bool,
}

impl Look {
    /// As standard output wants it: colours only on a terminal, and not where `NO_COLOR` asks for none.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        let size = terminal_size_of(&stdout);
        let (Width(width), Height(height)) = size.unwrap_or((Width(80), Height(24)));
        let asked = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            width: usize::from(width).clamp(NARROWEST, WIDEST),
            height: height.into(),
            colour: stdout.is_terminal() && !asked("NO_COLOR") && !dumb,
        }
    }

    /// A paragraph, with what its first line and its other lines begin with. Words are never cut.
    #[must_use]
    pub fn paragraph(&self, text: &str, first: &str, others: &str) -> String {
        let options = Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(others)
            .word_splitter(WordSplitter::NoHyphenation)
            .break_words(false);
        textwrap::fill(text, options) + "\n"
    }

    /// A fact, which may have lines of its own.
    #[must_use]
    pub fn fact(&self, text: &str) -> String {
        let lines = text.lines().enumerate();
        lines
            .map(|(n, it)| self.paragraph(it, if n == 0 { "  - " } else { "    " }, "    "))
            .collect()
    }

    /// What matters most.
    #[must_use]
    pub fn strong(&self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// What went well.
    #[must_use]
    pub fn good(&self, text: &str) -> String {
        self.styled(AnsiColor::Green.on_default().bold(), text)
    }

    /// What didn't.
    #[must_use]
    pub fn bad(&self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// `1 point`, `2 points`.
#[must_use]
pub fn count(number: impl Into<u64>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_keeps_to_the_width_and_cuts_no_word() {
        let look = Look { width: 20, height: 24, colour: false };
        let text = look.paragraph("the parent of two-branches never waited", "  - ", "    ");
        assert_eq!(text, "  - the parent of\n    two-branches\n    never waited\n");
        let long = "exercises/fork/two-branches/src/main.rs";
        assert_eq!(look.paragraph(long, "", ""), format!("{long}\n"));
    }

    #[test]
    fn without_colours_there_is_no_escape() {
        let plain = Look { width: 80, height: 24, colour: false };
        assert_eq!(plain.good("Passed"), "Passed");
        assert!(Look { width: 80, height: 24, colour: true }.good("Passed").starts_with('\u{1b}'));
    }
}
