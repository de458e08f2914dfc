//! The file as TOML has it; and each key and value knows its line, and what to say if it is wrong.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use select::Address;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::value;

/// What is shown of a value that is wrong: so many bytes of one line, or only its kind.
const SHOWN: usize = 60;

/// A file's text, under the name by which its user knows it.
pub(super) struct Source<'t> {
    name: &'t str,
    text: &'t str,
}

impl<'t> Source<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Source<'t> {
        Source { name, text }
    }

    pub(super) fn table(&self) -> Result<Spanned<DeTable<'t>>, String> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            self.located(&at, &error.message().replace('\n', " "))
        })
    }

    /// What is in a table, in the file's order: its first mistake is the first to be told.
    pub(super) fn entries<'e>(&'e self, table: &'e DeTable<'e>, within: &str) -> Vec<Entry<'e>> {
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&Spanned<Cow<'e, str>>, &'e Spanned<_>)| {
            let name = format!("{within}{}", key.get_ref());
            Entry { source: self, key: name, at: key.span(), value }
        };
        pairs.into_iter().map(entry).collect()
    }

    fn located(&self, at: &Range<usize>, what: &str) -> String {
        let before = self.text.bytes().take(at.start);
        let line = 1 + before.filter(|byte| *byte == b'\n').count();
        format!("{}:{line}: {what}", self.name)
    }
}

/// A key with its value, or with one item of it.
pub(super) struct Entry<'t> {
    source: &'t Source<'t>,
    /// Within a table, `listen.addr`.
    key: String,
    /// Where the key stands, or the item.
    at: Range<usize>,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Entry<'t> {
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn value(&self) -> &DeValue<'t> {
        self.value.get_ref()
    }

    /// The items of an array; anything else is its own only item.
    pub(super) fn items(&self) -> Vec<Entry<'t>> {
        let item = |value: &'t Spanned<_>| Entry {
            source: self.source,
            key: self.key.clone(),
            at: value.span(),
            value,
        };
        match self.value.get_ref() {
            DeValue::Array(items) => items.iter().map(item).collect(),
            _ => vec![item(self.value)],
        }
    }

    /// The entries of a table; anything else has none.
    pub(super) fn entries(&self) -> Vec<Entry<'t>> {
        match self.value.get_ref() {
            DeValue::Table(table) => self.source.entries(table, &format!("{}.", self.key)),
            _ => Vec::new(),
        }
    }

    /// A string, in which `read` looks for more.
    pub(super) fn text<T>(&self, read: fn(Option<&str>) -> Result<T, String>) -> Result<T, String> {
        read(self.value().as_str()).map_err(|expected| self.wrong(&expected))
    }

    /// A string, or a port as a plain number.
    pub(super) fn address(&self) -> Result<Address, String> {
        let port = self.value().as_integer().filter(|number| number.radix() == 10);
        let port = port.map(|number| number.as_str());
        value::address(self.value().as_str().or(port)).map_err(|expected| self.wrong(&expected))
    }

    /// A number, with a decimal point or without.
    pub(super) fn number<T>(
        &self,
        read: fn(Option<f64>) -> Result<T, String>,
    ) -> Result<T, String> {
        let decimal = self.value().as_float().and_then(|number| number.as_str().parse().ok());
        let number = decimal.or(self.unsigned().map(|whole| whole as f64));
        read(number).map_err(|expected| self.wrong(&expected))
    }

    pub(super) fn whole<T>(&self, range: RangeInclusive<T>) -> Result<T, String>
    where
        T: TryFrom<u64> + PartialOrd + Display,
    {
        value::whole(self.unsigned(), range).map_err(|expected| self.wrong(&expected))
    }

    pub(super) fn switch(&self) -> Result<bool, String> {
        self.value().as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// A number that is written in octal, or 0.
    pub(super) fn octal<T>(&self, read: fn(Option<u64>) -> Result<T, String>) -> Result<T, String> {
        let radix = self.value().as_integer().map(|number| number.radix());
        let number = self.unsigned().filter(|number| radix == Some(8) || *number == 0);
        read(number).map_err(|expected| self.wrong(&expected))
    }

    /// That there is no such key, but these.
    pub(super) fn unknown(&self, keys: &str) -> String {
        let what = format!("{}: no such key; there are: {keys}", self.key.escape_debug());
        self.source.located(&self.at, &what)
    }

    /// Something about the value.
    pub(super) fn error(&self, what: &str) -> String {
        self.source.located(&self.value.span(), &format!("{}: {what}", self.key))
    }

    fn wrong(&self, expected: &str) -> String {
        let written = &self.source.text[self.value.span()];
        let found = match self.value() {
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
            _ if written.len() <= SHOWN && !written.contains('\n') => written,
            _ => "a long text",
        };
        self.error(&format!("expected {expected}, found {found}"))
    }

    fn unsigned(&self) -> Option<u64> {
        let number = self.value().as_integer()?;
        u64::from_str_radix(number.as_str(), number.radix()).ok()
    }
}
