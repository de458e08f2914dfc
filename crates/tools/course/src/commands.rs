//! What each command does.

use crate::TROUBLE;
use anyhow::{Context as _, Result};
use course::look::Look;
use course::watch::{self, Ending};
use course::{Course, Exercise, How, Keeper, Progress, Report, Reset, Status, Stop, Usage, words};
use course::{check, reset, shown};
use serde_json::{Value, json};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// The commands, in a course with its progress.
pub(crate) struct Commands {
    course: Course,
    keeper: Keeper,
    progress: Progress,
    look: Look,
    json: bool,
}

impl Commands {
    pub(crate) fn here(json: bool) -> Result<Self> {
        let here = std::env::current_dir().context("cannot tell the current folder")?;
        let course = Course::find(&here)?;
        let keeper = Keeper::at(&course.root);
        let progress = keeper.load()?;
        Ok(Self { course, keeper, progress, look: Look::of_stdout(), json })
    }

    pub(crate) fn next(&self) -> Result<ExitCode> {
        let Some(next) = self.course.next(&self.progress) else {
            return self.say(&json!({ "exercise": null }), ALL_DONE);
        };
        let task = || -> Result<String> {
            let task =
                words::task(&self.course, next, &self.look).context("cannot read the task")?;
            let name = &next.name;
            Ok(format!(
                "{task}\n{}`cargo course watch` checks it on each save, `cargo course check {name}` once.\n",
                words::standing(&self.course, &self.progress),
            ))
        };
        let object = json!({
            "exercise": next.name,
            "chapter": next.chapter,
            "number": next.number,
            "of": self.course.exercises.len(),
            "task": next.task().context("cannot read the task")?,
            "readme": next.readme(),
            "file": next.file(),
        });
        self.say(&object, &task()?)
    }

    pub(crate) fn list(&self) -> Result<ExitCode> {
        let next = self.course.next(&self.progress);
        let exercises = self.course.exercises.iter().map(|exercise| {
            let standing = self.progress.of(&exercise.name);
            let checks = exercise.checks().unwrap_or_default();
            json!({
                "exercise": exercise.name,
                "chapter": exercise.chapter,
                "passed": standing.passed,
                "points": standing.points,
                "max": checks.iter().map(|check| check.max).sum::<u32>(),
                "hints": standing.hints,
            })
        });
        let object = json!({
            "next": next.map(|it| it.name.as_str()),
            "exercises": exercises.collect::<Vec<_>>(),
        });
        self.say(&object, &words::list(&self.course, &self.progress, next, &self.look))
    }

    pub(crate) fn check(mut self, name: Option<&str>) -> Result<ExitCode> {
        let Some(exercise) = self.named_or_next(name)? else { return self.next() };
        let Some(report) = self.checked(&exercise, &Interrupt::new()?)? else {
            return Ok(ExitCode::from(TROUBLE));
        };
        let next = self.course.next_after(&exercise, &self.progress);
        let text = words::report(&report, &self.look);
        let step = words::next_step(&report, next);
        let gap = if step.is_empty() { "" } else { "\n" };
        let object = serde_json::to_value(&report).context("cannot write JSON")?;
        self.say(&object, &format!("{text}{gap}{step}"))?;
        Ok(ExitCode::from(code(report.status)))
    }

    pub(crate) fn check_all(mut self) -> Result<ExitCode> {
        let mut reports: Vec<Report> = Vec::new();
        let interrupt = Interrupt::new()?;
        for exercise in self.course.exercises.clone() {
            let Some(report) = self.checked(&exercise, &interrupt)? else { break };
            if !self.json {
                let headline = words::report(&report, &self.look);
                self.write(&format!("{}\n", headline.lines().next().unwrap_or_default()))?;
            }
            reports.push(report);
        }
        let worst = reports.iter().map(|report| code(report.status));
        // What the learner can mend comes first here, too.
        let worst = worst.max_by_key(|code| [0, 3, 0, 2][usize::from(*code)]).unwrap_or(0);
        let object = json!({ "exercises": reports });
        self.say(&object, &format!("\n{}", words::standing(&self.course, &self.progress)))?;
        Ok(ExitCode::from(worst))
    }

    pub(crate) fn watch(&self, name: Option<&str>) -> Result<ExitCode> {
        if self.json {
            return Err(Usage("watch has no --json; `check --json` has".into()).into());
        }
        let Some(exercise) = self.named_or_next(name)? else { return self.next() };
        match watch::watch(&self.course, &self.keeper, &exercise)? {
            Ending::Quit => Ok(ExitCode::SUCCESS),
            Ending::Signal(signal) => Ok(die_of(signal)),
        }
    }

    pub(crate) fn hint(&self, name: Option<&str>, all: bool) -> Result<ExitCode> {
        let Some(exercise) = self.named_or_next(name)? else { return self.next() };
        let name = &exercise.name;
        let hints = exercise.hints().context("cannot read the hints")?.0;
        let before = self.progress.of(name).hints;
        let given = if all { hints.len() } else { (before + 1).min(hints.len()) };
        let first = if all { 0 } else { given.saturating_sub(1) };
        self.keeper.change(|progress| progress.note_hints(name, given))?;
        let parts =
            (first..given).map(|n| words::hint(name, n + 1, hints.len(), &hints[n], &self.look));
        let mut text = parts.collect::<Vec<_>>().join("\n");
        if before >= hints.len() && !all {
            text += "\nThat is the last one. The chapter's page has the rest of the story.\n";
        }
        let object = json!({
            "exercise": name, "hint": given, "of": hints.len(), "text": hints.get(first..given),
        });
        self.say(&object, &text)
    }

