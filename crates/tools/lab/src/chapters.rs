//! Which chapter has which number. `SUMMARY.md` alone says it.

use mdbook_preprocessor::book::{Book, BookItem};
use std::collections::BTreeMap;
use std::path::Path;

/// The prefix chapter that counts as chapter 0.
const ZEROTH: &str = "syscalls";

/// The chapters that have a number and a page.
#[derive(Debug, Default)]
pub struct Chapters(BTreeMap<u32, String>);

impl Chapters {
    /// Reads the numbers that mdBook gave to the chapters of `SUMMARY.md`.
    pub fn of(book: &Book) -> Self {
        let numbered = book.iter().filter_map(|item| {
            let BookItem::Chapter(chapter) = item else { return None };
            let slug = slug(chapter.source_path.as_deref()?)?;
            match chapter.number.as_ref().map(|number| number.as_slice()) {
                Some([number]) => Some((*number, slug)),
                None if slug == ZEROTH => Some((0, slug)),
                _ => None,
            }
        });
        Self(numbered.collect())
    }

    /// The number of a slug's chapter.
    pub fn number(&self, slug: &str) -> Option<u32> {
        self.iter().find(|(_, name)| *name == slug).map(|(number, _)| number)
    }

    /// The slug of a chapter's page, which is also the name of its crate.
    pub fn slug(&self, number: u32) -> Option<&str> {
        self.0.get(&number).map(String::as_str)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|(number, slug)| (*number, slug.as_str()))
    }
}

/// A page's slug: `self-pipe` of `self-pipe.md`.
pub fn slug(page: &Path) -> Option<String> {
    Some(page.file_stem()?.to_str()?.to_owned())
}
