//! What lies where in a process's memory, as far as it takes to find the way from a call back to `main`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, Unwinder,
    UnwinderNative,
};
use nix::unistd::Pid;
use object::{Object, ObjectSection, ObjectSegment, ReadCache};

use crate::machine::{self, Site};
use crate::memory;
use crate::ptrace;

/// Nobody calls deeper than that before it matters.
const DEEPEST: usize = 128;
/// So much of a stack is read at a time.
const PIECE: usize = 4096;
/// A stack that is compared with what it was is read up to that far.
const COMPARED: u64 = 32 * 1024;
/// With more of them than that, a program has no few from which it calls again and again.
const SITES: usize = 1024;

type Bytes = Arc<[u8]>;

/// What is known of a file that programs consist of: the same file serves many processes.
#[derive(Default)]
pub(crate) struct Files(HashMap<(u64, u64), Arc<Binary>>);

/// How to unwind what a file's functions do with the stack, and where the file wants to lie.
struct Binary {
    /// Offset in the file, length, and address of what is loaded.
    segments: Vec<(u64, u64, u64)>,
    sections: ExplicitModuleSectionInfo<Bytes>,
}

/// A process's memory.
pub(crate) struct Image {
    unwinder: UnwinderNative<Bytes, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
    /// Where the program itself lies, and by how much that differs from its file.
    program: Option<(std::ops::Range<u64>, u64)>,
    /// The last walk from each site: a loop calls from the same one again and again.
    walks: HashMap<Site, Walk>,
}

/// A way from a call back, and what says that it is still the same.
struct Walk {
    /// The words on the stack that showed the way, with their addresses.
    words: Vec<(u64, u64)>,
    /// The addresses in the program.
    passed: Vec<u64>,
}

/// A mapping that is executed.
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    path: String,
}

impl Image {
    /// Reads what is mapped now.
    pub(crate) fn of(pid: Pid, files: &mut Files) -> Image {
        let mut image = Image {
            unwinder: UnwinderNative::new(),
            cache: CacheNative::new(),
            program: None,
            walks: HashMap::new(),
        };
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let program = fs::read_link(&exe).ok();
        for mapping in mappings(pid) {
            // The program may have been deleted, and its paths may lead elsewhere for us.
            let is_program = program.as_deref() == Some(Path::new(&mapping.path));
            let within = || PathBuf::from(format!("/proc/{pid}/root{}", mapping.path));
            let path = if is_program { exe.clone() } else { within() };
            let Some(binary) = files.binary(&path) else { continue };
            let Some(moved) = binary.moved(&mapping) else { continue };
            let range = mapping.start..mapping.end;
            if is_program {
                image.program = Some((range.clone(), moved));
            }
            let sections = binary.sections.clone();
            image.unwinder.add_module(Module::new(mapping.path, range, moved, sections));
        }
        image
    }

    /// The addresses in the program, as its file has them, from which a stopped task has come to where it is:
    /// the innermost first. `found` says when it is enough.
    pub(crate) fn walk(&mut self, pid: Pid, mut found: impl FnMut(u64) -> bool) {
        let (Some((program, moved)), Ok(registers)) = (&self.program, ptrace::registers(pid))
        else {
            return;
        };
        let site = machine::site(&registers);
        if let Some(walk) = self.walks.get(&site).filter(|walk| walk.is_still(pid, site.stack)) {
            _ = walk.passed.iter().copied().any(found);
            return;
        }
        let (instruction, registers) = machine::unwind_from(&registers);
        let mut stack = Stack { pid, pieces: HashMap::new() };
        let mut walk = Walk { words: Vec::new(), passed: Vec::new() };
        let mut read = |address| {
            let word = stack.long(address).ok_or(())?;
            walk.words.push((address, word));
            Ok(word)
        };
        let mut frames =
            self.unwinder.iter_frames(instruction, registers, &mut self.cache, &mut read);
        for _ in 0..DEEPEST {
            let Ok(Some(frame)) = frames.next() else { break };
            let address = frame.address_for_lookup();
            if program.contains(&address) {
                let address = address.wrapping_sub(*moved);
                walk.passed.push(address);
                if found(address) {
                    break;
                }
            }
        }
        if self.walks.len() >= SITES {
            self.walks.clear();
        }
        self.walks.insert(site, walk);
    }
}

