//! Starter, solution and known-wrong answers, held against each other for every exercise on disk.
//!
//! The starter compiles without a warning and fails every graded test; the solution passes every one; each
//! known-wrong answer fails, and is told what its header says that it is told. One set of graded tests does all
//! three: each exercise's test binary is built once and run with `GRADER_PROGRAM` naming a candidate. An exercise may
//! keep answers of another style in `right/`; they must pass like the solution.
//!
//! `TRIANGLE=reap-all,two-branches cargo test -p solutions` grades these exercises only, and with `TIMES=100` each candidate
//! so often: no verdict may depend on luck, or on how busy the machine is (`just again 100 reap-all`, `just again 100` for all).
//! After the first time, a wrong answer is asked only by the tests that told it its cause, which must tell it again.

use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{Artifact, Message, MetadataCommand, Package, TargetKind};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

/// How long one exercise's tests may take with one candidate. Each run in them has a deadline of its own.
const DEADLINE: Duration = Duration::from_secs(120);

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the root")
}

/// An exercise as it lies on disk: `exercises/CHAPTER/NAME`.
struct Exercise {
    chapter: String,
    name: String,
    folder: PathBuf,
}

fn exercises() -> Vec<Exercise> {
    let mut found = Vec::new();
    for chapter in entries(&root().join("exercises")) {
        for folder in entries(&chapter).into_iter().filter(|f| f.join("Cargo.toml").is_file()) {
            found.push(Exercise { chapter: file_name(&chapter), name: file_name(&folder), folder });
        }
    }
    assert!(!found.is_empty(), "no exercise found in {}", root().join("exercises").display());
    found
}

/// The exercises to grade: all of them, or those that `TRIANGLE` names.
fn chosen() -> Vec<Exercise> {
    let mut found = exercises();
    if let Ok(names) = std::env::var("TRIANGLE")
        && !names.is_empty()
    {
        let names: Vec<&str> = names.split(',').collect();
        let unknown = names.iter().find(|name| !found.iter().any(|e| e.name == **name));
        assert!(unknown.is_none(), "TRIANGLE names {unknown:?}, which is no exercise");
        found.retain(|exercise| names.contains(&exercise.name.as_str()));
    }
    found
}

/// How often each candidate is graded.
fn times() -> u32 {
    std::env::var("TIMES").map_or(1, |times| times.parse().expect("TIMES is a number"))
}

impl Exercise {
    fn wrong_answers(&self) -> Vec<PathBuf> {
        self.programs_in("wrong")
    }

    /// Answers of another style than the solution's.
    fn right_answers(&self) -> Vec<PathBuf> {
        self.programs_in("right")
    }

    fn programs_in(&self, folder: &str) -> Vec<PathBuf> {
        let files = entries(&self.folder.join(folder));
        files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "rs")).collect()
    }

    fn solution(&self) -> PathBuf {
        root().join("solutions").join(&self.chapter).join(format!("{}.rs", self.name))
    }

    /// The starter, the solution, and the right and wrong answers; a wrong one whose header does not say what it is told can't be graded.
    fn candidates(&self, starter: &Path, tests: &Path) -> Vec<Candidate<'_>> {
        let candidate = |name: &str, program: PathBuf, must| {
            let name = format!("{}, {name}", self.name);
            let tests = tests.to_owned();
            Candidate { name, exercise: self, tests, program, must, telling: Vec::new() }
        };
        let mut candidates = vec![
            candidate("the starter", starter.to_owned(), Must::FailEachTest),
            candidate("the solution", answer(&self.name), Must::Pass),
        ];
        for right in self.right_answers() {
            let name = answer_name(self, &right);
            candidates.push(candidate(&name, answer(&name), Must::Pass));
        }
        for wrong in self.wrong_answers() {
            let name = answer_name(self, &wrong);
            let must = told(&wrong).map(Must::BeTold);
            candidates.extend(must.map(|must| candidate(&name, answer(&name), must)));
        }
        candidates
    }

    /// What is not as it should be with the wrong answers' headers.
    fn wrong_headers(&self) -> Vec<String> {
        let wrong_answers = self.wrong_answers();
        let mut complaints = Vec::new();
        let mut fragments = BTreeMap::new();
        for wrong in &wrong_answers {
            let name = answer_name(self, wrong);
            match told(wrong) {
                None => {
                    complaints.push(format!("{name}: its header declares no `//! Told: \"…\"`"))
                }
                Some(told) => {
                    if let Some(other) = fragments.insert(told, name.clone()) {
                        complaints.push(format!("{name}: declares the same words as {other}"));
                    }
                }
            }
        }
        if wrong_answers.len() < 3 {
            let count = wrong_answers.len();
            complaints.push(format!("{}: has {count} wrong answers, fewer than three", self.name));
        }
        complaints
    }
}

