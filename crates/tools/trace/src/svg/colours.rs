//! The colours: Okabe and Ito's, darker or lighter where the paper asks for that. What they tell
//! is told by shape too.

const LIGHT: &str = "--paper:#fff;--ink:#1b1b1b;--faint:#545454;--stripe:rgba(0,0,0,.045);\
--now:#ffefaf;--line:#8a8a8a;--link:#005a8c;--p0:#0072b2;--p1:#00845f;--p2:#a94f86;--p3:#2f86bb;\
--c0:#b87f00;--c1:#8f8700;--c2:#3a7fa8;--c3:#b5651d;--signal:#c44e00;";

const DARK: &str = "--paper:#16181d;--ink:#e8e8e8;--faint:#b4b8bf;--stripe:rgba(255,255,255,.05);\
--now:#463d12;--line:#7d828a;--link:#8fcdf2;--p0:#4ba6dd;--p1:#2fc198;--p2:#dd92bf;--p3:#8fcdf2;\
--c0:#e69f00;--c1:#f0e442;--c2:#7fbbe0;--c3:#d99a5b;--signal:#ff8a3d;";

/// By what the reader's system prefers.
pub(crate) fn alone(selector: &str) -> String {
    format!(
        "{selector}{{{LIGHT}}}\n@media (prefers-color-scheme: dark) {{ {selector}{{{DARK}}} }}\n\
         @media print {{ {selector}{{{LIGHT}}} }}\n"
    )
}

/// By mdBook's five themes.
pub(crate) fn for_mdbook() -> String {
    format!(
        ".trace{{{LIGHT}--paper:var(--bg,#fff)}}\n\
         .coal .trace,.navy .trace,.ayu .trace{{{DARK}--paper:var(--bg,#16181d)}}\n\
         @media print {{ html .trace{{{LIGHT}}} }}\n"
    )
}
