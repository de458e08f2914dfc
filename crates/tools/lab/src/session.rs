//! Terminal sessions: ```` ```console ```` blocks, which a test runs and compares.
//!
//! No two runs have the same process ids, and processes that run at once print in no fixed order.
//! [`normalise`] gives two runs that tell the same story the same text.

use crate::html::escape;
use regex::{Captures, Regex};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// The first process id of every session in the book.
pub const FIRST_PID: usize = 4211;

const PROMPT: &str = "$ ";

// `[parent 4211] …`, `[worker 2, pid 4213] …` at the start of a line.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static SPEAKER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\[[^\]\n]*?\b(\d+)\]").unwrap());

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bpid (\d+)\b").unwrap());

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b\d+\b").unwrap());

// What a clock says, how many times as much it is, and what a traced call returned, but for 0.
#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static MEASURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)× \d+(?:\.\d+)?|\b\d+(?:\.\d+)? (?:ns|µs|ms|s)\b|(?:, \d+)?\) += [1-9]\d*$")
        .unwrap()
});

#[expect(clippy::unwrap_used, reason = "the pattern is a constant, and every test runs it")]
static NUMERAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+(?:\.\d+)?").unwrap());

/// A command of a session and what it printed.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The command, without its prompt.
    pub command: String,
    /// The command's line in the block, counted from 0.
    pub line: usize,
    /// Everything it printed.
    pub output: String,
}

/// The commands of a block; what stands before the first one is not a session and is left out.
pub fn steps(block: &str) -> Vec<Step> {
    let mut steps = Vec::<Step>::new();
    for (line, text) in block.lines().enumerate() {
        if let Some(command) = text.strip_prefix(PROMPT) {
            steps.push(Step { command: command.to_owned(), line, output: String::new() });
        } else if let Some(step) = steps.last_mut() {
            step.output.push_str(text);
            step.output.push('\n');
        }
    }
    steps
}

/// A block as HTML: the same text, with its prompts, commands and speakers told apart.
pub fn html(block: &str) -> String {
    let lines = block.lines().map(|line| match line.strip_prefix(PROMPT) {
        Some(command) => format!(
            "<span class=\"prompt\">$ </span><span class=\"command\">{}</span>\n",
            escape(command)
        ),
        None => {
            let speaker = SPEAKER.find(line).map_or("", |speaker| speaker.as_str());
            let says = escape(&line[speaker.len()..]);
            match speaker {
                "" => format!("{says}\n"),
                name => format!("<span class=\"speaker\">{}</span>{says}\n", escape(name)),
            }
        }
    });
    // `nohighlight`: the page's highlighter knows no terminal.
    let lines: String = lines.collect();
    format!("<pre class=\"session\"><code class=\"nohighlight\">{lines}</code></pre>\n")
}

/// The output with its process ids numbered by first appearance, and, when its speakers talk at
/// once, grouped by speaker: the one that speaks first stays first, the others are sorted.
pub fn normalise(output: &str, unordered: bool) -> String {
    renumber(output, unordered, FIRST_PID).0
}

/// The output with `#` for each number that was measured: times, ratios, counts that calls returned.
pub fn measured(output: &str) -> String {
    let masked = |found: &Captures<'_>| NUMERAL.replace_all(&found[0], "#").into_owned();
    MEASURE.replace_all(output, masked).into_owned()
}

/// Finds the lines of an excerpt in an output, in their order, with others between. `…` stands for
/// anything, and a process id of the book for the same number wherever it stands.
///
/// # Errors
/// The first line that is not in the rest of the output.
pub fn find_excerpt<'a>(excerpt: &'a str, output: &str) -> Result<(), &'a str> {
    let mut rest = output.lines();
    let mut known = HashMap::new();
    for line in excerpt.lines() {
        let (pattern, pids) = pattern(line).ok_or(line)?;
        let found = rest.find_map(|seen| {
            let seen = pattern.captures(seen)?;
            let mut all = known.clone();
            let numbers = seen.iter().skip(1).flatten().map(|number| number.as_str().to_owned());
            let agree = pids.iter().zip(numbers).all(|(pid, number)| {
                *all.entry(pid.clone()).or_insert_with(|| number.clone()) == number
            });
            agree.then_some(all)
        });
        known = found.ok_or(line)?;
    }
    Ok(())
}

