//! What becomes of a page, and what the build refuses.

mod common;

use common::{Course, Done};
use std::fs;

/// The one message for a page.
fn refusal(page: &str) -> Result<String, Box<dyn std::error::Error>> {
    let errors = Course::new(page)?.errors()?;
    assert_eq!(errors.len(), 1, "one problem, one message: {errors:#?}");
    Ok(errors[0].clone())
}

#[test]
fn a_listing_is_a_section_with_its_command() -> Done {
    let page = Course::new("# fork\n\n{{#program twice:split}}\n")?.page()?;
    let section = "<section class=\"program\" data-chapter=\"1\" data-crate=\"fork\" \
                   data-program=\"twice\">";
    assert!(page.contains(section), "{page}");
    assert!(page.contains("let a = 1;") && !page.contains("let b"), "{page}");
    assert!(page.contains("<code class=\"command\">just chapter-1 twice</code>"), "{page}");
    assert!(page.contains("<span class=\"source\">crates/fork/src/bin/twice.rs</span>"), "{page}");
    assert!(!page.contains("data-wrong") && !page.contains("play.rust-lang"), "{page}");
    Ok(())
}

#[test]
fn a_whole_listing_shows_no_anchors() -> Done {
    let page = Course::new("# fork\n\n{{#program twice}}\n")?.page()?;
    assert!(page.contains("let a = 1;") && page.contains("let b"), "{page}");
    assert!(!page.contains("ANCHOR"), "{page}");
    Ok(())
}

#[test]
fn a_program_that_is_wrong_on_purpose_says_so() -> Done {
    let page = Course::new("# fork\n\n{{#program no_wait}}\n")?.page()?;
    assert!(page.contains("<section class=\"program wrong\"") && page.contains(" data-wrong"));
    assert!(page.contains("<p class=\"label\">Wrong on purpose</p>"), "{page}");
    Ok(())
}

#[test]
fn a_page_shows_another_chapters_program_by_its_crate() -> Done {
    let course = Course::new("# fork\n")?;
    course.write("book/src/introduction.md", "# Introduction\n\n{{#program fork/twice:wait}}\n")?;
    course.page()?;
    let page = course.built("introduction.html")?;
    assert!(
        page.contains("data-crate=\"fork\"") && page.contains("just chapter-1 twice"),
        "{page}"
    );
    Ok(())
}

#[test]
fn an_exercise_is_a_box_with_its_task_and_its_command() -> Done {
    let page = Course::new("# fork\n\n{{#exercise two-branches}}\n")?.page()?;
    assert!(page.contains("<section class=\"exercise\" data-exercise=\"two-branches\">"), "{page}");
    assert!(page.contains("<p>Exit with <code>7</code>.</p>") && !page.contains("More."), "{page}");
    assert!(page.contains("cd exercises/fork/two-branches &amp;&amp; cargo test"), "{page}");
    assert!(page.contains("exercises/fork/two-branches/src/main.rs"), "{page}");
    Ok(())
}

#[test]
fn a_session_keeps_its_text_and_tells_prompts_apart() -> Done {
    let page =
        Course::new("# fork\n\n```console\n$ just chapter-1\n\n[a 12] x < y\n```\n")?.page()?;
    assert!(page.contains("<span class=\"prompt\">$ </span>"), "{page}");
    assert!(page.contains("<span class=\"command\">just chapter-1</span>\n\n"), "{page}");
    assert!(
        page.contains("<span class=\"speaker\">[a 12]</span> x &lt; y\n</code></pre>"),
        "{page}"
    );
    Ok(())
}

#[test]
fn an_escaped_directive_is_shown_as_written() -> Done {
    let page = "# fork\n\n```text\n\\{{#program nowhere}}\n```\n\nAnd \\{{#include gone.rs}}.\n";
    let page = Course::new(page)?.page()?;
    assert!(
        page.contains("{{#program nowhere}}") && page.contains("{{#include gone.rs}}"),
        "{page}"
    );
    Ok(())
}

