//! The colours: after Okabe and Ito's, darker or lighter where the paper asks for that. What they
//! tell is told by shape too, or by a number.

use std::fmt::Write as _;

/// Red, green and blue, a byte each.
type Rgb = u32;

/// The colours that stand on one kind of paper.
struct Colours {
    paper: Rgb,
    /// Text.
    ink: Rgb,
    /// Text that is less important.
    faint: Rgb,
    link: Rgb,
    /// Borders.
    line: Rgb,
    /// Behind the step that is shown.
    now: Rgb,
    /// What every second row is tinted with, and by how many hundredths.
    tint: (Rgb, u32),
    /// Tasks: bars, and their names as text.
    tasks: [Rgb; 6],
    /// Pipes: warm.
    pipes: [Rgb; 3],
    /// Sockets: cold.
    sockets: [Rgb; 3],
    /// Signals and their handlers.
    signal: Rgb,
}

const LIGHT: Colours = Colours {
    paper: 0xff_ffff,
    ink: 0x1b_1b1b,
    faint: 0x54_5454,
    link: 0x00_5a8c,
    line: 0x76_7676,
    now: 0xff_efaf,
    tint: (0, 4),
    tasks: [0x00_68a5, 0x00_734f, 0x9c_3f79, 0x5f_4bb5, 0x7a_5a00, 0x4a_5568],
    pipes: [0xa8_7200, 0x7d_7600, 0xa0_6a4c],
    sockets: [0x3a_7fa8, 0x1f_7d74, 0x72_70c0],
    signal: 0xc4_4e00,
};

/// mdBook's rust has a paper of its own.
const RUST: Colours = Colours {
    paper: 0xe1_e1db,
    faint: 0x48_4848,
    link: 0x14_506f,
    line: 0x66_6666,
    now: 0xff_e9a0,
    tasks: [0x00_5688, 0x00_6043, 0x8a_3069, 0x4f_3ca6, 0x66_4b00, 0x41_4b5c],
    pipes: [0x8a_5d00, 0x67_6100, 0x85_5538],
    sockets: [0x2c_688c, 0x13_665f, 0x5c_59ab],
    signal: 0xa8_4300,
    ..LIGHT
};

const DARK: Colours = Colours {
    paper: 0x16_181d,
    ink: 0xe8_e8e8,
    faint: 0xb4_b8bf,
    link: 0x8f_cdf2,
    line: 0x8a_9098,
    now: 0x46_3d12,
    tint: (0xff_ffff, 5),
    tasks: [0x5c_b0e3, 0x35_c79e, 0xe0_9ac6, 0xb9_a9ff, 0xd9_b65c, 0xb4_bfd0],
    pipes: [0xe6_9f00, 0xd8_cc3a, 0xd9_a788],
    sockets: [0x7f_bbe0, 0x6f_d0c4, 0xb4_b2f2],
    signal: 0xff_8a3d,
};

impl Colours {
    /// As declarations of custom properties.
    fn css(&self) -> String {
        let mut css = String::new();
        let named = [
            ("paper", self.paper),
            ("ink", self.ink),
            ("faint", self.faint),
            ("link", self.link),
            ("line", self.line),
            ("now", self.now),
            ("signal", self.signal),
        ];
        for (name, colour) in named {
            let _ = write!(css, "--{name}:#{colour:06x};");
        }
        for (letter, colours) in [('p', &self.tasks[..]), ('c', &self.pipes), ('s', &self.sockets)]
        {
            for (number, colour) in colours.iter().enumerate() {
                let _ = write!(css, "--{letter}{number}:#{colour:06x};");
            }
        }
        let (tint, hundredths) = self.tint;
        let _ = write!(css, "--stripe:#{tint:06x}{:02x}", hundredths * 255 / 100);
        css
    }
}

/// By what the reader's system prefers.
pub(crate) fn alone(selector: &str) -> String {
    let (light, dark) = (LIGHT.css(), DARK.css());
    format!(
        "{selector}{{{light}}}\n@media (prefers-color-scheme: dark) {{ {selector}{{{dark}}} }}\n\
         @media print {{ {selector}{{{light}}} }}\n"
    )
}

