//! The house rules of ARCHITECTURE.md, held by tests.

mod common;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use common::{Done, project};
use lab::chapters::Chapters;
use lab::workspace::Workspace;
use lab::{directive, markdown};
use mdbook_driver::MDBook;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use toml::Value;

/// Which chapter may use which: the table of contents, as arrows.
const ARROWS: [(&str, &[&str]); 9] = [
    ("syscalls", &[]),
    ("fork", &[]),
    ("pipe", &["syscalls"]),
    ("select", &["syscalls"]),
    ("signals", &["syscalls"]),
    ("self-pipe", &["pipe", "signals"]),
    ("execve", &["fork"]),
    ("mini-unicorn", &["syscalls", "fork", "pipe", "select", "signals", "self-pipe", "execve"]),
    ("after", &["syscalls", "fork", "pipe", "select", "signals", "self-pipe", "execve"]),
];

/// The one tool that the tests of the chapters may use.
const FOR_TESTS: &str = "crates/tools/story";

/// What only the book's front door may bring along.
const HEAVY: [&str; 4] = ["axum", "tokio", "mdbook-driver", "mdbook-preprocessor"];

/// The tools that make no unsafe call.
const WITHOUT_UNSAFE: [&str; 3] = ["lab", "trace", "course"];

const LONGEST_PROGRAM: usize = 80;

/// A shell takes a little more, and so does who operates a server; still less than one sitting.
const LONGER: [(&str, usize); 2] = [("tiny_shell", 300), ("operator", 220)];

/// A file of a chapter's library, documentation included: what is read at one sitting.
const LONGEST_FILE: usize = 250;

/// A chapter's library, without comments and blank lines.
const LARGEST_LIBRARY: usize = 250;

/// One is what all are for, and still read in an evening. One has two halves: running a program, and
/// the hot restart. And one has a listener with all that a server may want of it.
const LARGER: [(&str, usize); 3] = [("mini-unicorn", 3400), ("execve", 315), ("select", 265)];

fn metadata() -> Result<Metadata, Box<dyn Error>> {
    Ok(MetadataCommand::new().current_dir(project()).exec()?)
}

/// Where a member stands: `crates/fork`, `crates/tools/lab`.
fn place(package: &Package) -> Result<String, Box<dyn Error>> {
    let folder = package.manifest_path.parent().ok_or("a manifest without a folder")?;
    Ok(folder.as_std_path().strip_prefix(project())?.to_string_lossy().into_owned())
}

/// The members, by their folders.
fn members(metadata: &Metadata) -> Result<BTreeMap<String, &Package>, Box<dyn Error>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Ok((place(package)?, package)))
        .collect()
}

/// A chapter's slug, when the folder is a chapter's.
fn slug(place: &str) -> Option<&str> {
    place.strip_prefix("crates/").filter(|rest| !rest.contains('/'))
}

/// The members on which one depends for that purpose.
fn uses<'a>(
    package: &Package,
    all: &'a BTreeMap<String, &Package>,
    purpose: impl Fn(DependencyKind) -> bool,
) -> BTreeSet<&'a str> {
    let ours = package.dependencies.iter().filter(|dep| dep.path.is_some() && purpose(dep.kind));
    let names: BTreeSet<_> = ours.map(|dep| dep.name.as_str()).collect();
    let used = all.iter().filter(|(_, other)| names.contains(other.name.as_str()));
    used.map(|(place, _)| place.as_str()).collect()
}

fn chapters() -> Result<Chapters, Box<dyn Error>> {
    Ok(Chapters::of(&MDBook::load(project().join("book"))?.book))
}

fn toml(path: &str) -> Result<toml::Table, Box<dyn Error>> {
    Ok(fs::read_to_string(project().join(path))?.parse()?)
}

#[test]
fn no_crate_outside_the_tools_depends_on_a_tool() -> Done {
    let metadata = metadata()?;
    let members = members(&metadata)?;
    for (place, package) in &members {
        if place.starts_with("crates/tools/") || place == "solutions" {
            continue;
        }
        let tool = |to: &&str| to.starts_with("crates/tools/");
        let code: Vec<_> = uses(package, &members, |kind| kind != DependencyKind::Development)
            .into_iter()
            .filter(tool)
            .collect();
        assert!(code.is_empty(), "{place} depends on {code:?}");
        let tests: Vec<_> = uses(package, &members, |_| true)
            .into_iter()
            .filter(tool)
            .filter(|to| *to != FOR_TESTS)
            .collect();
        assert!(tests.is_empty(), "the tests of {place} depend on {tests:?}");
    }
    Ok(())
}

