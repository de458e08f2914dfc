//! What goes through pipes with names, eventfds and sockets is followed.

mod common;

use common::recorded_with;
use trace::Model;
use trace::model::{Change, Place};

/// What was put into places and taken from them, in this order.
fn moved(program: &str) -> Vec<(bool, Place, u64)> {
    let recorded = recorded_with(&["--check"], &[program]);
    assert_eq!((recorded.code, recorded.stderr.as_str()), (Some(0), ""), "{}", recorded.text);
    let mut model = Model::new();
    let changes = recorded.events.iter().flat_map(|event| match model.apply(event) {
        Ok(step) => step.changes,
        Err(mismatch) => panic!("{mismatch}"),
    });
    let moved = changes.filter_map(|change| match change {
        Change::Put(place, number, _) => Some((true, place, number)),
        Change::Taken(place, number, _) => Some((false, place, number)),
        _ => None,
    });
    moved.collect()
}

#[test]
fn what_goes_through_a_named_pipe_an_eventfd_or_a_datagram_is_followed() {
    let pipe = Place::Pipe(1);
    assert_eq!(moved("fifo"), [(true, pipe, 5), (false, pipe, 5)]);
    let counter = Place::EventFd(1);
    assert_eq!(moved("eventfd"), [(true, counter, 1000), (false, counter, 1000)]);
    let [server, client] = [Place::Socket(1), Place::Socket(2)];
    let there_and_back =
        [(true, server, 4), (false, server, 4), (true, client, 4), (false, client, 4)];
    assert_eq!(moved("datagrams"), there_and_back);
    assert_eq!(moved("messages"), there_and_back);
}

#[test]
fn of_several_messages_that_go_by_one_call_each_is_followed() {
    let [to_stream, to_datagram, first, second] = [2, 4, 5, 6].map(Place::Socket);
    let expected = [
        (true, to_stream, 8),
        (false, to_stream, 8),
        (true, to_datagram, 4),
        (false, to_datagram, 1),
        (false, to_datagram, 3),
        (true, first, 6),
        (true, second, 3),
        (false, second, 3),
        (false, first, 6),
    ];
    assert_eq!(moved("several-messages"), expected);
}

#[test]
fn descriptors_that_go_with_several_messages_of_one_call_are_followed() {
    assert_eq!(
        moved("passes-several")
            .iter()
            .filter(|(put, place, _)| *put && *place == Place::Pipe(1))
            .count(),
        2
    );
}
