//! The timeline as a picture: time runs down, one row a step, and processes are columns.
//!
//! Read in this order: [`picture`]; `moments.rs`, what is true at each row; `scene.rs`, what is to be
//! drawn; `layout.rs`, where; `bars.rs` and `tubes.rs`, what goes through many rows; `draw.rs` and
//! `arrows.rs`, a row; `signs.rs`, how pipes and sockets are told apart; `legend.rs`, what the signs mean; `colours.rs`.
//!
//! What a process does is told by colour and by shape: it runs (solid), could run and is held
//! (hollow), sleeps (hatched), is in a signal handler (a second bar), is a zombie (a dashed
//! outline, until it is reaped). A pipe is a tube, with the number of bytes that are in it.

mod arrows;
mod bars;
pub(crate) mod colours;
mod draw;
mod layout;
mod legend;
mod moments;
mod scene;
pub(crate) mod signs;
mod tubes;

pub(crate) use legend::order;
pub(crate) use moments::{Moment, follow};
pub(crate) use scene::Scene;

use std::fmt::Write as _;

use crate::event::{Event, What};
use layout::{Layout, Words};

/// How wide a picture is at most, in pixels, where everything has room.
pub(crate) const WIDE: usize = 840;
/// How wide it is at most in a book's column.
pub(crate) const COLUMN: usize = 740;
/// How wide it is at most for a narrow screen.
pub(crate) const NARROW: usize = 360;

/// The colours and the fonts.
pub(crate) const STYLE: &str = include_str!("picture.css");

/// Draws a recording as an SVG file that needs nothing else.
#[must_use]
pub fn picture(events: &[Event]) -> String {
    let scene = Scene::of(events);
    let title = escape(&title(events));
    let layout = Layout::of(&scene, WIDE, true);
    let (body, width, height) = drawing(&scene, &layout, "", &order(&scene.rows));
    let count = scene.rows.rows.len();
    let names: Vec<&str> = scene.rows.columns.iter().map(|column| column.title.as_str()).collect();
    let (names, colours) = (escape(&names.join(", ")), colours::alone(".trace-picture"));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"trace-picture\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"title desc\">\n<title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">{count} steps, from top to bottom, of {names}.</desc>\n\
         <style>\n{colours}{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// A drawing to stand in a page; `wide` at most, where that can be. `prefix` stands before its ids,
/// and its rows have some if it is the one that links lead to.
pub(crate) fn inline(
    scene: &Scene,
    wide: usize,
    prefix: &str,
    class: &str,
    linked: bool,
) -> String {
    let layout = Layout::of(scene, wide, linked);
    let (body, width, height) = drawing(scene, &layout, prefix, "");
    // The one for wide screens becomes a little smaller where they aren't. All others scroll.
    let scrolls = if class == "wide" && width <= COLUMN { "" } else { " scrolls" };
    format!(
        "<div class=\"trace-sheet {class}{scrolls}\"><svg class=\"trace-picture {class}\" \
         viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"The timeline as a picture; the table of steps says the same\">\n{body}</svg></div>\n"
    )
}

fn drawing(scene: &Scene, layout: &Layout, prefix: &str, order: &str) -> (String, usize, usize) {
    let words: Vec<Words> =
        (0..scene.bands.len()).map(|index| draw::words(scene, layout, index)).collect();
    let mut tops = vec![8];
    for words in &words {
        tops.extend(tops.last().map(|top| top + words.height()));
    }
    let mut body = legend::patterns(prefix);
    let mut stripes = String::new();
    for span in tops.windows(2).skip(1).step_by(2) {
        let _ = write!(stripes, "M0 {}H{}V{}H0z", span[0], layout.width, span[1]);
    }
    let _ = writeln!(
        body,
        "<path class=\"stripes\" d=\"{stripes}\"/>\n\
         <rect class=\"now\" width=\"{}\" height=\"0\"/>",
        layout.width
    );
    body += &tubes::tubes(scene, layout, &tops);
    body += &bars::bars(scene, layout, &tops, prefix);
    for (index, words) in words.iter().enumerate() {
        body += &draw::row(scene, layout, index, (words, tops[index]), prefix);
    }
    let _ = writeln!(body, "<rect class=\"veil\" width=\"{}\" height=\"0\"/>", layout.width);
    let top = tops[words.len()];
    let (foot, height) = legend::foot(scene, order, layout.width, top, prefix);
    (body + &foot, layout.width, top + height)
}

/// What was run.
pub(crate) fn title(events: &[Event]) -> String {
    let begin = events.iter().find_map(|event| match &event.what {
        What::Begin { argv, .. } => Some(argv.join(" ")),
        _ => None,
    });
    begin.unwrap_or_else(|| "A recording".into())
}

/// A text inside of markup. What no XML file may contain is replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            // An empty line would end a block of HTML to Markdown.
            '\n' => escaped += "&#10;",
            '\t' => escaped.push(char),
            char if char.is_control() => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
    }
    escaped
}
