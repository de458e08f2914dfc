//! Where the two descriptors of `two-offsets` must stand, and what must have become of the file.

use grader::{Descriptor, Exit, Folder, Gates, Outcome, Run, Running, Seed, Seen, Verdict};
use nix::errno::Errno;

/// What a run is about.
struct Case {
    folder: Folder,
    text: String,
    word: String,
    count: usize,
    gate: Gates,
    seed: Seed,
}

const FILE: &str = "sentence.txt";

impl Case {
    fn new(name: &str) -> Self {
        let mut seed = Seed::of(name);
        let letters = |seed: &mut Seed, count: usize| -> String {
            (0..count).map(|_| seed.random().alphabetic()).collect()
        };
        let text = letters(&mut seed, 40);
        let count = seed.random().usize(8..15);
        let length = seed.random().usize(3..7);
        let word = letters(&mut seed, length);
        Self { folder: Folder::new(), text, word, count, gate: Gates::new(1), seed }
    }

    fn run(&self) -> Run {
        self.without_a_gate().args(self.gate.paths())
    }

    fn without_a_gate(&self) -> Run {
        Run::new(grader::program!("two-offsets"))
            .may_write(self.folder.path())
            .arg(self.folder.path().join(FILE))
            .args([&self.word, &self.count.to_string()])
    }

    /// Starts the program, and looks at what leads to FILE when it stands at its gate.
    fn start(&mut self) -> (Running, Vec<Descriptor>) {
        let path = self.folder.put(FILE, &self.text);
        let mut running = self.run().start();
        let gate = &mut self.gate;
        let stands = running.until(|now| {
            // Once it has arrived, it holds the gate and reads: what is seen then stays so.
            let program = now.program()?;
            (gate.arrived() == 1 && program.blocked()).then(|| program.descriptors.clone())
        });
        match stands {
            Ok(held) => (running, held.into_iter().filter(|it| it.target == path).collect()),
            Err(_) => self.never_came(&running.finish()),
        }
    }

    fn never_came(&self, outcome: &Outcome) -> ! {
        outcome.must_end();
        let complaint = String::from_utf8_lossy(&outcome.stderr);
        let untouched = self.folder.read(FILE).is_some_and(|now| now == self.text.as_bytes());
        let verdict = if complaint.contains("failed to fill") && untouched {
            Verdict::new("The reader does not begin at the first byte: behind its place there is too little to be read.")
                .ask("Where does a descriptor stand that was just opened, and who has moved it since?")
        } else if complaint.contains("failed to fill") {
            Verdict::new("What stood in FILE is gone: it was emptied before anything was read.")
                .ask("Which flag of open(2) does that, and which function of std sets it?")
        } else if complaint.contains("(os error 9)") {
            Verdict::new(
                "There is a descriptor that nothing may be written by, or nothing be read.",
            )
            .ask("For what was each of the two opened?")
        } else {
            Verdict::new("The program ended before it came to its gate.").ask("Which call failed?")
        };
        self.fail(verdict, outcome)
    }

    fn fail(&self, verdict: Verdict, outcome: &Outcome) -> ! {
        let file = self.folder.read(FILE);
        let file = file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        verdict
            .saw(format!(
                "in FILE stood {:?}; WORD is {:?}, COUNT is {}",
                self.text, self.word, self.count
            ))
            .saw(file.map_or_else(
                || "FILE isn't there now".into(),
                |text| format!("in FILE stands {text:?}"),
            ))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .replay(&self.seed)
            .fail()
    }
}

#[test]
fn each_descriptor_has_a_place_of_its_own() {
    grader::worth(2);
    let mut case = Case::new("places");
    let (_running, held) = case.start();
    let (read, written) = (case.count as u64, case.word.len() as u64);
    let mut places: Vec<u64> = held.iter().map(|it| it.offset).collect();
    places.sort_unstable();
    let mut expected = [read, written];
    expected.sort_unstable();
    if places == expected {
        return;
    }
    let verdict = if places == [read + written; 2] {
        Verdict::new("The two descriptors have one place between them: they lead to the same open file description.")
            .ask("Which call makes a number, and which one a new description behind it?")
    } else if places.len() == 2 {
        Verdict::new("The two descriptors stand elsewhere than they should.")
            .ask("Where does each of them begin, and who moves it?")
    } else {
        let lead = match places.len() {
            0 => "No descriptor leads".into(),
            1 => "1 descriptor leads".into(),
            more => format!("{more} descriptors lead"),
        };
        Verdict::new(format!("{lead} to FILE, and not two."))
            .ask("How often was FILE opened, and where does each of the descriptors lead?")
    };
    verdict
        .saw(format!("{read} bytes were read, and {written} written"))
        .saw_all(
            held.iter().map(|it| {
                format!("{} stands {} bytes from the start of FILE", it.number, it.offset)
            }),
        )
        .replay(&case.seed)
        .fail()
}

