//! What the page says, and that it says it alone.

mod common;

use common::*;
use trace::event::{Disposition, Outcome};
use trace::html::{fragment, page};
use trace::rows::Rows;
use trace::svg::picture;
use trace::{Argument, What};

/// A parent that reads what its child writes, and reaps it.
fn conversation() -> Recording {
    Recording::with_pipe(O_CLOEXEC)
        .fork(P1, P2)
        .close(P1, 4)
        .reads(P1, 3)
        .close(P2, 3)
        .write(P2, 4, "hello\n")
        .got(P1, 3, "hello\n")
        .exit(P2, 0)
        .waits(P1)
        .reaps(P1, P2, 0)
        .exit(P1, 0)
}

/// What stands between each occurrence of `before` and the next `after`.
fn all<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split(after).next().unwrap_or_default()).collect()
}

fn data(page: &str) -> serde_json::Value {
    let data = all(page, "<script type=\"application/json\">", "</script>");
    serde_json::from_str(data[0]).expect("the data is JSON")
}

/// The text that a step's data points to: what a task does after it.
fn does(page: &str, step: usize, task: &str) -> String {
    let data = data(page);
    let steps = data["steps"].as_array().expect("steps");
    let mut told = steps[..step].iter().rev().filter_map(|step| step["does"][task].as_i64());
    let text = told.next().expect("the task was told of");
    match usize::try_from(text) {
        Ok(text) => data["texts"][text].as_str().expect("a text").to_owned(),
        Err(_) => "gone".into(),
    }
}

#[test]
fn each_row_is_drawn_with_its_step_and_told_in_the_table() {
    let events = conversation().0;
    let (rows, page) = (Rows::of(&events).rows, page(&events, "pipe"));
    let drawn = all(&page, " id=\"step-", "\"");
    let linked = all(&page, "<a href=\"#step-", "\"");
    let numbers: Vec<String> = rows.iter().map(|row| row.number.to_string()).collect();
    assert_eq!(drawn, numbers);
    assert_eq!(linked, numbers);
    let told = all(&page, "</a></th><td>", "</td>");
    let sentences: Vec<String> =
        rows.iter().map(|row| format!("{}.", row.sentence.replace('"', "&quot;"))).collect();
    assert_eq!(told, sentences);
    assert_eq!(data(&page)["steps"].as_array().map(Vec::len), Some(rows.len()));
}

#[test]
fn nothing_is_asked_of_the_network() {
    let page = page(&conversation().0, "pipe");
    for outside in ["http:", "https:", "src=", "@import", "<link", "fetch(", "url(//"] {
        let found = page.matches(outside).count();
        assert_eq!(
            found,
            page.matches("http://www.w3.org/2000/svg").count() * usize::from(outside == "http:"),
            "{outside}"
        );
    }
}

#[test]
fn what_a_program_writes_is_never_markup() {
    let evil = "</script><script>alert(1)</script>\u{1}";
    let recording = Recording::with_pipe(0).write(P1, 4, evil).call(
        P1,
        "openat",
        &[Num(-100), Argument::Path("<b>&\"</script>".into()), Flags(0), Num(0)],
        5,
    );
    let title = "<script>";
    for drawn in [page(&recording.0, title), fragment(&recording.0, title, "a\"b")] {
        assert!(!drawn.contains("<script>alert"), "{drawn}");
        assert!(!drawn.contains("<b>"), "{drawn}");
        assert!(!drawn.contains("<h1><script>") && !drawn.contains("<h3><script>"));
        assert!(!drawn.contains('\u{1}'));
        // The data's element ends where the data ends.
        data(&drawn);
    }
    let picture = picture(&recording.0);
    assert!(!picture.contains("<script>") && !picture.contains('\u{1}'), "{picture}");
}

