//! Where the program lies differs from machine to machine: its folder is `…` in all texts.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What stands for such a folder.
const HERE: &str = "…";

/// Folders that are called `…`, longest first.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<String>);

impl Places {
    /// A program's folder; and the working directory, if the program lies below it. What PATH leads to is
    /// the machine's own, and keeps its name.
    pub(crate) fn of(program: &OsStr) -> Places {
        let path = Path::new(program);
        let Some(folder) = path.parent().filter(|folder| *folder != "") else {
            return Places::default();
        };
        let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let search = env::var_os("PATH").unwrap_or_default();
        if env::split_paths(&search).any(|known| known == folder || known == whole) {
            return Places::default();
        }
        let below = |parent: &PathBuf| whole.starts_with(parent) && parent.parent().is_some();
        let working = env::current_dir().ok().filter(below);
        let folders = [Some(folder.to_path_buf()), Some(whole.clone()), working];
        let folders = folders.into_iter().flatten().filter(|folder| folder != Path::new("/"));
        let mut places: Vec<_> =
            folders.map(|folder| folder.to_string_lossy().into_owned()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.len()));
        places.dedup();
        Places(places)
    }

    pub(crate) fn in_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for place in self.0.iter().filter(|place| !matches!(place.as_str(), "." | "..")) {
            if text.contains(place.as_str()) {
                text = Cow::Owned(replaced(&text, place));
            }
        }
        text
    }
}

/// A text with `…` for a path that stands there whole: `/a/b` is not in `/a/bc`, and `a/b` not in `/a/b`.
fn replaced(text: &str, path: &str) -> String {
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let (mut done, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(path) {
        let end = start + path.len();
        let whole = !rest[..start].ends_with(in_name)
            && (rest[end..].starts_with('/') || !rest[end..].starts_with(in_name));
        done.push_str(&rest[..start]);
        done.push_str(if whole { HERE } else { path });
        rest = &rest[end..];
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_path_is_replaced() {
        let text = "/a/b /a/b/c (/a/b) /a/bc /x/a/b /a/b-c";
        assert_eq!(replaced(text, "/a/b"), "… …/c (…) /a/bc /x/a/b /a/b-c");
        assert_eq!(replaced("a/b/c /a/b/c", "a/b"), "…/c /a/b/c");
    }

    #[test]
    fn a_folder_of_the_system_keeps_its_name() {
        for program in ["ls", "/bin/ls", "/usr/bin/ls"] {
            assert_eq!(Places::of(OsStr::new(program)).0, [""; 0], "{program}");
        }
        let folder = tempfile::tempdir().expect("there is room");
        let places = Places::of(folder.path().join("program").as_os_str());
        assert_eq!(places.in_text(&folder.path().join("x").to_string_lossy()), "…/x");
    }
}