#[test]
fn a_missing_program_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#program twce}}\n")?;
    let what = "no program `twce` in crates/fork/src/bin (it has: no_wait, twice)";
    assert_eq!(error, format!("error: book/src/fork.md:3: {what}"));
    Ok(())
}

#[test]
fn a_program_of_a_crate_without_a_page_is_refused() -> Done {
    let course = Course::new("# fork\n\n{{#program pipe/hello}}\n")?;
    course.write("crates/pipe/src/bin/hello.rs", "fn main() {}\n")?;
    let errors = course.errors()?;
    assert!(
        errors[0].contains("`pipe` has no number: SUMMARY.md names no page pipe.md"),
        "{errors:?}"
    );
    Ok(())
}

#[test]
fn a_missing_anchor_is_refused_in_every_directive_that_takes_one() -> Done {
    let file = "../../crates/fork/src/bin/twice.rs";
    let what = "no anchor `splitt` in crates/fork/src/bin/twice.rs (it has: split, wait, nothing)";
    for directive in [
        "{{#program twice:splitt}}".to_owned(),
        format!("{{{{#include {file}:splitt}}}}"),
        format!("{{{{#rustdoc_include {file}:splitt}}}}"),
    ] {
        let error = refusal(&format!("# fork\n\nText.\n\n{directive}\n"))?;
        assert_eq!(error, format!("error: book/src/fork.md:5: {what}"), "{directive}");
    }
    Ok(())
}

#[test]
fn an_anchor_with_nothing_in_it_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#program twice:nothing}}\n")?;
    assert!(
        error.ends_with("nothing to show at `nothing` in crates/fork/src/bin/twice.rs"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_missing_file_is_refused_in_every_directive_that_takes_one() -> Done {
    for name in ["include", "rustdoc_include", "playground"] {
        let page =
            format!("# fork\n\n```rust\n{{{{#{name} ../../crates/fork/src/bin/twoce.rs}}}}\n```\n");
        let what = "cannot include crates/fork/src/bin/twoce.rs: \
                    no such file (beside it: no_wait.rs, twice.rs)";
        assert_eq!(refusal(&page)?, format!("error: book/src/fork.md:4: {what}"));
    }
    Ok(())
}

#[test]
fn what_an_included_file_includes_must_be_there_too() -> Done {
    let course = Course::new("# fork\n\n{{#include part.txt}}\n")?;
    course.write("book/src/part.txt", "See {{#include gone.txt}}\n")?;
    let errors = course.errors()?;
    assert!(errors[0].starts_with("error: book/src/part.txt: cannot include book/src/gone.txt"));
    Ok(())
}

#[test]
fn an_include_that_would_show_anchor_comments_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#include ../../crates/fork/src/bin/twice.rs}}\n")?;
    assert!(
        error.contains("would show the ANCHOR comments of crates/fork/src/bin/twice.rs"),
        "{error}"
    );
    Ok(())
}

#[test]
fn an_unknown_directive_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#progam twice}}\n")?;
    assert!(
        error.starts_with("error: book/src/fork.md:3: no directive `progam` (there are: "),
        "{error}"
    );
    assert!(error.contains("program"), "{error}");
    Ok(())
}

#[test]
fn an_unfinished_directive_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#program twice}\n")?;
    assert!(error.contains("begins no directive"), "{error}");
    Ok(())
}

#[test]
fn a_listing_shares_no_line_and_stands_in_no_block() -> Done {
    let error = refusal("# fork\n\nSee {{#program twice:split}}\n")?;
    assert!(error.ends_with("`{{#program …}}` must be on a line of its own"), "{error}");
    let error = refusal("# fork\n\n```rust\n{{#program twice:split}}\n```\n")?;
    assert!(error.contains("`{{#program` in a block of code"), "{error}");
    Ok(())
}

#[test]
fn a_missing_exercise_is_refused() -> Done {
    let error = refusal("# fork\n\n{{#exercise three-branches}}\n")?;
    let what = "no exercise `three-branches` in exercises/fork (it has: two-branches)";
    assert_eq!(error, format!("error: book/src/fork.md:3: {what}"));
    Ok(())
}

