//! Every link inside the built book leads somewhere.

use crate::problem::{Problem, it_has};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use percent_encoding::percent_decode_str;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// A built book's files by their path in it, `fork.html`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All pages on one.
const PRINT: &str = "print.html";

/// What the links of a page look for.
#[derive(Default)]
struct Page {
    ids: BTreeSet<String>,
    /// The ids that a message proposes.
    headings: BTreeSet<String>,
    links: BTreeSet<Link>,
    /// `<base href>`, the page from which links count.
    base: Option<String>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    url: String,
    /// Whether the browser fetches it by itself.
    loaded: bool,
}

/// Every `href` and `src` that names a file or an id that the book doesn't have, and everything
/// that a page would load from another host. `source` is the folder of the pages as written.
pub fn check(files: &Files, source: &Path) -> Vec<Problem> {
    let pages: BTreeMap<&str, Page> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".html"))
        .map(|(name, bytes)| (name.as_str(), read(&String::from_utf8_lossy(bytes))))
        .collect();
    let mut problems = Vec::new();
    for (name, page) in &pages {
        for link in &page.links {
            if let Err(what) = follow(files, &pages, name, page, link) {
                problems.push(Problem { file: written(source, name), line: 0, what });
            }
        }
    }
    // The print page repeats the others, and their dead links.
    if problems.iter().any(|problem| problem.file != PRINT) {
        problems.retain(|problem| problem.file != PRINT);
    }
    problems
}

fn follow(
    files: &Files,
    pages: &BTreeMap<&str, Page>,
    name: &str,
    page: &Page,
    link: &Link,
) -> Result<(), String> {
    let url = link.url.as_str();
    if let Some(host) = elsewhere(url) {
        let asks = link.loaded && host;
        return if asks { Err(format!("`{url}` is loaded from another host")) } else { Ok(()) };
    }
    let (path, id) = url.split_once('#').unwrap_or((url, ""));
    let path = path.split('?').next().unwrap_or("");
    let from = page.base.as_deref().unwrap_or(name);
    // A bare `#id` means this page, whatever its base.
    let target = if path.is_empty() { Some(name.to_owned()) } else { resolve(from, &decode(path)) };
    let Some(target) = target else {
        return Err(format!("dead link `{url}`: it leads out of the book"));
    };
    if !files.contains_key(&target) {
        return Err(format!("dead link `{url}`: the book has no {target}"));
    }
    let id = decode(id);
    match pages.get(target.as_str()) {
        Some(there) if !id.is_empty() && !there.ids.contains(&id) => {
            let headings: Vec<_> = there.headings.iter().cloned().collect();
            Err(format!("dead link `{url}`: no id `{id}` in {target} {}", it_has(&headings)))
        }
        _ => Ok(()),
    }
}

/// Whether a link leaves the book; if so, whether to another host.
fn elsewhere(url: &str) -> Option<bool> {
    if url.starts_with("//") {
        return Some(true);
    }
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme != "data")
}

/// The file that a path leads to from a page.
fn resolve(from: &str, path: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if path.starts_with('/') { "" } else { folder.trim_start_matches('/') };
    let mut target = PathBuf::new();
    for part in Path::new(start).join(path.trim_start_matches('/')).components() {
        match part {
            // Above the root there is no book.
            Component::ParentDir => target.pop().then_some(())?,
            Component::Normal(part) => target.push(part),
            _ => {}
        }
    }
    if path.ends_with('/') {
        target.push("index.html");
    }
    Some(target.to_string_lossy().into_owned())
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The Markdown page behind an HTML page, when there is one.
fn written(source: &Path, name: &str) -> String {
    let page = Path::new(name).with_extension("md");
    if source.join(&page).is_file() {
        return format!("book/src/{}", page.display());
    }
    name.to_owned()
}

fn read(html: &str) -> Page {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Sink(RefCell<Page>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind != TagKind::StartTag {
            return TokenSinkResult::Continue;
        }
        note(&mut self.0.borrow_mut(), &tag);
        // What looks like a tag in a script is none.
        match &*tag.name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" => TokenSinkResult::RawData(RawKind::Rawtext),
            _ => TokenSinkResult::Continue,
        }
    }
}

fn note(page: &mut Page, tag: &Tag) {
    let is = |name: &str| &*tag.name == name;
    for attribute in &tag.attrs {
        let value = attribute.value.to_string();
        match &*attribute.name.local {
            "id" => {
                if matches!(&*tag.name, "h1" | "h2" | "h3" | "h4" | "h5" | "h6") {
                    page.headings.insert(value.clone());
                }
                page.ids.insert(value);
            }
            "name" if is("a") => _ = page.ids.insert(value),
            "href" if is("base") => page.base = Some(value),
            "href" => _ = page.links.insert(Link { url: value, loaded: is("link") }),
            "src" => _ = page.links.insert(Link { url: value, loaded: true }),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(pages: &[(&str, &str)]) -> Files {
        pages.iter().map(|(name, html)| ((*name).to_owned(), html.as_bytes().to_vec())).collect()
    }

    fn wrong(pages: &[(&str, &str)]) -> Vec<String> {
        check(&book(pages), Path::new("/nowhere")).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn links_to_files_and_ids_that_exist_are_fine() {
        let page = "<h1 id='top'>A</h1><a href='#top'>t</a><a href='b/c.html#x%20y'>c</a>\
                    <a href='https://example.org/'>e</a><a href='b/'>b</a><img src='b/i.png?v=1'>";
        let files = [
            ("a.html", page),
            ("b/c.html", "<a id='x y' href='../a.html'></a>"),
            ("b/index.html", ""),
            ("b/i.png", ""),
        ];
        assert_eq!(wrong(&files), Vec::<String>::new());
    }

    #[test]
    fn a_missing_file_and_a_missing_id_are_named_with_their_page() {
        let page = "<a href='gone.html'></a><a href='#nope'></a><a href='../out.html'></a>";
        let wrong = wrong(&[("a.html", page)]);
        assert_eq!(wrong[0], "a.html: dead link `#nope`: no id `nope` in a.html (it has none)");
        assert_eq!(wrong[1], "a.html: dead link `../out.html`: it leads out of the book");
        assert_eq!(wrong[2], "a.html: dead link `gone.html`: the book has no gone.html");
    }

    #[test]
    fn a_page_that_loads_from_another_host_is_refused() {
        let wrong = wrong(&[("a.html", "<script src='//cdn.example.org/x.js'></script>")]);
        assert_eq!(wrong, ["a.html: `//cdn.example.org/x.js` is loaded from another host"]);
    }

    #[test]
    fn tags_in_a_script_are_text() {
        assert_eq!(
            wrong(&[("a.html", "<script>'<a href=gone.html>'</script>")]),
            Vec::<String>::new()
        );
    }
}
