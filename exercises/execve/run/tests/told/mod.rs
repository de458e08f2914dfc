//! What was said on standard output, and by whom; whether `sh` was found, and by which name; and what is said when it can't be executed.

use crate::run_sh;
use grader::{Exit, Injection, Outcome, Run, Seed, Verdict};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

/// The lines of standard output that `sh` has printed, each of which begins with `<`; and what of the others speaks of an end: who says so, and which code.
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    pub(crate) ends: Vec<(String, String)>,
}

pub(crate) fn told(outcome: &Outcome) -> Told {
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let end = |line: &str| {
        let (pid, code) = line.strip_prefix("[run ")?.split_once("] it ended with ")?;
        Some((pid.to_owned(), code.to_owned()))
    };
    Told {
        lines: text.lines().filter(|line| line.starts_with('<')).map(str::to_owned).collect(),
        ends: text.lines().filter_map(end).collect(),
    }
}

/// Fails if `sh` is found by its path only.
pub(crate) fn must_be_found(outcome: &Outcome) {
    if outcome.exit != Exit::Code(127) {
        return;
    }
    let succeeds = |sh| {
        let run = Run::new(grader::program!("run")).args([sh, "-c", "exit 0"]);
        run.finish().exit == Exit::Code(0)
    };
    if !succeeds("sh") && succeeds("/bin/sh") {
        Verdict::new("`sh` was not found, and it is there: in one of the folders of PATH.")
            .saw("`run /bin/sh -c 'exit 0'` succeeds")
            .saw_all(outcome.complaint())
            .saw(outcome.ending())
            .ask("exec(3): which of the exec functions look for a name in PATH, and which take it as it is?")
            .fail();
    }
}

/// Fails unless `sh` is told these words as they are, with this one behind them.
pub(crate) fn must_be_told_its_words(last: &str, seed: &Seed) -> Outcome {
    let words = ["first", "two words", "", "*", last];
    let outcome = run_sh(r#"printf '<%s>\n' "$0" "$@""#, &words).finish();
    outcome.must_end();
    must_be_found(&outcome);
    let expected: Vec<String> = words.iter().map(|word| format!("<{word}>")).collect();
    let Told { lines, .. } = told(&outcome);
    if lines.is_empty() && outcome.exit == Exit::Code(0) {
        Verdict::new("The program has succeeded, and nothing of what it printed is there.")
            .saw(format!("sh should print {expected:?}"))
            .saw(outcome.ending())
            .ask("Where does the program's standard output lead to? Who has it, and what did that one do with it?")
            .fail();
    }
    if lines != expected {
        Verdict::new("The program was told other words than those of your command line.")
            .saw(format!("for `run sh -c …`, sh should print {expected:?}"))
            .saw(format!("it printed {lines:?}"))
            .saw_all(outcome.complaint())
            .ask("What is the first word that a program is told, does exec add it, and who else reads these words on their way?")
            .replay(seed)
            .fail();
    }
    outcome
}

/// Fails unless a word that is no text is told as it is.
pub(crate) fn must_be_told_each_byte() {
    let word = b"caf\xe9";
    let script = r#"printf '<%s>\n' "$0""#;
    let run = Run::new(grader::program!("run")).args(["sh", "-c", script]);
    let outcome = run.arg(OsString::from_vec(word.to_vec())).finish();
    outcome.must_end();
    let line = [b"<", word.as_slice(), b">\n"].concat();
    if !outcome.stdout.windows(line.len()).any(|bytes| bytes == line) {
        let printed = outcome.stdout.escape_ascii();
        Verdict::new("A word that is not UTF-8 is told to the program in other bytes.")
            .saw(format!("the word was {}; sh, which prints it, said {printed}", word.escape_ascii()))
            .saw_all(outcome.complaint())
            .ask("Which bytes may an argument have, and which may a `String`? What takes the place of the others?")
            .fail();
    }
}

/// Fails unless the program's own name is the first word, and not the place where it was found.
pub(crate) fn must_be_told_its_own_name() {
    // With no word behind it, that is what `sh` was told first.
    let outcome =
        Run::new(grader::program!("run")).args(["sh", "-c", r#"printf '<%s>\n' "$0""#]).finish();
    let Told { lines, .. } = told(&outcome);
    if lines != ["<sh>"] {
        Verdict::new("The program was told another name than the one on your command line.")
            .saw(format!("`run sh -c …` was asked for; as its own name, sh was told {lines:?}"))
            .saw_all(outcome.complaint())
            .ask("exec takes a file and a list of words: which of the two says where the program lies, and which one what it was called?")
            .fail();
    }
}

/// How `run /bin/sh` ends where each exec fails with this error. `None`: that can't be had here, or it takes another call than execve.
pub(crate) fn no_exec(error: &str) -> Option<Outcome> {
    let fails = Injection::fail(&format!("execve:*={error}")).expect("it is well written");
    let run = Run::new(grader::program!("run")).args(["/bin/sh", "-c", "exit 0"]);
    let seen = run.recorded().inject(fails).record()?;
    seen.unmet.is_empty().then_some(seen.outcome)
}
