//! Draws a recording: `draw text|svg|html EVENTS` writes to standard output.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

fn main() -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "usage: draw text|svg|html EVENTS");
    let mut arguments = std::env::args().skip(1);
    let form = arguments.next().ok_or_else(wrong)?;
    let path = arguments.next().ok_or_else(wrong)?;
    let events = trace::event::read(BufReader::new(File::open(path)?))?;
    let drawn = match form.as_str() {
        "text" => trace::text::lanes(&events, 110),
        "svg" => trace::svg::picture(&events),
        "html" => trace::html::page(&events, &title(&events)),
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