    pub(crate) fn solution(&self, name: &str, anyway: bool) -> Result<ExitCode> {
        let exercise = self.course.exercise(name)?;
        let name = &exercise.name;
        if !anyway && !self.progress.of(name).passed {
            return Err(Usage(format!(
                "{name} has not passed yet; `cargo course hint {name}` helps, and --anyway shows the answer"
            ))
            .into());
        }
        let path = self.course.solution(exercise);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.say(&json!({ "exercise": name, "file": path, "text": text }), &text)
    }

    pub(crate) fn reset(&self, name: &str, yes: bool) -> Result<ExitCode> {
        let exercise = self.course.exercise(name)?;
        let path = exercise.file();
        let file = shown(&path, &self.course.root).to_string();
        if !yes {
            if !io::stdin().is_terminal() || self.json {
                let why =
                    format!("nobody is there to ask; `cargo course reset {name} --yes` doesn't");
                return Err(Usage(why).into());
            }
            let question = format!("Put the starter back in {file}? Your version is kept. [y/N] ");
            self.write(&question)?;
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).context("cannot read the answer")?;
            if !matches!(answer.trim(), "y" | "Y" | "yes") {
                self.write("Nothing was changed.\n")?;
                return Ok(ExitCode::SUCCESS);
            }
        }
        let (kept, text) = match reset(&self.course, &self.keeper, exercise)? {
            Reset::Nothing => (None, format!("{file} was the starter already.\n")),
            Reset::Done(None) => (None, format!("The starter is in {file}.\n")),
            Reset::Done(Some(kept)) => {
                let place = shown(&kept, &self.course.root).to_string();
                (
                    Some(kept),
                    format!("The starter is in {file}.\nYour version is kept in {place}.\n"),
                )
            }
        };
        self.say(&json!({ "exercise": exercise.name, "file": path, "kept": kept }), &text)
    }

    /// The exercise of that name; without a name, the next one; `None` when all are done.
    fn named_or_next(&self, name: Option<&str>) -> Result<Option<Exercise>> {
        Ok(match name {
            Some(name) => Some(self.course.exercise(name)?.clone()),
            None => self.course.next(&self.progress).cloned(),
        })
    }

    /// Checks, and notes what was found; `None` if a signal came, which ends the program.
    fn checked(&mut self, exercise: &Exercise, interrupt: &Interrupt) -> Result<Option<Report>> {
        // On standard error, where it is in nobody's way, and only while somebody waits and looks.
        let progress = |line: &str| {
            let line = line.trim();
            if ["Compiling", "Downloading", "Blocking"].iter().any(|it| line.starts_with(it)) {
                eprint!("\r\x1b[K{}", line.split(" (/").next().unwrap_or(line));
            }
        };
        let shows = io::stderr().is_terminal() && !self.json;
        let nothing = |_: &str| {};
        let how = How {
            colour: self.look.colour && !self.json,
            stop: interrupt.stop.clone(),
            progress: if shows { &progress } else { &nothing },
            ..How::default()
        };
        let report = check(exercise, &how);
        if shows {
            eprint!("\r\x1b[K");
        }
        let Some(report) = report? else {
            die_of(interrupt.signal.load(Ordering::SeqCst));
            return Ok(None);
        };
        self.progress = self.keeper.change(|progress| progress.note(&report))?;
        Ok(Some(report))
    }

    /// Prints the object, or the words.
    fn say(&self, object: &Value, text: &str) -> Result<ExitCode> {
        self.write(&if self.json { format!("{object}\n") } else { text.to_owned() })?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // `cargo course list | head`: who has read enough is no error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("cannot write"),
        }
    }
}

const ALL_DONE: &str = "Every exercise of the course passes.\n";

/// The exit code that says so.
fn code(status: Status) -> u8 {
    match status {
        Status::Pass => 0,
        Status::Fail => 1,
        Status::Environment | Status::Error => TROUBLE,
    }
}

/// The signals that mean "enough": the check is ended first, so that nothing of it stays behind.
struct Interrupt {
    stop: Stop,
    /// The signal that came.
    signal: Arc<AtomicI32>,
}

impl Interrupt {
    fn new() -> Result<Self> {
        let interrupt = Self { stop: Stop::default(), signal: Arc::default() };
        let (stop, came) = (interrupt.stop.clone(), Arc::clone(&interrupt.signal));
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen to signals")?;
        thread::spawn(move || {
            for signal in signals.forever() {
                came.store(signal, Ordering::SeqCst);
                stop.stop();
            }
        });
        Ok(interrupt)
    }
}

/// Ends this program by the signal that was meant to end it, so that a shell knows.
fn die_of(signal: i32) -> ExitCode {
    // If even that is refused, the shell's own number says it.
    _ = signal_hook::low_level::emulate_default_handler(signal);
    ExitCode::from(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)))
}