/// A line of an excerpt as a pattern with a group for each process id, and these ids.
fn pattern(line: &str) -> Option<(Regex, Vec<String>)> {
    let text = regex::escape(line).replace('…', ".*");
    let mut pids = Vec::new();
    let text = NUMBER.replace_all(&text, |found: &Captures<'_>| {
        let pid = found[0].parse().is_ok_and(|id| (FIRST_PID..FIRST_PID + 100).contains(&id));
        if pid {
            pids.push(found[0].to_owned());
        }
        if pid { r"(\d+)".to_owned() } else { found[0].to_owned() }
    });
    Some((Regex::new(&format!("^{text}$")).ok()?, pids))
}

/// What [`normalise`] gives, from another first number; also says which number comes next.
pub fn renumber(output: &str, unordered: bool, first: usize) -> (String, usize) {
    let mut numbers = Numbers { pids: pids(output), given: HashMap::new(), next: first };
    if !unordered {
        return (numbers.replace(output), numbers.next);
    }
    let mut groups = by_speaker(output).into_iter();
    let mut text = numbers.replace(&groups.next().unwrap_or_default());
    // Whom the first speaker named has a number now; the rest are ordered by what they say.
    let mut others: Vec<_> = groups.map(|group| (numbers.mask(&group), group)).collect();
    others.sort();
    let others = others.iter().map(|(_, group)| numbers.replace(group));
    text.extend(others.collect::<Vec<_>>());
    (text, numbers.next)
}

/// The numbers that the output calls process ids. 0 and 1 keep their meaning, so they stay. So do all
/// where pid 1 itself speaks: it is in a pid namespace of its own, and they are what they say.
fn pids(output: &str) -> HashSet<String> {
    if SPEAKER.captures_iter(output).any(|found| &found[1] == "1") {
        return HashSet::new();
    }
    let named = SPEAKER.captures_iter(output).chain(NAMED.captures_iter(output));
    named.map(|found| found[1].to_owned()).filter(|pid| pid != "0" && pid != "1").collect()
}

/// The lines of each speaker, in the order in which they first spoke.
fn by_speaker(output: &str) -> Vec<String> {
    let mut groups = BTreeMap::<usize, String>::new();
    let mut places = HashMap::new();
    for line in output.lines() {
        let speaker = SPEAKER.find(line).map_or("", |speaker| speaker.as_str());
        let next = places.len();
        let group = groups.entry(*places.entry(speaker).or_insert(next)).or_default();
        group.push_str(line);
        group.push('\n');
    }
    groups.into_values().collect()
}

struct Numbers {
    pids: HashSet<String>,
    given: HashMap<String, usize>,
    next: usize,
}