#[test]
fn the_word_stands_at_the_beginning_and_the_rest_stays() {
    grader::worth(2);
    let mut case = Case::new("text");
    let (running, _) = case.start();
    case.gate.open(1);
    let outcome = running.finish();
    outcome.must_end();
    let now = case.folder.read(FILE).unwrap_or_default();
    let now = String::from_utf8_lossy(&now).into_owned();
    let Case { text, word, count, .. } = &case;
    let beginning = format!("{}\n", &text[..*count]).into_bytes();
    let rest = &text[word.len()..];
    let written = now == format!("{word}{rest}");
    // Whatever it has said of its own accord before.
    if written && outcome.stdout.ends_with(&beginning) && outcome.exit == Exit::Code(0) {
        return;
    }
    let verdict = if written {
        Verdict::new("The program did not read the beginning, or does not report success.")
            .ask("Where does the first read begin?")
    } else if now == format!("{text}{word}") {
        Verdict::new("WORD stands at the end of FILE, and not at its beginning.")
            .ask("Where does a descriptor stand that was just opened, and what has brought this one to the end: a flag, or a call?")
    } else if now == *text {
        Verdict::new("WORD stands nowhere in FILE.").ask("Where does the second descriptor lead?")
    } else if now.contains(word.as_str()) {
        Verdict::new("WORD stands in the middle of FILE: behind what was read.")
            .ask("Whose place has the reader moved?")
    } else {
        Verdict::new("Something else stands in FILE than WORD, and behind it what stood there.")
            .ask("Where does the first write begin, and what has become of the rest?")
    };
    case.fail(verdict, &outcome)
}

#[test]
fn what_stands_there_is_never_taken_away() {
    grader::worth(1);
    let case = Case::new("meanwhile");
    // More than a page, or a buffer.
    let text = case.text.repeat(500);
    case.folder.put(FILE, &text);
    // A gate at which nobody waits.
    let Some(seen) = case.without_a_gate().arg("/dev/null").recorded().record() else { return };
    let empties = |step: &&Seen| step.sentence.contains(FILE) && step.sentence.contains("O_TRUNC");
    if let Some(step) = seen.steps.iter().find(empties) {
        Verdict::new("FILE is emptied on the way, whatever is put back into it afterwards.")
            .saw(step.to_string())
            .ask("What does somebody find who reads FILE at that moment, and what is left of it if the program ends there?")
            .fail();
    }
    seen.outcome.must_end();
    let now = case.folder.read(FILE).unwrap_or_default();
    if seen.outcome.exit == Exit::Code(0) && now.len() < text.len() {
        Verdict::new("The end of a longer FILE is gone.")
            .saw(format!("FILE had {} bytes, and now it has {}", text.len(), now.len()))
            .ask("Who has said how long FILE is to be?")
            .fail();
    }
}

#[test]
fn a_file_that_is_not_there_is_reported_and_not_made() {
    grader::worth(1);
    let case = Case::new("missing");
    let outcome = case.run().finish();
    outcome.must_end();
    let verdict = if case.folder.read(FILE).is_some() {
        Verdict::new("The program made a file that was not there.")
            .ask("Which flag of open(2) makes a file, and did anybody ask for one?")
    } else if !outcome.reports(Errno::ENOENT) {
        Verdict::new("FILE isn't there, and the program does otherwise than to report that.")
            .ask("Which error does `open_twice` return, and whose is it?")
    } else {
        return;
    };
    verdict.saw("FILE was not there").saw(outcome.ending()).saw_all(outcome.complaint()).fail()
}
