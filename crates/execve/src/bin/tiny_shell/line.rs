//! A line of tiny_shell: from characters to words, from words to programs. It asks the kernel nothing.

use std::iter::Peekable;
use std::mem;
use std::str::Chars;

// ANCHOR: parse
/// What a line is made of.
#[derive(Debug, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Pipe,
    From,
    To,
    Append,
}

/// One program of a line: its words, and the files that it is to read from and write to.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) words: Vec<String>,
    pub(crate) files: Vec<(Token, String)>,
}

/// A line as a list of programs; an error is a sentence for whoever typed the line.
pub(crate) fn parse(line: &str, status: u8) -> Result<Vec<Stage>, String> {
    let mut stages = Vec::new();
    let mut stage = Stage::default();
    let mut tokens = tokens(line, status)?.into_iter();
    let nothing = tokens.len() == 0;
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => stage.words.push(word),
            Token::Pipe if stage.words.is_empty() => return Err("no program before `|`".into()),
            Token::Pipe => stages.push(mem::take(&mut stage)),
            towards => match tokens.next() {
                Some(Token::Word(name)) => stage.files.push((towards, name)),
                _ => return Err("no file name after `<` or `>`".into()),
            },
        }
    }
    match (stage.words.is_empty(), stages.is_empty()) {
        (true, true) if nothing => return Ok(stages),
        (true, true) => return Err("a file, and no program to use it".into()),
        (true, false) => return Err("no program after `|`".into()),
        (false, _) => stages.push(stage),
    }
    Ok(stages)
}

fn tokens(line: &str, status: u8) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err(format!("the quote {c} is not closed")),
                        Some(end) if end == c => break,
                        Some('$') if c == '"' => word.push_str(&variable(&mut chars, status)?),
                        Some(other) => word.push(other),
                    }
                }
            }
            '$' => word.get_or_insert_default().push_str(&variable(&mut chars, status)?),
            '#' if word.is_none() => break,
            ';' | '&' | '(' | ')' | '`' | '\\' | '*' | '?' | '~' => {
                return Err(format!("{c} is beyond me; quote it if you mean the character"));
            }
            '|' | '<' | '>' => {
                tokens.extend(word.take().map(Token::Word));
                tokens.push(match c {
                    '|' => Token::Pipe,
                    '<' => Token::From,
                    _ if chars.next_if_eq(&'>').is_some() => Token::Append,
                    _ => Token::To,
                });
            }
            c if c.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            c => word.get_or_insert_default().push(c),
        }
    }
    tokens.extend(word.map(Token::Word));
    Ok(tokens)
}
// ANCHOR_END: parse

fn variable(chars: &mut Peekable<Chars>, status: u8) -> Result<String, String> {
    let known = chars.next_if_eq(&'?').is_some();
    known.then(|| status.to_string()).ok_or_else(|| "the only variable here is $?".into())
}
