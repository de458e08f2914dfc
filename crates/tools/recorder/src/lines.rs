//! On which line of the program a call is.
//!
//! A call is made deep in libraries. The line is the one on which the program itself has called them:
//! of the functions that have not returned, the innermost one in the sources of the program, the ones
//! that somebody reads who reads the program. A call that nobody in there has asked for, say of a
//! library's own thread, has the line in the library.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;

use nix::unistd::Pid;
use trace::Task;

use crate::image::{Files, Image};
use crate::recording::Recording;
use crate::source::{Home, Line, Source};

/// What is known of the programs that are recorded.
#[derive(Default)]
pub(crate) struct Lines {
    files: Files,
    /// By the file's device and number: a program that is executed again is known.
    sources: HashMap<(u64, u64), Rc<RefCell<Sources>>>,
    programs: HashMap<Task, Program>,
}

/// A program as it lies in a process's memory; forked processes have the same.
#[derive(Clone)]
struct Program {
    image: Rc<RefCell<Image>>,
    sources: Rc<RefCell<Sources>>,
}

/// What is known of a program's sources.
struct Sources {
    /// `None`: it has no debug information.
    source: Option<Source>,
    lines: HashMap<u64, Option<Line>>,
    home: Option<Home>,
}

impl Lines {
    /// A process has made another one, which runs the same program.
    pub(crate) fn forked(&mut self, parent: Task, child: Task) {
        if let Some(program) = self.programs.get(&parent) {
            let program = program.clone();
            self.programs.insert(child, program);
        }
    }

    /// A process runs another program from now on, or none any more.
    pub(crate) fn forget(&mut self, process: Task) {
        self.programs.remove(&process);
    }

    fn line(&mut self, process: Task, pid: Pid) -> Option<String> {
        if !self.programs.contains_key(&process) {
            let program = self.program(pid)?;
            self.programs.insert(process, program);
        }
        let program = self.programs.get(&process)?;
        let mut sources = program.sources.borrow_mut();
        sources.line(&mut program.image.borrow_mut(), pid)
    }

    fn program(&mut self, pid: Pid) -> Option<Program> {
        let path = PathBuf::from(format!("/proc/{pid}/exe"));
        let file = fs::metadata(&path).ok()?;
        let sources = self.sources.entry((file.dev(), file.ino())).or_insert_with(|| {
            let source = Source::of(&path);
            Rc::new(RefCell::new(Sources { source, lines: HashMap::new(), home: None }))
        });
        let image = Rc::new(RefCell::new(Image::of(pid, &mut self.files)));
        Some(Program { image, sources: Rc::clone(sources) })
    }
}

impl Sources {
    fn line(&mut self, image: &mut Image, pid: Pid) -> Option<String> {
        let source = self.source.as_mut()?;
        let (lines, home) = (&mut self.lines, self.home.as_ref());
        let (mut innermost, mut outermost, mut own) = (None, None, None);
        image.walk(pid, |address| {
            let line = lines.entry(address).or_insert_with(|| source.line(address));
            let Some(line) = line else { return false };
            if home.is_some_and(|home| home.has(line)) {
                own = Some(line.clone());
                return true;
            }
            innermost.get_or_insert_with(|| line.clone());
            outermost = Some(line.clone());
            false
        });
        match (&self.home, outermost) {
            (Some(home), _) => Some(own.or(innermost)?.seen_from(home)),
            // Nothing that has a line comes before `main`.
            (None, Some(main)) => {
                self.home = Some(Home::of(&main));
                self.line(image, pid)
            }
            (None, None) => None,
        }
    }
}

impl Recording<'_> {
    /// On which line of its program a stopped task is.
    pub(crate) fn line(&mut self, task: Task) -> Option<String> {
        let tracee = self.tasks.get(&task).filter(|_| self.options.lines)?;
        self.lines.line(tracee.process, tracee.pid)
    }
}