/// By mdBook's five themes. Without JavaScript mdBook goes by the reader's system, and so do we.
pub(crate) fn for_mdbook() -> String {
    let (light, rust, dark) = (LIGHT.css(), RUST.css(), DARK.css());
    let paper = "--paper:var(--bg)";
    format!(
        ".trace{{{light};{paper}}}\n.rust .trace{{{rust};{paper}}}\n\
         :is(.coal,.navy,.ayu) .trace{{{dark};{paper}}}\n\
         @media (prefers-color-scheme: dark) {{ html:not(.js) .trace{{{dark};{paper}}} }}\n\
         @media print {{ html .trace.trace{{{light}}} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of paper, with the backgrounds of the themes that it is used in: those of mdBook
    /// 0.5's `variables.css`.
    const PAPERS: [(&str, &Colours, &[Rgb]); 3] = [
        ("light", &LIGHT, &[0xff_ffff]),
        ("rust", &RUST, &[0xe1_e1db]),
        ("coal, navy, ayu", &DARK, &[0x16_181d, 0x13_1516, 0x16_1923, 0x0f_141a]),
    ];

    fn luminance(colour: Rgb) -> f64 {
        let part = |shift: u32| {
            let value = f64::from(colour >> shift & 0xff) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    }

    /// WCAG's ratio of two colours.
    fn contrast(one: Rgb, other: Rgb) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn over(colour: Rgb, paper: Rgb, hundredths: u32) -> Rgb {
        let part = |shift: u32| {
            let (above, below) = (colour >> shift & 0xff, paper >> shift & 0xff);
            ((above * hundredths + below * (100 - hundredths) + 50) / 100) << shift
        };
        part(16) | part(8) | part(0)
    }

    /// What anything may stand on: the paper of each theme, every second row, the step that is shown.
    fn grounds(colours: &Colours, papers: &[Rgb]) -> Vec<Rgb> {
        let (tint, hundredths) = colours.tint;
        let striped = papers.iter().map(|paper| over(tint, *paper, hundredths));
        papers.iter().copied().chain(striped).chain([colours.now]).collect()
    }

    #[test]
    fn text_has_a_contrast_of_4_5_on_all_that_it_stands_on() {
        for (theme, colours, papers) in PAPERS {
            let texts = [colours.ink, colours.faint, colours.link];
            for ground in grounds(colours, papers) {
                for text in texts.iter().chain(&colours.tasks) {
                    let ratio = contrast(*text, ground);
                    assert!(ratio >= 4.5, "{theme}: {text:06x} on {ground:06x} has {ratio:.2}");
                }
                // A number of bytes stands in its tube, which is filled to three tenths.
                for pipe in colours.pipes.iter().chain(&colours.sockets) {
                    let full = over(*pipe, ground, 30);
                    let ratio = contrast(colours.ink, full);
                    assert!(ratio >= 4.5, "{theme}: ink in {pipe:06x} has {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn what_is_drawn_has_a_contrast_of_3_on_all_that_it_stands_on() {
        for (theme, colours, papers) in PAPERS {
            let drawn = [colours.line, colours.signal].into_iter().chain(colours.sockets);
            let drawn: Vec<Rgb> = drawn.collect();
            for ground in grounds(colours, papers) {
                for sign in drawn.iter().chain(&colours.tasks).chain(&colours.pipes) {
                    let ratio = contrast(*sign, ground);
                    assert!(ratio >= 3.0, "{theme}: {sign:06x} on {ground:06x} has {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn ratios_are_wcag_s() {
        assert!((contrast(0, 0xff_ffff) - 21.0).abs() < 0.001);
        assert!((contrast(0x76_7676, 0xff_ffff) - 4.54).abs() < 0.005);
        assert_eq!(over(0xff_ffff, 0, 50), 0x80_8080);
    }
}