#[test]
fn chapters_depend_on_earlier_chapters_as_the_arrows_say() -> Done {
    let metadata = metadata()?;
    let members = members(&metadata)?;
    for (place, package) in &members {
        let Some(chapter) = slug(place) else { continue };
        let allowed = ARROWS.iter().find(|(from, _)| *from == chapter);
        let (_, allowed) = allowed.ok_or(format!("{place} is in no arrow; add it to the table"))?;
        for to in uses(package, &members, |_| true).into_iter().filter_map(slug) {
            assert!(
                allowed.contains(&to),
                "{chapter} must not depend on {to}, only on {allowed:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn nothing_depends_on_the_lab() -> Done {
    let metadata = metadata()?;
    let members = members(&metadata)?;
    for (place, package) in &members {
        let all = uses(package, &members, |_| true);
        assert!(!all.contains("crates/tools/lab"), "{place} depends on the lab");
    }
    Ok(())
}

#[test]
fn only_the_lab_brings_the_web_server_and_the_book() -> Done {
    let metadata = metadata()?;
    let resolved = metadata.resolve.as_ref().ok_or("cargo metadata resolved nothing")?;
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let needs: BTreeMap<&PackageId, Vec<&PackageId>> = resolved
        .nodes
        .iter()
        .map(|node| (&node.id, node.deps.iter().map(|dep| &dep.pkg).collect()))
        .collect();
    for (place, package) in
        members(&metadata)?.iter().filter(|(place, _)| *place != "crates/tools/lab")
    {
        let (mut seen, mut open) = (BTreeSet::new(), vec![&package.id]);
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                assert!(!HEAVY.contains(&names[id]), "{place} brings {} along", names[id]);
                open.extend(needs.get(id).into_iter().flatten());
            }
        }
    }
    Ok(())
}

#[test]
fn members_summary_and_recipes_agree_on_the_chapters_and_their_order() -> Done {
    let summary: Vec<_> =
        chapters()?.iter().map(|(number, slug)| (number, slug.to_owned())).collect();

    let manifest = toml("Cargo.toml")?;
    let members =
        manifest.get("workspace").and_then(|w| w.get("members")).and_then(Value::as_array);
    let members = members.into_iter().flatten().filter_map(Value::as_str).filter_map(slug);
    let slugs: Vec<_> = summary.iter().map(|(_, slug)| slug.as_str()).collect();
    assert_eq!(members.collect::<Vec<_>>(), slugs, "Cargo.toml's members and SUMMARY.md's pages");

    let mut recipes = Vec::new();
    let justfile = fs::read_to_string(project().join("justfile"))?;
    let mut lines = justfile.lines();
    while let Some(line) = lines.next() {
        let Some((number, parameters)) =
            line.strip_prefix("chapter-").and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let body = lines.next().unwrap_or_default();
        let krate = body.split(" _program ").nth(1).and_then(|rest| rest.split(' ').next());
        let krate = krate.ok_or(format!("chapter-{number} runs no `_program CRATE`: {body}"))?;
        let headline = Workspace::at(project()).headline(krate).ok_or("no `default-run`")?;
        assert!(
            parameters.starts_with(&format!("program=\"{headline}\"")),
            "chapter-{number} runs another program than `default-run` of crates/{krate}: {parameters}"
        );
        recipes.push((number.parse()?, krate.to_owned()));
    }
    assert_eq!(recipes, summary, "the justfile's recipes and SUMMARY.md's pages");
    Ok(())
}

#[test]
fn each_program_is_listed_introduced_short_and_on_its_page() -> Done {
    let workspace = Workspace::at(project());
    for (_, slug) in chapters()?.iter() {
        let manifest = toml(&format!("crates/{slug}/Cargo.toml"))?;
        let listed = manifest.get("bin").and_then(Value::as_array).into_iter().flatten();
        let listed: Vec<_> = listed.filter_map(|bin| bin.get("name")?.as_str()).collect();
        let page = fs::read_to_string(project().join(format!("book/src/{slug}.md")))?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let words: BTreeSet<_> = page.split(|c| !is_name(c)).collect();
        for name in workspace.programs(slug) {
            let path = Workspace::program(slug, &name);
            let source = fs::read_to_string(project().join(&path))?;
            assert!(listed.contains(&name.as_str()), "{path} is no [[bin]] of its manifest");
            assert!(source.starts_with("//!"), "{path} does not begin with what it shows (`//!`)");
            let lines = source.lines().count();
            let longer = LONGER.iter().find(|(longer, _)| *longer == name);
            let most = longer.map_or(LONGEST_PROGRAM, |(_, most)| *most);
            assert!(lines <= most, "{path} has {lines} lines, over {most}");
            assert!(words.contains(name.as_str()), "book/src/{slug}.md never names {name}");
        }
    }
    Ok(())
}

#[test]
fn a_chapters_library_is_small() -> Done {
    for (_, slug) in chapters()?.iter() {
        let mut code = 0;
        for path in library(&project().join(format!("crates/{slug}/src")))? {
            let source = fs::read_to_string(&path)?;
            let source = source.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let lines = source.lines().count();
            assert!(lines <= LONGEST_FILE, "{}: {lines} lines", path.display());
            let counts = |line: &&str| !line.is_empty() && !line.starts_with("//");
            code += source.lines().map(str::trim).filter(counts).count();
        }
        let larger = LARGER.iter().find(|(larger, _)| *larger == slug);
        let most = larger.map_or(LARGEST_LIBRARY, |(_, most)| *most);
        assert!((1..=most).contains(&code), "{slug}: {code} lines of code, over {most}");
    }
    Ok(())
}

/// A library's files: neither programs nor tests.
fn library(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("bin") && !path.ends_with("tests") {
            files.extend(library(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Calls that the chapters make for the server, by the names that nix and libc have for them.
const MADE_BY_CHAPTERS: [&str; 21] = [
    "accept",
    "accept4",
    "bind",
    "execve",
    "execvp",
    "fork",
    "listen",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "pselect",
    "select",
    "sigaction",
    "sigprocmask",
    "pthread_sigmask",
    "socket",
    "wait",
    "waitid",
    "waitpid",
    "write",
];

#[test]
fn the_server_makes_no_system_call_that_a_chapter_makes_for_it() -> Done {
    // `nix::unistd::{read, write}`, `libc::write(`: a path, and its last parts.
    let paths = Regex::new(r"\b(?:nix::[a-z_:]*|libc::)(?:\{[^}]*\}|\w+)")?;
    for path in library(&project().join("crates/mini-unicorn/src"))? {
        let source = fs::read_to_string(&path)?;
        let source = source.split("\n#[cfg(test)]").next().unwrap_or_default();
        for found in paths.find_iter(source) {
            let (_, names) = found.as_str().rsplit_once("::").unwrap_or_default();
            for name in names.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                let made = MADE_BY_CHAPTERS.contains(&name);
                assert!(!made, "{}: `{}`: a chapter has it", path.display(), found.as_str());
            }
        }
    }
    Ok(())
}

#[test]
fn a_rust_listing_in_a_page_is_included_and_never_pasted() -> Done {
    for (_, slug) in chapters()?.iter() {
        let page = fs::read_to_string(project().join(format!("book/src/{slug}.md")))?;
        for block in markdown::code(&page).iter().filter(|code| code.is("rust")) {
            let line = markdown::line(&page, block.range.start);
            let included = !directive::find(&block.text).is_empty();
            assert!(included, "book/src/{slug}.md:{line}: a pasted listing; include tested code");
        }
    }
    Ok(())
}

#[test]
fn tools_without_unsafe_forbid_it() -> Done {
    for tool in WITHOUT_UNSAFE {
        for root in ["lib.rs", "main.rs"] {
            let path = format!("crates/tools/{tool}/src/{root}");
            let Ok(source) = fs::read_to_string(project().join(&path)) else { continue };
            assert!(
                source.contains("\n#![forbid(unsafe_code)]\n"),
                "{path} does not forbid unsafe"
            );
        }
    }
    Ok(())
}