#[test]
fn a_sleeper_is_told_with_who_holds_the_other_end() {
    let sleeping = Recording::with_pipe(0).fork(P1, P2).close(P1, 4).reads(P1, 3);
    let rows = Rows::of(&sleeping.0).rows.len();
    let told = does(&page(&sleeping.0, "pipe"), rows, "1");
    assert!(told.starts_with("is blocked in read(3): waits for data in pipe 1"), "{told}");
    assert!(told.contains("fd 4 of P2"), "{told}");
    let woken = sleeping.write(P2, 4, "x");
    let told = does(&page(&woken.0, "pipe"), rows + 1, "1");
    assert!(told.ends_with("there is some now, so it wakes"), "{told}");
}

#[test]
fn the_order_was_chosen_and_the_page_says_by_whom() {
    let mut recording = conversation();
    assert!(!page(&recording.0, "free").contains("The recorder chose"));
    if let What::Begin { policy, seed, .. } = &mut recording.0[0].what {
        (*policy, *seed) = ("random".into(), 7);
    }
    let page = page(&recording.0, "random");
    assert!(page.contains("(policy random, seed 7); --policy chooses another"), "{page}");
}

#[test]
fn what_is_folded_can_be_opened() {
    let repeated =
        (0..40).fold(Recording::new(), |recording, _| recording.call(P1, "getppid", &[], 1));
    let page = page(&repeated.0, "many");
    let folded = all(&page, "<details>", "</details>");
    assert_eq!(folded.len(), 1);
    assert_eq!(folded[0].matches("<li>getppid() = 1</li>").count(), 6);
    assert!(folded[0].contains("and 33 rows more"), "{}", folded[0]);
    assert!(folded[0].contains("<summary>Folded: 39 rows</summary>"), "6 and 33: {}", folded[0]);
}

#[test]
fn two_recordings_share_a_page() {
    let events = conversation().0;
    let both = fragment(&events, "one", "one") + &fragment(&events, "two", "two");
    let mut ids = all(&both, " id=\"", "\"");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(ids.contains(&"two-step-3"));
}

#[test]
fn a_fragment_is_one_block_of_html_and_no_directive_of_mdbook_s() {
    let evil = "{{#include /etc/passwd}}\n\n# heading\n";
    let recording = Recording::with_pipe(0).write(P1, 4, evil).call(
        P1,
        "openat",
        &[Num(-100), Argument::Path("a\n\nb{{#title x}}".into()), Flags(0), Num(0)],
        5,
    );
    let fragment = fragment(&recording.0, evil.trim(), "evil");
    assert!(fragment.starts_with("<section"));
    assert!(fragment.trim_end().lines().all(|line| !line.trim().is_empty()), "{fragment}");
    assert!(!fragment.contains("{{#"), "{fragment}");
    data(&fragment);
}

#[test]
fn the_source_line_is_in_the_table_where_it_is_known() {
    let line = Some("src/bin/pipe_hello.rs:17".to_owned());
    let known = Recording::with_pipe(0)
        .add(P1, What::Enter { name: "close".into(), arguments: vec![Fd(3)], line })
        .leave(P1, "close", &[Fd(3)], Outcome::Value(0));
    let page = page(&known.0, "lines");
    assert!(page.contains("<th scope=\"col\">Line of src/bin/pipe_hello.rs</th>"), "{page}");
    assert!(page.contains("<td>17</td></tr>"), "{page}");
    let unknown = trace::html::page(&conversation().0, "none");
    assert!(!unknown.contains(">Line<"), "an empty column says nothing");
}

#[test]
fn the_ends_of_a_pipe_have_one_colour_and_shape_and_the_written_one_is_full() {
    let data = data(&page(&Recording::with_pipe(0).pipe(P1, 5, 6, 0).0, "pipes"));
    let thing = |name: &str| {
        let things = data["things"].as_array().expect("things").iter();
        let text = |thing: &&serde_json::Value| {
            data["texts"][thing[0].as_u64().expect("a text") as usize] == name
        };
        things.clone().find(text).expect("it was made").clone()
    };
    let (read, write) = (thing("pipe 1, read end"), thing("pipe 1, write end"));
    assert_eq!((&read[1], &read[2]), (&write[1], &write[2]));
    assert_eq!((&read[3], &write[3]), (&0.into(), &1.into()));
    let other = thing("pipe 2, read end");
    assert_ne!(read[1], other[1]);
    assert_ne!(read[2], other[2]);
}

