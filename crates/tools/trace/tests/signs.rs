//! How pipes and sockets are told apart.

mod common;

use common::*;
use trace::html::page;
use trace::svg::picture;

/// What stands between each occurrence of `before` and the next `after`.
fn all<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split(after).next().unwrap_or_default()).collect()
}

fn data(page: &str) -> serde_json::Value {
    let data = all(page, "<script type=\"application/json\">", "</script>");
    serde_json::from_str(data[0]).expect("the data is JSON")
}

#[test]
fn a_socket_is_told_from_the_pipe_of_its_number_and_from_its_other_end() {
    let data = data(&page(&Recording::with_pipe(0).sockets(P1, 5, 6).0, "both"));
    let things = data["things"].as_array().expect("things");
    let thing = |begins: &str| {
        let text = |thing: &&serde_json::Value| {
            let text = &data["texts"][thing[0].as_u64().expect("a text") as usize];
            text.as_str().expect("a text").starts_with(begins)
        };
        things.iter().find(text).expect("it was made")
    };
    let (pipe, one, two) = (thing("pipe 1, read"), thing("socket 1,"), thing("socket 2,"));
    assert_ne!(pipe[1], one[1], "the colour");
    assert_ne!(pipe[2], one[2], "the shape");
    assert_eq!((&one[1], &one[2]), (&two[1], &two[2]), "joined ones have one colour and shape");
    assert_eq!((&one[3], &two[3]), (&1.into(), &2.into()), "each fills its own half");
    let parts = |thing: &serde_json::Value| {
        data["shapes"][thing[2].as_u64().expect("a shape") as usize].as_array().map(Vec::len)
    };
    assert_eq!((parts(pipe), parts(one)), (Some(1), Some(2)));
}

#[test]
fn the_legend_tells_bytes_from_their_end() {
    let read = |recording: &Recording| {
        let picture = picture(&recording.0);
        [">bytes into a pipe, or out of it<", ">the end: nobody is left who writes<"]
            .map(|meaning| picture.contains(meaning))
    };
    let written = Recording::with_pipe(0).write(P1, 4, "x");
    assert_eq!(read(&written), [true, false]);
    assert_eq!(read(&Recording::with_pipe(0).close(P1, 4).read(P1, 3, "")), [false, true]);
}
