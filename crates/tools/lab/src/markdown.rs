//! Where the code stands in a page.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::ops::Range;

/// Code in a page, where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The bytes of the page that it takes, with its fences or backticks.
    pub range: Range<usize>,
    /// What follows a block's opening fence; `None` for code in a sentence.
    pub info: Option<String>,
    /// The code itself.
    pub text: String,
}

impl Code {
    /// Whether this is a block of that language: `console` of ```` ```console,unordered ````.
    pub fn is(&self, language: &str) -> bool {
        self.flags().next() == Some(language)
    }

    /// Whether the block is marked so: `unordered` of ```` ```console,unordered ````.
    pub fn has(&self, flag: &str) -> bool {
        self.flags().skip(1).any(|one| one == flag)
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        self.info.as_deref().unwrap_or("").split([',', ' ']).map(str::trim)
    }
}

/// Every block of code and every code in a sentence, in the page's order.
pub fn code(page: &str) -> Vec<Code> {
    let mut found = Vec::new();
    let mut open = None;
    for (event, range) in Parser::new(page).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                open = Some(Code { range, info: Some(info), text: String::new() });
            }
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            Event::Code(text) => found.push(Code { range, info: None, text: text.to_string() }),
            _ => {}
        }
    }
    found
}

/// The line of a byte, counted from 1.
pub fn line(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// What stands before a byte on its line.
pub(crate) fn before(text: &str, offset: usize) -> &str {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    &text[start..offset]
}