#[test]
fn what_was_there_before_is_not_taken_for_a_pipe_of_the_recording() {
    let table = [
        (0, "/dev/null", 1, false, 0),
        (1, "pipe:[1]", 2, false, 1),
        (2, "pipe:[1]", 2, false, 1),
        (9, "pipe:[2]", 3, false, 0),
    ];
    let recording = Recording::new().descriptors(P1, &table).pipe(P1, 3, 4, 0);
    let texts = data(&page(&recording.0, "before"))["texts"].to_string();
    for text in ["standard input", "standard output", "standard error", "a pipe from before"] {
        assert!(texts.contains(text), "{text}: {texts}");
    }
    assert!(!texts.contains("pipe:["), "{texts}");
}

#[test]
fn at_a_terminal_0_1_and_2_are_one_thing() {
    let table = [0, 1, 2].map(|fd| (fd, "/dev/pts/1", 1, false, 2));
    let told = |recording: Recording| data(&page(&recording.0, "terminal"))["things"].clone();
    let texts = |recording: Recording| data(&page(&recording.0, "terminal"))["texts"].to_string();
    let all = || Recording::new().descriptors(P1, &table);
    assert_eq!(told(all().call(P1, "getppid", &[], 1)).as_array().map(Vec::len), Some(1));
    let all = texts(all().close(P1, 1));
    assert!(all.contains("\"standard input, output, error: the terminal\""), "{all}");
    assert!(all.contains("\"standard input, error: the terminal\""), "{all}");
}

#[test]
fn before_the_first_step_the_whole_picture_is_seen() {
    let page = page(&conversation().0, "pipe");
    assert!(
        page.contains(
            "<p class=\"trace-sentence\">11 steps of P1 and P2. Time runs down. A bar is solid"
        ),
        "{page}"
    );
    assert!(page.contains("min=\"0\" max=\"11\" value=\"0\""));
    for cover in all(&page, "<rect class=\"veil\"", "/>") {
        assert!(cover.contains("height=\"0\""), "{cover}");
    }
}

#[test]
fn without_javascript_nothing_is_there_that_needs_it() {
    let page = page(&conversation().0, "pipe");
    assert!(page.contains("<div class=\"trace-bar\" hidden>"));
    assert!(all(&page, "<div class=\"trace-side\"", ">")[0].contains("hidden"));
    assert!(page.contains("<details class=\"trace-steps\">"));
}

#[test]
fn a_hundred_rows_fit_into_200_kilobytes() {
    let step = |recording: Recording, index: usize| {
        let text = format!("line {index} of what the program says of itself\n");
        let recording = recording.write(P1, 4, &text).read(P1, 3, &text);
        recording.fails(P1, "close", &[Fd(100 + index as i32)], "EBADF")
    };
    let recording = (0..33).fold(Recording::with_pipe(0).fork(P1, P2), step);
    let size = page(&recording.0, "long").len();
    assert!(Rows::of(&recording.0).rows.len() > 100);
    assert!(size < 200_000, "{size} bytes");
}

#[test]
fn a_recording_that_contradicts_itself_is_drawn_and_says_so() {
    let wrong = Recording::with_pipe(0).write(P1, 4, "hi").read(P1, 3, "hi!");
    let page = page(&wrong.0, "wrong");
    assert!(page.contains("The recording contradicts itself: step 6, P1"), "{page}");
}

#[test]
fn an_empty_recording_is_an_empty_page() {
    assert!(page(&[], "nothing").contains("<tbody>\n</tbody>"));
    let ignored =
        Recording::new().add(P1, What::Delivered { signal: 17, disposition: Disposition::Ignore });
    let refused = page(&ignored.fails(P1, "close", &[Fd(9)], "EBADF").0, "nothing");
    assert!(refused.contains("close(9)"), "{refused}");
    let half = page(&Recording::new().leave(P1, "read", &[], Outcome::Value(0)).0, "half");
    assert!(half.contains("read("), "{half}");
}
