//! What was said on standard output, and by whom; and whether `sh` was found at all.

use grader::{Exit, Outcome, Run, Verdict};

/// The lines of standard output, and what of them speaks of an end: who says so, and which code.
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
        lines: text.lines().filter(|line| end(line).is_none()).map(str::to_owned).collect(),
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