impl Numbers {
    fn replace(&mut self, text: &str) -> String {
        let number = |found: &Captures<'_>| {
            let token = &found[0];
            if !self.pids.contains(token) {
                return token.to_owned();
            }
            let given = self.given.entry(token.to_owned()).or_insert_with(|| {
                self.next += 1;
                self.next - 1
            });
            given.to_string()
        };
        NUMBER.replace_all(text, number).into_owned()
    }

    /// The text as far as it is known: ids without a number yet are all alike.
    fn mask(&self, text: &str) -> String {
        let known = |found: &Captures<'_>| match (self.given.get(&found[0]), &found[0]) {
            (Some(number), _) => number.to_string(),
            (None, token) if self.pids.contains(token) => "?".to_owned(),
            (None, token) => token.to_owned(),
        };
        NUMBER.replace_all(text, known).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pids_are_numbered_by_first_appearance_wherever_they_stand() {
        let seen = "[parent 900] fork returned 977\n[child  977] my parent is 900, not 9001\n";
        let told = "[parent 4211] fork returned 4212\n[child  4212] my parent is 4211, not 9001\n";
        assert_eq!(normalise(seen, false), told);
    }

    #[test]
    fn a_pid_is_a_pid_after_the_word_and_before_the_bracket() {
        let seen = "[worker 2, pid 31] hello\npid 40 is gone\n";
        assert_eq!(normalise(seen, false), "[worker 2, pid 4211] hello\npid 4212 is gone\n");
    }

    #[test]
    fn other_numbers_differ_and_so_do_pids_in_other_roles() {
        assert_ne!(normalise("[a 10] 64\n", false), normalise("[a 10] 65\n", false));
        let (one, two) = ("[a 10] pid 11\n[a 10] 11\n", "[a 10] pid 11\n[a 10] 10\n");
        assert_ne!(normalise(one, false), normalise(two, false));
    }

    #[test]
    fn pid_one_is_a_name_and_stays() {
        assert_eq!(normalise("[a 10] pid 1, 1 of 1\n", false), "[a 4211] pid 1, 1 of 1\n");
    }

    #[test]
    fn where_pid_one_speaks_pids_are_what_they_say() {
        let told = "[init 1] I made pid 2\n";
        assert_eq!(normalise(told, false), told);
    }

    #[test]
    fn what_was_measured_may_differ_and_nothing_else() {
        let told = measured("8 idle: 1038 ns, by 256 MiB 28761.5 µs: × 93.2\n");
        assert_eq!(told, "8 idle: # ns, by 256 MiB # µs: × #\n");
        assert_eq!(measured("write(1, \"a\", 39) = 39"), "write(1, \"a\", #) = #");
        assert_eq!(measured("f(1) = 0\ng(1) = -1 E"), "f(1) = 0\ng(1) = -1 E");
    }

    #[test]
    fn an_excerpt_is_found_in_its_order_with_others_between() {
        let seen = "a [70]\nother\nb(1, x, 2) = 71\nc 70 71\n";
        assert_eq!(find_excerpt("a [4211]\nb(1, …) = 4212\nc 4211 4212\n", seen), Ok(()));
        let order = "b(1, …) = 4212\na [4211]\n";
        assert_eq!(find_excerpt(order, seen), Err("a [4211]"));
        assert_eq!(find_excerpt("b(2, …) = 4212\n", seen), Err("b(2, …) = 4212"));
        assert_eq!(find_excerpt("b(1, …\nd\n", seen), Err("d"));
        assert_eq!(find_excerpt("a [4211]\nc 4212 4211\n", seen), Err("c 4212 4211"));
        assert_eq!(find_excerpt("othe\n", seen), Err("othe"), "lines are whole");
    }

    #[test]
    fn the_order_of_lines_counts_unless_the_block_says_otherwise() {
        let one = "[parent 1000] begin\n[w 1001] a\n[w 1002] b\n[w 1001] c\n[parent 1000] end\n";
        let two = "[parent 7] begin\n[w 9] b\n[parent 7] end\n[w 8] a\n[w 8] c\n";
        assert_ne!(normalise(one, false), normalise(two, false));
        assert_eq!(normalise(one, true), normalise(two, true));
        let other = "[parent 7] begin\n[w 9] b\n[parent 7] end\n[w 8] c\n[w 8] a\n";
        assert_ne!(normalise(one, true), normalise(other, true), "a speaker's own order counts");
    }

    #[test]
    fn the_first_speaker_numbers_the_others() {
        let seen = "[parent 50] made 51\n[parent 50] made 52\n[w 52] two\n[w 51] one\n";
        let told = "[parent 4211] made 4212\n[parent 4211] made 4213\n[w 4212] one\n[w 4213] two\n";
        assert_eq!(normalise(seen, true), told);
    }

    #[test]
    fn normalising_twice_changes_nothing_more() {
        let seen = "[p 50] made 51\n[w 52] two\n[w 51] one\n[w 53] two\n";
        for unordered in [false, true] {
            let once = normalise(seen, unordered);
            assert_eq!(normalise(&once, unordered), once);
        }
    }

    #[test]
    fn a_block_is_commands_and_what_they_printed() {
        let found = steps("$ just chapter-1\n[a 1] x\n\n$ echo $?\n0\n");
        let step = |command: &str, line, output: &str| Step {
            command: command.to_owned(),
            line,
            output: output.to_owned(),
        };
        assert_eq!(found, [step("just chapter-1", 0, "[a 1] x\n\n"), step("echo $?", 3, "0\n")]);
    }

    #[test]
    fn html_keeps_the_text() {
        let html = html("$ a && b\n[a 12] <x>\n");
        assert!(html.contains("<span class=\"command\">a &amp;&amp; b</span>\n"));
        assert!(html.contains("<span class=\"speaker\">[a 12]</span> &lt;x&gt;\n"));
    }
}
