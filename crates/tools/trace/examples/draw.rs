//! Draws a recording: `draw text|svg|html EVENTS` writes to standard output. `draw fragment EVENTS NAME`
//! draws it for a page of the book, and `draw head` what such a page needs besides, once.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

use trace::html;

fn main() -> io::Result<()> {
    let usage = "usage: draw text|svg|html EVENTS, draw fragment EVENTS NAME, draw head";
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, usage);
    let mut arguments = std::env::args().skip(1);
    let form = arguments.next().ok_or_else(wrong)?;
    if form == "head" {
        let (style, script) = (html::style_for_mdbook(), html::SCRIPT);
        let head = format!(
            "<style>\n{style}</style>\n<script>\n\
             addEventListener(\"DOMContentLoaded\", () => {{\n{script}}});\n</script>\n"
        );
        return io::stdout().write_all(head.as_bytes());
    }
    let path = arguments.next().ok_or_else(wrong)?;
    let events = trace::event::read(BufReader::new(File::open(path)?))?;
    let drawn = match form.as_str() {
        "text" => trace::text::lanes(&events, 110),
        "svg" => trace::svg::picture(&events),
        "html" => html::page(&events, &title(&events)),
        "fragment" => {
            let name = arguments.next().ok_or_else(wrong)?;
            html::fragment(&events, &title(&events), &name)
        }
        _ => return Err(wrong()),
    };
    io::stdout().write_all(drawn.as_bytes())
}

fn title(events: &[trace::Event]) -> String {
    let argv = events.iter().find_map(|event| match &event.what {
        trace::What::Begin { argv, .. } => Some(argv.join(" ")),
        _ => None,
    });
    argv.unwrap_or_default()
}
