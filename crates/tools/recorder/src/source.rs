//! From an address in a program to the line that was written there.
//!
//! A line is named so that it is the same wherever the sources lie: by its path in its package, the
//! folder with a `Cargo.toml`. Without one, that is what stands above `src` or `tests`, or the file's own folder.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::Context;
use gimli::{Dwarf, EndianArcSlice, Reader, RunTimeEndian, SectionId};
use object::{Object, ObjectSection, ReadCache};

/// Sources of others: std, what cargo has downloaded, what the system brings.
const OTHERS: [&str; 6] = [
    "/rustc/",
    "/lib/rustlib/src/",
    "/registry/src/",
    "/git/checkouts/",
    "/usr/include/",
    "/usr/src/",
];

/// What folders of sources are called, where no `Cargo.toml` says to whom they belong.
const FOLDERS: [&str; 4] = ["src", "tests", "examples", "benches"];

/// A line of a source that is not others'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The folder of its package.
    package: PathBuf,
    /// Its path in there.
    file: PathBuf,
    number: u32,
}

/// The sources of a program itself, as they are told from those of the libraries that it calls.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    package: PathBuf,
    /// The file with `main`, which may have a folder of its name for its modules; `None`: all of the
    /// package is the program's.
    file: Option<PathBuf>,
}

impl Home {
    /// By a line in `main`. One that is in `main.rs`, or has the package's name, is what the package is for.
    /// Others, as in `src/bin`, are programs beside it.
    pub(crate) fn of(main: &Line) -> Home {
        let name =
            |path: &Path| path.file_stem().map(|name| name.to_string_lossy().replace('-', "_"));
        let named = name(&main.file);
        let whole = named.as_deref() == Some("main") || named == name(&main.package);
        Home { package: main.package.clone(), file: (!whole).then(|| main.file.clone()) }
    }

    pub(crate) fn has(&self, line: &Line) -> bool {
        let own =
            |file: &PathBuf| line.file == *file || line.file.starts_with(file.with_extension(""));
        line.package == self.package && self.file.as_ref().is_none_or(own)
    }
}

impl Line {
    /// As seen from a program: `src/bin/pipe_hello.rs:17`, or `fork/src/lib.rs:40` if it is in another package.
    pub(crate) fn seen_from(&self, home: &Home) -> String {
        let name = self.package.file_name().filter(|_| self.package != home.package);
        let file = name.map_or_else(|| self.file.clone(), |name| Path::new(name).join(&self.file));
        format!("{}:{}", file.display(), self.number)
    }
}

type Bytes = EndianArcSlice<RunTimeEndian>;

/// A program's debug information.
pub(crate) struct Source {
    context: Context<Bytes>,
    /// The code that others have compiled: nothing of ours is in there, and to read all of what is said
    /// of it would take long.
    others: Vec<Range<u64>>,
    packages: HashMap<PathBuf, PathBuf>,
}

impl Source {
    /// `None`: it has none that can be read.
    pub(crate) fn of(program: &Path) -> Option<Source> {
        let file = ReadCache::new(File::open(program).ok()?);
        let object = object::File::parse(&file).ok()?;
        object.section_by_name(SectionId::DebugInfo.name())?;
        let order =
            if object.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let section = |id: SectionId| {
            let section = object.section_by_name(id.name());
            // Where it is compressed, it isn't read: then there are no lines.
            let data = section.and_then(|section| section.uncompressed_data().ok());
            Ok(Bytes::new(data.map_or_else(|| Arc::from([]), Arc::from), order))
        };
        let dwarf = Dwarf::load(section).map_err(|_: gimli::Error| ()).ok()?;
        let dwarf = Arc::new(dwarf);
        let others = others(&dwarf);
        let context = Context::from_arc_dwarf(dwarf).ok()?;
        Some(Source { context, others, packages: HashMap::new() })
    }