/// So many candidates are graded at a time for each processor: many wait for a deadline, and the others keep it busy.
const AT_A_TIME: usize = 4;

#[test]
fn starters_fail_solutions_pass_and_wrong_answers_are_told_why() {
    let chosen = chosen();
    let (built, mut complaints) = build(&chosen);
    let mut candidates = Vec::new();
    for exercise in &chosen {
        let built = built.get(&exercise.name).cloned().unwrap_or_default();
        match (built.starter, built.tests) {
            (Some(starter), Some(tests)) => {
                candidates.extend(exercise.candidates(&starter, &tests))
            }
            _ => complaints.push(format!("{}: no program, or no test, was built", exercise.name)),
        }
        complaints.extend(exercise.wrong_headers());
    }
    let times = times();
    for time in 1..=times {
        let found = grade(&mut candidates);
        for (name, complaint) in &found {
            eprintln!("{name}, time {time}: {complaint}");
        }
        // Once is enough: the others go on.
        candidates.retain(|candidate| found.iter().all(|(name, _)| *name != candidate.name));
        complaints.extend(found.into_iter().map(|(name, it)| format!("{name}, time {time}: {it}")));
        if times > 1 {
            eprintln!("{time} of {times} times: {} candidates as they should be", candidates.len());
        }
    }
    report(&complaints);
}

/// Grades each candidate once; returns those that are not graded as they should be, by name.
fn grade(candidates: &mut [Candidate]) -> Vec<(String, String)> {
    let graders = thread::available_parallelism().map_or(1, usize::from) * AT_A_TIME;
    let waiting = Mutex::new(candidates.iter_mut());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            while let Some(candidate) = next() {
                let complaint = candidate.grade().err();
                found.extend(complaint.map(|it| (candidate.name.clone(), it)));
            }
            found
        };
        let grading: Vec<_> = (0..graders).map(|_| scope.spawn(work)).collect();
        grading
            .into_iter()
            .flat_map(|thread| thread.join().expect("grading does not panic"))
            .collect()
    })
}

#[test]
#[ignore = "`just mutants` runs it, with one line of one solution changed"]
fn the_solutions_pass_unless_cargo_mutants_has_changed_them() {
    let changed = |exercise: &Exercise| {
        let source = fs::read_to_string(exercise.solution()).unwrap_or_default();
        source.contains("~ changed by cargo-mutants ~")
    };
    let (mutant, others): (Vec<_>, Vec<_>) = chosen().into_iter().partition(changed);
    // Without any, this is the run that shows that they pass as they are.
    let graded = if mutant.is_empty() { others } else { mutant };
    let (built, mut complaints) = build(&graded);
    for exercise in &graded {
        let tests = built.get(&exercise.name).and_then(|built| built.tests.as_deref());
        let tests = tests.expect("each exercise has tests");
        match run(exercise, tests, &answer(&exercise.name), &[]) {
            Ok(grades) if grades.failed().is_empty() => {}
            Ok(grades) => complaints.push(format!("{}:\n{}", exercise.name, grades.output)),
            Err(why) => complaints.push(format!("{}: {why}", exercise.name)),
        }
    }
    report(&complaints);
}

#[test]
fn every_answer_is_a_program_of_this_package_and_every_program_an_answer() {
    let metadata = metadata(&root().join("Cargo.toml"));
    let package = metadata.iter().find(|p| p.name.as_str() == "solutions").expect("this package");
    let mut listed: BTreeMap<PathBuf, String> = package
        .targets
        .iter()
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| (canonical(target.src_path.as_std_path()), target.name.clone()))
        .collect();
    let mut complaints = Vec::new();
    let mut expect = |file: &Path, name: String| match listed.remove(&canonical(file)) {
        Some(found) if found == name => {}
        Some(found) => {
            complaints.push(format!("{}: listed as {found:?}, not {name:?}", file.display()))
        }
        None => {
            complaints.push(format!("{}: not in solutions/Cargo.toml, as {name:?}", file.display()))
        }
    };
    for exercise in exercises() {
        expect(&exercise.solution(), exercise.name.clone());
        for other in exercise.right_answers().into_iter().chain(exercise.wrong_answers()) {
            expect(&other, answer_name(&exercise, &other));
        }
    }
    complaints.extend(
        listed.into_keys().map(|file| format!("{}: belongs to no exercise", file.display())),
    );
    report(&complaints);
}