impl Walk {
    /// Whether the words that showed the way stand on the stack as before; one read tells.
    fn is_still(&self, pid: Pid, from: u64) -> bool {
        let farthest = self.words.iter().map(|&(address, _)| address).max().unwrap_or(from);
        let Some(length) = farthest.checked_sub(from).filter(|&length| length <= COMPARED) else {
            return false;
        };
        let stack = memory::read(pid, from, length as usize + 8);
        self.words.iter().all(|&(address, word)| {
            let at = address.wrapping_sub(from) as usize;
            stack.get(at..).and_then(<[u8]>::first_chunk) == Some(&word.to_ne_bytes())
        })
    }
}

impl Files {
    fn binary(&mut self, path: &Path) -> Option<Arc<Binary>> {
        let file = File::open(path).ok()?;
        let found = file.metadata().ok()?;
        let key = (found.dev(), found.ino());
        if let Some(known) = self.0.get(&key) {
            return Some(Arc::clone(known));
        }
        let binary = Arc::new(Binary::read(file)?);
        self.0.insert(key, Arc::clone(&binary));
        Some(binary)
    }
}

impl Binary {
    fn read(file: File) -> Option<Binary> {
        let cache = ReadCache::new(file);
        let object = object::File::parse(&cache).ok()?;
        let segments = object.segments().map(|segment| {
            let (offset, length) = segment.file_range();
            (offset, length, segment.address())
        });
        let section = |name| object.section_by_name(name);
        let range = |name| section(name).map(|it| it.address()..it.address() + it.size());
        let data = |name| section(name).and_then(|it| it.data().ok()).map(Bytes::from);
        let sections = ExplicitModuleSectionInfo {
            text_svma: range(".text"),
            got_svma: range(".got"),
            eh_frame_svma: range(".eh_frame"),
            eh_frame: data(".eh_frame"),
            eh_frame_hdr_svma: range(".eh_frame_hdr"),
            eh_frame_hdr: data(".eh_frame_hdr"),
            ..ExplicitModuleSectionInfo::default()
        };
        Some(Binary { segments: segments.collect(), sections })
    }

    /// What to add to the file's addresses to have those of the mapping.
    fn moved(&self, mapping: &Mapping) -> Option<u64> {
        let holds = |&&(offset, length, _): &&(u64, u64, u64)| {
            // A mapping begins with a page.
            let end = (offset + length).next_multiple_of(PIECE as u64);
            (offset - offset % PIECE as u64..end).contains(&mapping.offset)
        };
        let &(offset, _, address) = self.segments.iter().rfind(holds)?;
        let in_file = address.wrapping_add(mapping.offset).wrapping_sub(offset);
        Some(mapping.start.wrapping_sub(in_file))
    }
}

fn mappings(pid: Pid) -> Vec<Mapping> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().filter_map(mapping).collect()
}

/// A line of proc_pid_maps(5), if it is of a file's code.
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let executable = words.next()?.as_bytes().get(2) == Some(&b'x');
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    (executable && path.starts_with('/')).then_some(())?;
    Some(Mapping {
        start: hexadecimal(start)?,
        end: hexadecimal(end)?,
        offset: hexadecimal(offset)?,
        path: path.to_string(),
    })
}

/// A task's stack, read in pieces.
struct Stack {
    pid: Pid,
    pieces: HashMap<u64, Vec<u8>>,
}

impl Stack {
    fn long(&mut self, address: u64) -> Option<u64> {
        let start = address - address % PIECE as u64;
        let pid = self.pid;
        let piece = self.pieces.entry(start).or_insert_with(|| memory::read(pid, start, PIECE));
        let at = (address - start) as usize;
        let bytes = piece.get(at..at + 8)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_of_interest() {
        let line = "7ffff7c28000-7ffff7db0000 r-xp 00028000 fe:00 1234                       /usr/lib/lib c.so";
        let found = mapping(line).expect("it is code");
        assert_eq!((found.start, found.offset), (0x7fff_f7c2_8000, 0x28000));
        assert_eq!(found.path, "/usr/lib/lib c.so");
        assert!(mapping("7ffff7fc3000-7ffff7fc5000 r-xp 00000000 00:00 0    [vdso]").is_none());
        assert!(mapping("7ffff7c28000-7ffff7db0000 rw-p 00028000 fe:00 1 /a").is_none());
    }
}