    /// The line of an address as the file has it; of several functions that were made one, the
    /// innermost's that is not others'.
    pub(crate) fn line(&mut self, address: u64) -> Option<Line> {
        if self.others.iter().any(|range| range.contains(&address)) {
            return None;
        }
        let mut frames = self.context.find_frames(address).skip_all_loads().ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let location = frame.location;
            let Some((file, number)) = location.and_then(|at| Some((at.file?, at.line?))) else {
                continue;
            };
            if Path::new(file).is_absolute() && !is_others(file) {
                return in_package(&mut self.packages, Path::new(file), number);
            }
        }
        None
    }
}

fn others(dwarf: &Dwarf<Bytes>) -> Vec<Range<u64>> {
    let mut others = Vec::new();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let names = [&unit.comp_dir, &unit.name].into_iter().flatten();
        if names.filter_map(|name| name.to_string_lossy().ok()).any(|name| is_others(&name)) {
            let Ok(mut ranges) = dwarf.unit_ranges(&unit) else { continue };
            while let Ok(Some(range)) = ranges.next() {
                others.push(range.begin..range.end);
            }
        }
    }
    others
}

fn is_others(path: &str) -> bool {
    OTHERS.iter().any(|part| path.contains(part))
}

fn in_package(known: &mut HashMap<PathBuf, PathBuf>, path: &Path, number: u32) -> Option<Line> {
    let folder = path.parent()?;
    let package = match known.get(folder) {
        Some(package) => package.clone(),
        None => {
            let package = package(path)?.to_path_buf();
            known.insert(folder.to_path_buf(), package.clone());
            package
        }
    };
    let file = path.strip_prefix(&package).ok()?.to_path_buf();
    Some(Line { package, file, number })
}

/// The folder of the package that a source belongs to.
fn package(path: &Path) -> Option<&Path> {
    let above = || path.ancestors().skip(1);
    let has_manifest = |folder: &&Path| folder.join("Cargo.toml").is_file();
    let holds_sources = |folder: &&Path| {
        FOLDERS.iter().any(|name| folder.file_name().is_some_and(|it| it == *name))
    };
    let by_name = || above().find(holds_sources).and_then(Path::parent);
    above().find(has_manifest).or_else(by_name).or_else(|| path.parent())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str, home: &str) -> String {
        let line = in_package(&mut HashMap::new(), Path::new(path), 17).expect("it has a folder");
        line.seen_from(&Home { package: home.into(), file: None })
    }

    #[test]
    fn a_program_beside_others_is_its_own_file() {
        let line = |path| in_package(&mut HashMap::new(), Path::new(path), 1).expect("a folder");
        let beside = Home::of(&line("/no/pipe/src/bin/pipe_hello.rs"));
        assert!(beside.has(&line("/no/pipe/src/bin/pipe_hello.rs")));
        assert!(beside.has(&line("/no/pipe/src/bin/pipe_hello/parts.rs")));
        assert!(!beside.has(&line("/no/pipe/src/lib.rs")));
        for whole in ["/no/pipe/src/main.rs", "/no/pipe/src/bin/pipe.rs"] {
            let whole = Home::of(&line(whole));
            assert!(whole.has(&line("/no/pipe/src/lib.rs")));
            assert!(!whole.has(&line("/no/fork/src/lib.rs")));
        }
    }

    #[test]
    fn a_line_is_named_by_its_path_in_its_package() {
        assert_eq!(seen("/no/pipe/src/bin/pipe_hello.rs", "/no/pipe"), "src/bin/pipe_hello.rs:17");
        assert_eq!(seen("/no/fork/src/lib.rs", "/no/pipe"), "fork/src/lib.rs:17");
        assert_eq!(seen("/no/homework/loop.c", "/no/homework"), "loop.c:17");
        // Where there is a manifest, it alone decides: this file's package has a folder `src` further up.
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = own.join("tests/src/programs/subject.rs");
        let path = path.to_str().expect("it is text");
        let home = own.to_str().expect("it is text");
        assert_eq!(seen(path, home), "tests/src/programs/subject.rs:17");
    }
}
