//! A recording as a page that one can step through.
//!
//! Read in this order: [`page`] and [`fragment`]; `steps.rs`, what is known at each row;
//! `table.rs`, the same rows for readers who don't see the picture; `stepper.js`, which shows what
//! was worked out here and works out nothing itself.
//!
//! Without JavaScript the picture and the table are there, whole.

mod steps;
mod table;

use crate::event::Event;
use crate::model::State;
use crate::names::{count, list};
use crate::svg::{COLUMN, NARROW, Scene, WIDE, colours, escape, inline, order};

/// The script that steps. It looks for `section.trace` when it runs.
pub const SCRIPT: &str = include_str!("stepper.js");

/// With more rows than that, one drawing has to do for wide and narrow screens.
const MANY: usize = 80;

/// How wide a drawing is that is the only one.
const ONLY: usize = 600;

const STYLE: &str = include_str!("stepper.css");

/// The style of a page that shows [`fragment`]s: in mdBook, by its theme.
#[must_use]
pub fn style_for_mdbook() -> String {
    format!("{}{}{STYLE}", colours::for_mdbook(), crate::svg::STYLE)
}

/// A page of its own: one file that asks for nothing else.
#[must_use]
pub fn page(events: &[Event], title: &str) -> String {
    let (title, body) = (escape(title), section(events, title, "", WIDE));
    let style = lean(&(colours::alone(".trace") + crate::svg::STYLE + STYLE));
    let script = lean(SCRIPT);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" class=\"trace-alone\">\n<head>\n\
         <meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
         <main>\n{body}</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )
}

/// Without what is there for whoever reads it as a source: it is a good part of a short recording's page.
fn lean(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//") && !line.starts_with("/*"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A part of a page, which needs [`style_for_mdbook`] and [`SCRIPT`] there once. `name` makes its
/// ids differ from those of others: `pipe-hello`, with which step 13 is `#pipe-hello-step-13`.
///
/// It is one block of HTML to Markdown too, and says nothing to mdBook's preprocessors: there is no
/// empty line in it, and no `{{#`.
#[must_use]
pub fn fragment(events: &[Event], title: &str, name: &str) -> String {
    section(events, title, &format!("{}-", escape(name)), COLUMN)
}

fn section(events: &[Event], title: &str, prefix: &str, wide: usize) -> String {
    let scene = Scene::of(events);
    let last = scene.rows.rows.len();
    let drawings = if last <= MANY {
        let narrow = inline(&scene, NARROW, &format!("{prefix}narrow-"), "narrow", false);
        inline(&scene, wide, prefix, "wide", true) + &narrow
    } else {
        inline(&scene, ONLY, prefix, "only", true)
    };
    let (table, data) = (table::table(&scene.rows, prefix), steps::data(events, &scene.rows));
    let (title, order, about) =
        (escape(title), escape(&order(&scene.rows)), escape(&about(&scene)));
    let heading = if prefix.is_empty() { "h1" } else { "p" };
    format!(
        "<section class=\"trace\" data-prefix=\"{prefix}\" aria-labelledby=\"{prefix}title\">\n\
         <{heading} class=\"trace-title\" id=\"{prefix}title\">{title}</{heading}>\n\
         <div class=\"trace-bar\" hidden>\n<div class=\"trace-controls\">\n\
         <button type=\"button\" class=\"back\" aria-label=\"Step back\">◀</button>\n\
         <input type=\"range\" min=\"0\" max=\"{last}\" value=\"0\" aria-label=\"Step\">\n\
         <button type=\"button\" class=\"on\" aria-label=\"Step on\">▶</button>\n\
         <span class=\"trace-at\"></span>\n</div>\n\
         <div aria-live=\"polite\" aria-atomic=\"true\"><p class=\"trace-sentence\">{about}</p></div>\n\
         <div class=\"trace-more\"></div>\n</div>\n\
         <div class=\"trace-main\">\n<div class=\"trace-drawing\" tabindex=\"0\" role=\"group\" \
         aria-label=\"Timeline\">\n{drawings}</div>\n\
         <div class=\"trace-side\" tabindex=\"0\" role=\"group\" \
         aria-label=\"What is so at this step\" hidden></div>\n</div>\n\
         <p class=\"trace-order\">{order}</p>\n{table}\
         <script type=\"application/json\">{data}</script>\n</section>\n"
    )
    .replace("{{#", "{&#123;#")
}

/// What the bars look like that occur here, and when.
fn looks(scene: &Scene) -> String {
    let states = || scene.bands.iter().flat_map(|band| band.after.values());
    let looks = [
        (true, "solid while its process runs"),
        (states().any(|state| *state == State::Sleeping), "hatched while it sleeps in a call"),
        (
            states().any(|state| *state == State::Held),
            "hollow while it could run and another one does",
        ),
        (
            states().any(|state| matches!(state, State::Zombie(_))),
            "dashed from its end until it is reaped",
        ),
    ];
    let looks: Vec<String> =
        looks.iter().filter(|(occurs, _)| *occurs).map(|(_, look)| (*look).to_owned()).collect();
    match looks.as_slice() {
        [] | [_] => String::new(),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

/// What there is to see, before the first step.
fn about(scene: &Scene) -> String {
    let (rows, columns) = (&scene.rows.rows, &scene.rows.columns);
    let last = rows.last().map_or(0, |row| row.number);
    let names: Vec<String> = columns.iter().map(|column| column.task.to_string()).collect();
    let names = match names.as_slice() {
        [first, _, .., last] if names.len() > 4 => format!("{first} to {last}"),
        _ => list(&names),
    };
    let looks = looks(scene);
    let looks = if looks.is_empty() { looks } else { format!(" A bar is {looks}.") };
    let held = scene.bands.iter().flat_map(|band| band.after.values());
    let held = held.into_iter().any(|state| *state == State::Held);
    let turns = if held { " The recorder lets one run at a time." } else { "" };
    format!("{} of {names}. Time runs down.{looks}{turns}", count(last, "step", "steps"))
}