#[test]
fn every_exercise_is_in_the_workspace_in_the_book_and_has_three_hints() {
    let members: Vec<PathBuf> = metadata(&root().join("exercises/Cargo.toml"))
        .iter()
        .map(|package| canonical(package.manifest_path.as_std_path()))
        .collect();
    let mut complaints = Vec::new();
    for Exercise { chapter, name, folder } in exercises() {
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                complaints.push(format!("{chapter}/{name}: {what}"));
            }
        };
        let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        expect(
            members.contains(&canonical(&folder.join("Cargo.toml"))),
            "not a member of exercises/Cargo.toml",
        );
        let page = format!("book/src/{chapter}.md");
        let directive = format!("{{{{#exercise {name}}}}}");
        expect(
            text(root().join(&page)).contains(&directive),
            &format!("{page} has no {directive}"),
        );
        let link = format!("](../../../{page})");
        expect(
            text(folder.join("README.md")).contains(&link),
            &format!("README.md has no link {link}"),
        );
        let tests = text(folder.join("tests/grade.rs"));
        let [graded, worth] = ["#[test]", "worth("].map(|it| tests.matches(it).count());
        expect(
            graded == worth,
            &format!("{graded} graded tests, of which {worth} say their worth"),
        );
        let hints = text(folder.join("hints.md"));
        let headings: Vec<&str> = hints.lines().filter(|line| line.starts_with("## ")).collect();
        let three = ["## Hint 1", "## Hint 2", "## Hint 3"];
        expect(
            headings == three,
            &format!("hints.md has the headings {headings:?}, not {three:?}"),
        );
    }
    report(&complaints);
}

/// A program that an exercise's tests grade, and what they must say.
struct Candidate<'a> {
    name: String,
    exercise: &'a Exercise,
    tests: PathBuf,
    program: PathBuf,
    must: Must,
    /// The tests that have told a wrong answer what it must be told; none before it was graded.
    telling: Vec<String>,
}

enum Must {
    FailEachTest,
    Pass,
    /// Fail at least one test, and be told this.
    BeTold(String),
}

impl Candidate<'_> {
    /// What is not as it should be, with what the tests have said.
    fn grade(&mut self) -> Result<(), String> {
        let grades = run(self.exercise, &self.tests, &self.program, &self.telling)?;
        let (passed, failed) = (grades.passed(), grades.failed());
        let complaint = match &self.must {
            Must::FailEachTest if !passed.is_empty() => {
                format!("passes {passed:?}, but nothing is written yet")
            }
            Must::FailEachTest if !grades.mentions("This is not written yet") => {
                "is not told that it is not written yet".into()
            }
            Must::Pass if !failed.is_empty() => format!("fails {failed:?}"),
            Must::BeTold(_) if failed.is_empty() => "passes every test".into(),
            Must::BeTold(told) if !grades.mentions(told) => format!("is not told {told:?}"),
            Must::BeTold(told) => {
                self.telling = grades.telling(told);
                return Ok(());
            }
            _ => return Ok(()),
        };
        Err(format!("{complaint}\n{}", grades.output))
    }
}

/// What the tests of an exercise said of one candidate.
struct Grades {
    /// `(test, passed)`.
    tests: Vec<(String, bool)>,
    output: String,
}

impl Grades {
    fn passed(&self) -> Vec<&str> {
        self.tests.iter().filter(|(_, passed)| *passed).map(|(test, _)| test.as_str()).collect()
    }

    fn failed(&self) -> Vec<&str> {
        self.tests.iter().filter(|(_, passed)| !*passed).map(|(test, _)| test.as_str()).collect()
    }

    fn mentions(&self, fragment: &str) -> bool {
        mentions(&self.output, fragment)
    }

    /// The tests whose own output has the fragment: the harness prints it below `---- NAME stdout ----`.
    fn telling(&self, fragment: &str) -> Vec<String> {
        let outputs = self.output.split("\n---- ").skip(1);
        let tests = outputs.filter_map(|it| it.split_once(" stdout ----\n"));
        tests
            .filter(|(_, output)| mentions(output, fragment))
            .map(|(test, _)| test.into())
            .collect()
    }
}

/// Whether the text has these words one behind the other, wherever its lines end.
fn mentions(text: &str, fragment: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    words(text).contains(&words(fragment))
}

