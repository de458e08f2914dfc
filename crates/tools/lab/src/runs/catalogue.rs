//! What may be run from a page, and how: the programs that the book names, each with what `book/programs.toml` declares.

use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail};
use grader::Policy;
use nix::sys::signal::Signal;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// The file of declarations, from the root.
const FILE: &str = "book/programs.toml";

/// What each program that can be run is declared to take: `fork/zombie_zoo` by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<String, Declared>);

/// How a program is run from a page. What is not said is not allowed.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declared {
    /// Arguments that it always gets.
    #[serde(skip_serializing)]
    pub fixed: Vec<String>,
    /// Those that a reader may give, in their order, after the fixed ones.
    pub arguments: Vec<Argument>,
    /// What its standard input holds unless the reader changes it; without it, it is empty and can't be changed.
    pub input: Option<String>,
    /// The signals that it can be sent: `QUIT`.
    pub signals: Vec<String>,
    /// How long it may run; ten seconds, if nothing is said.
    pub seconds: Option<u64>,
    /// Whether it talks over the network with itself.
    pub network: bool,
    /// Whether it is a server, which says where on loopback it listens, and is sent requests.
    pub serves: bool,
    /// Whether the picture is left out: a run of thousands of steps, or one that measures time.
    pub undrawn: bool,
}

/// An argument that a page may give.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// What it is, for the reader.
    pub name: String,
    /// What it is unless the reader changes it. Empty: it is left out.
    #[serde(default)]
    pub value: String,
    /// What it may be: a regular expression for the whole of it.
    pub like: String,
    /// The option whose value it is: `--workers`.
    #[serde(default, skip_serializing)]
    pub option: Option<String>,
}

/// What a page asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// `fork/zombie_zoo`.
    pub program: String,
    /// As many as are declared, or fewer.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: Option<String>,
    /// Who runs next: the name of a policy of the recorder's.
    pub order: Option<String>,
    /// What a random order is chosen by.
    pub seed: u64,
}

impl Catalogue {
    /// What can be run, of the programs that stand in these pages.
    ///
    /// # Errors
    /// The file of declarations can't be read, or names what is not there.
    pub fn load(workspace: &Workspace, named: &BTreeSet<String>) -> Result<Self> {
        let file = workspace.root().join(FILE);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {FILE}"))?,
        };
        let mut declared: BTreeMap<String, Declared> =
            toml::from_str(&text).with_context(|| format!("cannot read {FILE}"))?;
        for (program, it) in &declared {
            if !named.contains(program) {
                bail!("{FILE}: no page shows a program `{program}`");
            }
            it.check().with_context(|| format!("{FILE}: {program}"))?;
        }
        for program in named {
            declared.entry(program.clone()).or_default();
        }
        Ok(Self(declared))
    }

    /// How this program is run; `None` for one that no page names.
    #[must_use]
    pub fn get(&self, program: &str) -> Option<&Declared> {
        self.0.get(program)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<String, Declared> {
        &self.0
    }
}

impl Declared {
    fn check(&self) -> Result<()> {
        for Argument { name, value, like, .. } in &self.arguments {
            let like = whole(like).with_context(|| format!("argument `{name}`"))?;
            if !value.is_empty() && !like.is_match(value) {
                bail!("argument `{name}`: {value:?} is not like `{like}`");
            }
        }
        for name in &self.signals {
            if signal(name).is_none() {
                bail!("no signal `{name}`");
            }
        }
        Ok(())
    }

    /// How long it may run.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(10))
    }

    /// The signals that it can be sent.
    #[must_use]
    pub fn signals(&self) -> Vec<Signal> {
        self.signals.iter().filter_map(|name| signal(name)).collect()
    }

    /// Whether an order is for what is declared.
    ///
    /// # Errors
    /// What is not.
    pub fn allows(&self, order: &Order) -> Result<Policy, String> {
        if order.arguments.len() > self.arguments.len() {
            return Err(format!("it takes {} arguments at most", self.arguments.len()));
        }
        for (given, Argument { name, like, .. }) in order.arguments.iter().zip(&self.arguments) {
            if !whole(like).is_ok_and(|like| like.is_match(given)) {
                return Err(format!("{name} is to be like {like}, and is {given:?}"));
            }
        }
        if self.input.is_none() && order.input.as_ref().is_some_and(|input| !input.is_empty()) {
            return Err("it takes no standard input".into());
        }
        let Some(name) = &order.order else { return Ok(Policy::default()) };
        policy(name).ok_or_else(|| format!("no order `{name}`"))
    }
}

fn policy(name: &str) -> Option<Policy> {
    use Policy::{ChildFirst, Free, ParentFirst, Random, RunToBlock};
    let all = [RunToBlock, ChildFirst, ParentFirst, Random, Free];
    all.into_iter().find(|policy| policy.name() == name)
}

/// The signal of that name, without its `SIG`.
#[must_use]
pub fn signal(name: &str) -> Option<Signal> {
    format!("SIG{name}").parse().ok()
}

fn whole(like: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{like})$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &str) -> Declared {
        toml::from_str(text).expect("a declaration")
    }

    fn order(text: &str) -> Order {
        serde_json::from_str(text).expect("an order")
    }

    #[test]
    fn arguments_are_taken_as_declared_and_no_others() {
        let workers =
            declared(r#"arguments = [{ name = "workers", value = "3", like = "[1-8]" }]"#);
        assert!(workers.check().is_ok());
        assert!(workers.allows(&order(r#"{"arguments": []}"#)).is_ok());
        assert!(workers.allows(&order(r#"{"arguments": ["8"]}"#)).is_ok());
        for wrong in
            [r#"["9"]"#, r#"["12"]"#, r#"["1\n"]"#, r#"["3", "4"]"#, r#"["--help"]"#, r#"[""]"#]
        {
            let asked = order(&format!("{{\"arguments\": {wrong}}}"));
            assert!(workers.allows(&asked).is_err(), "{wrong}");
        }
    }

    #[test]
    fn input_is_for_programs_that_read_it() {
        let asked = order(r#"{"input": "text"}"#);
        assert!(declared("").allows(&asked).is_err());
        assert!(declared("input = \"\"").allows(&asked).is_ok());
    }

    #[test]
    fn an_order_is_one_of_the_recorders() {
        let asked = |name| order(&format!("{{\"order\": \"{name}\"}}"));
        assert_eq!(declared("").allows(&asked("child-first")), Ok(Policy::ChildFirst));
        assert!(declared("").allows(&asked("fastest")).is_err());
    }

    #[test]
    fn a_declaration_that_means_nothing_is_refused() {
        assert!(declared("signals = [\"QUIT\"]").check().is_ok());
        assert!(declared("signals = [\"SIGQUIT\"]").check().is_err());
        assert!(
            declared("arguments = [{ name = \"n\", value = \"x\", like = \"[0-9]\" }]")
                .check()
                .is_err()
        );
        assert!(toml::from_str::<Declared>("singals = []").is_err());
    }
}