#[test]
fn an_exercise_needs_a_readme_with_its_task() -> Done {
    let course = Course::new("# fork\n\n{{#exercise two-branches}}\n")?;
    course.write("exercises/fork/two-branches/README.md", "# two-branches\n")?;
    assert!(course.errors()?[0].contains("README.md has no paragraph after its title"));
    fs::remove_file(course.root().join("exercises/fork/two-branches/README.md"))?;
    assert!(course.errors()?[0].contains("cannot read exercises/fork/two-branches/README.md"));
    Ok(())
}

#[test]
fn a_command_that_does_not_exist_is_refused() -> Done {
    let error = refusal("# fork\n\nRun `just chapter-1 thrice`.\n")?;
    assert!(error.contains(":3: `just chapter-1 thrice`: no program `thrice`"), "{error}");
    let error = refusal("# fork\n\n```console\n$ just chapter-1 thrice\n```\n")?;
    assert!(error.contains(":4: `just chapter-1 thrice`: no program `thrice`"), "{error}");
    let error = refusal("# fork\n\nTry just chapter-2 now.\n")?;
    assert!(error.ends_with("no chapter 2 in SUMMARY.md (it has: 1 fork)"), "{error}");
    Ok(())
}

#[test]
fn commands_that_exist_are_fine() -> Done {
    let page =
        "# fork\n\nTry just chapter-1 and then `just chapter-1 list`, `just chapter-1 twice`.\n";
    Course::new(page)?.page()?;
    Ok(())
}

#[test]
fn dead_links_are_refused() -> Done {
    let page = "# fork\n\n[a](pipe.md) [b](#nowhere) [c](introduction.md#introduction)\n";
    let errors = Course::new(page)?.errors()?;
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(errors[0].starts_with("error: book/src/fork.md: dead link `#nowhere`"), "{errors:?}");
    assert!(errors[1].starts_with("error: book/src/fork.md: dead link `pipe.html`"), "{errors:?}");
    Ok(())
}

#[test]
fn every_problem_of_the_book_is_reported_at_once() -> Done {
    let course = Course::new("# fork\n\n{{#program a}}\n\n{{#program b}}\n")?;
    course.write("book/src/introduction.md", "{{#exercise fork/c}}\n")?;
    let errors = course.errors()?;
    let places: Vec<_> = errors.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(places, ["book/src/fork.md:3", "book/src/fork.md:5", "book/src/introduction.md:1"]);
    Ok(())
}

#[test]
fn a_book_that_cannot_be_loaded_is_one_message() -> Done {
    let course = Course::new("# fork\n")?;
    fs::remove_file(course.root().join("book/src/introduction.md"))?;
    let errors = course.errors()?;
    assert!(errors[0].contains("introduction.md"), "{errors:?}");
    course.write("book/book.toml", "[book\n")?;
    assert!(course.errors()?[0].contains("book.toml"));
    course.write("book/book.toml", "[book]\n")?;
    assert!(course.errors()?[0].contains("before = [\"links\"]"));
    Ok(())
}

#[test]
fn a_failed_build_leaves_the_old_book_and_nothing_else() -> Done {
    let course = Course::new("# fork\n")?;
    let before = course.page()?;
    course.write("book/src/fork.md", "# fork\n\n[a](gone.md)\n")?;
    course.errors()?;
    assert_eq!(course.built("fork.html")?, before);
    let left: Vec<_> =
        fs::read_dir(course.root().join("target"))?.flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| name == "book" || name == "book.lock"), "{left:?}");
    Ok(())
}

#[test]
fn the_lab_works_from_any_folder_of_the_course_and_nowhere_else() -> Done {
    let course = Course::new("# fork\n")?;
    let inside = course.root().join("crates/fork/src");
    course.lab(&["build"]).current_dir(inside).assert().success();
    assert!(course.built("fork.html").is_ok());
    let outside = tempfile::tempdir()?;
    let failed = course.lab(&["build"]).current_dir(outside.path()).assert().code(1);
    let said = String::from_utf8(failed.get_output().stderr.clone())?;
    assert!(said.starts_with("error: no book/book.toml in "), "{said}");
    Ok(())
}