/// Runs an exercise's test binary on one candidate, as `cargo test` would: these tests of it, or all where none is named.
fn run(
    exercise: &Exercise,
    tests: &Path,
    program: &Path,
    only: &[String],
) -> Result<Grades, String> {
    if !program.is_file() {
        return Err(format!("{} was not built", program.display()));
    }
    let (mut output, sink) = std::io::pipe().map_err(|e| format!("pipe: {e}"))?;
    let mut child = Command::new(tests)
        .arg("--exact")
        .args(only)
        .current_dir(&exercise.folder)
        .env("GRADER_PROGRAM", program)
        .stdin(Stdio::null())
        .stdout(sink.try_clone().map_err(|e| format!("dup: {e}"))?)
        .stderr(sink)
        .spawn()
        .map_err(|e| format!("cannot run {}: {e}", tests.display()))?;
    // The end of the output is the end of the tests: nobody below them holds it (see the grader).
    let (finished, finish) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = output.read_to_end(&mut text);
        let _ = finished.send(());
        String::from_utf8_lossy(&text).into_owned()
    });
    let in_time = finish.recv_timeout(DEADLINE).is_ok();
    if !in_time {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| format!("wait: {e}"))?;
    let output = reader.join().unwrap_or_default();
    if !in_time {
        return Err(format!("its tests did not end within {DEADLINE:?}:\n{output}"));
    }
    let tests: Vec<(String, bool)> = output.lines().filter_map(test_result).collect();
    let all_passed = tests.iter().all(|(_, passed)| *passed);
    if tests.is_empty() || all_passed != status.success() {
        return Err(format!("its tests ended with {status}:\n{output}"));
    }
    Ok(Grades { tests, output })
}

/// `test NAME ... ok`, as the test harness prints it.
fn test_result(line: &str) -> Option<(String, bool)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match result {
        "ok" => Some((name.into(), true)),
        "FAILED" => Some((name.into(), false)),
        _ => None,
    }
}

/// What was built of one exercise.
#[derive(Clone, Default)]
struct Built {
    starter: Option<PathBuf>,
    tests: Option<PathBuf>,
}

/// Builds the chosen exercises, and returns them by name, with the complaints of the compiler.
fn build(chosen: &[Exercise]) -> (BTreeMap<String, Built>, Vec<String>) {
    // A target folder of its own: this may run while an editor, or the learner, builds in exercises/target.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("exercises");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--no-run", "--locked", "--quiet", "--message-format=json"])
        .args(chosen.iter().flat_map(|exercise| ["--package", &exercise.name]))
        .arg("--manifest-path")
        .arg(root().join("exercises/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .stdin(Stdio::null())
        .output()
        .expect("cargo can be run");
    let mut built = BTreeMap::<String, Built>::new();
    let mut complaints = Vec::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        match message.expect("cargo's messages can be read") {
            Message::CompilerArtifact(artifact) => {
                if let Some(executable) = artifact.executable.clone() {
                    let built = built.entry(package_name(&artifact)).or_default();
                    let place =
                        if artifact.profile.test { &mut built.tests } else { &mut built.starter };
                    *place = Some(executable.into_std_path_buf());
                }
            }
            Message::CompilerMessage(message) if is_complaint(message.message.level) => {
                complaints.push(message.message.rendered.unwrap_or(message.message.message));
            }
            _ => {}
        }
    }
    if !output.status.success() {
        complaints.push(format!(
            "the exercises do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    (built, complaints)
}

fn is_complaint(level: DiagnosticLevel) -> bool {
    matches!(level, DiagnosticLevel::Ice | DiagnosticLevel::Error | DiagnosticLevel::Warning)
}

/// The name of the folder of an artifact's package: an exercise and its folder have one name.
fn package_name(artifact: &Artifact) -> String {
    artifact.manifest_path.parent().and_then(|folder| folder.file_name()).unwrap_or_default().into()
}

/// The program of that name of this package.
fn answer(name: &str) -> PathBuf {
    match std::env::var_os(format!("CARGO_BIN_EXE_{name}")) {
        Some(path) => path.into(),
        // Before Rust 1.94 the variable is there at compile time only, when the names are not known.
        None => {
            let tests = std::env::current_exe().expect("this program has a path");
            tests.ancestors().nth(2).expect("it lies in target/PROFILE/deps").join(name)
        }
    }
}

fn answer_name(exercise: &Exercise, answer: &Path) -> String {
    format!("{}--{}", exercise.name, file_name(&answer.with_extension("")))
}

/// The fragment of a diagnosis that a wrong answer's header declares: `//! Told: "…"`.
fn told(wrong: &Path) -> Option<String> {
    let text = fs::read_to_string(wrong).ok()?;
    let fragment =
        text.lines().find_map(|line| line.strip_prefix("//! Told: \""))?.strip_suffix('"')?;
    Some(fragment.to_owned()).filter(|fragment| !fragment.is_empty())
}

fn metadata(manifest: &Path) -> Vec<Package> {
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
    metadata.expect("cargo metadata can be run").packages
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten();
    let mut entries: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn report(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n\n{}\n",
        complaints.len(),
        complaints.join("\n\n")
    );
}
