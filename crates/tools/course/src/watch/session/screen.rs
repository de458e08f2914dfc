//! What is on the screen of who watches.

use super::{Found, Session, Then, View};
use crate::exercise::shown;
use crate::look::Look;
use crate::words;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::io::{self, Write as _};

impl Session<'_> {
    /// Draws all of the screen anew; without a terminal, only what is final is written.
    pub(in crate::watch) fn draw(&mut self) -> Result<Then> {
        let look = Look::of_stdout();
        let mut text = String::new();
        if self.interactive {
            // Home, and erase what is below: what has scrolled out above stays readable.
            text += "\x1b[H\x1b[J";
        } else if matches!(self.found, Found::Checking(_)) {
            return Ok(Then::Watch);
        }
        self.say(&look, &mut text)?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write")?;
        Ok(Then::Watch)
    }

    fn say(&self, look: &Look, text: &mut String) -> Result<()> {
        let keys = match &self.view {
            View::List(chosen) => {
                *text += &self.list(look, *chosen);
                "j and k, or arrows: choose   c: continue there   q: back"
            }
            View::All(lines) => {
                let all = self.course.exercises.len();
                writeln!(text, "{}\n", look.strong("Checking all exercises"))?;
                lines.iter().try_for_each(|line| writeln!(text, "{line}"))?;
                match self.course.exercises.get(lines.len()) {
                    Some(now) => writeln!(text, "  {} ({} of {all})", now.name, now.number)?,
                    None => *text += &format!("\n{}", words::standing(self.course, &self.progress)),
                }
                "r: back to this exercise   l: list   q: quit"
            }
            View::Reset => {
                let file = shown(&self.exercise.file(), &self.course.root).to_string();
                let question = format!(
                    "Put the starter back in {file}? Your version is kept in .course/kept."
                );
                *text += &look.paragraph(&question, "", "");
                "y: yes   any other key: no"
            }
            View::Verdict | View::Note(_) => {
                self.verdict(look, text)?;
                "n: next   h: hint   l: list   c: check all   r: run again   x: reset   q: quit"
            }
        };
        if self.interactive {
            *text += &format!("\n{}", look.paragraph(keys, "", ""));
        }
        Ok(())
    }

    fn verdict(&self, look: &Look, text: &mut String) -> Result<()> {
        let file = shown(&self.exercise.file(), &self.course.root).to_string();
        writeln!(text, "{}\n{file}\n", words::place(self.course, self.exercise))?;
        match &self.found {
            Found::Checking(said) if said.is_empty() => writeln!(text, "Checking…")?,
            Found::Checking(said) => writeln!(text, "Checking… {said}")?,
            Found::Trouble(why) => {
                writeln!(text, "{}\n\n{why}", look.bad("Course could not check it."))?
            }
            Found::Report(report) => {
                *text += &words::report(report, look);
                if report.done() && self.interactive {
                    let name = &report.exercise;
                    writeln!(
                        text,
                        "\nPress n for the next one. `cargo course solution {name}` shows another answer."
                    )?;
                }
            }
        }
        if let View::Note(note) = &self.view {
            *text += &format!("\n{note}");
        }
        Ok(())
    }

    fn list(&self, look: &Look, chosen: usize) -> String {
        let lines = self.course.exercises.iter().enumerate().map(|(position, exercise)| {
            let line = words::line(exercise, &self.progress);
            if position == chosen {
                format!("> {}\n", look.strong(&line))
            } else {
                format!("  {line}\n")
            }
        });
        // As many as fit: those around the chosen one.
        let lines: Vec<String> = lines.collect();
        let room = look.height.saturating_sub(6).max(5);
        let first = chosen.saturating_sub(room / 2).min(lines.len().saturating_sub(room));
        let shown: String = lines.iter().skip(first).take(room).map(String::as_str).collect();
        format!("{shown}\n{}", words::standing(self.course, &self.progress))
    }
}
