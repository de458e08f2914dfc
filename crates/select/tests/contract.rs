//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;
use predicates::prelude::*;
use select::Address;

/// Checks what `select-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: impl predicates::Predicate<str>) {
    let done = Command::new(env!("CARGO_BIN_EXE_select-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success();
    let output = String::from_utf8(done.get_output().stdout.clone()).expect("it prints text");
    assert!(printed.eval(&output), "{printed} is not what it printed: {output}");
}

#[test]
fn listener_and_connection_are_close_on_exec_and_only_the_listener_is_non_blocking() {
    promise(
        "flags_of_descriptors",
        predicate::eq("listener: true, true\nconnection: true, false\n"),
    );
}

#[test]
fn accept_finds_nobody_and_does_not_wait() {
    promise("accept_does_not_wait", predicate::eq("Nobody\n"));
}

#[test]
fn a_port_can_be_taken_again_while_connections_are_in_time_wait() {
    promise("takes_a_port_in_time_wait", predicate::eq("no error\n"));
}

#[test]
fn a_port_where_somebody_listens_is_eaddrinuse() {
    promise("refuses_a_port_in_use", predicate::eq("EADDRINUSE\n"));
}

#[test]
fn a_listener_knows_the_address_that_the_kernel_gave_it() {
    promise(
        "knows_its_address",
        predicate::eq("127.0.0.1: true\n::1: true\nthe path: true\n")
            .or(predicate::str::contains("no IPv6 here")),
    );
}

#[test]
fn a_unix_sockets_file_is_neither_removed_nor_stolen() {
    promise(
        "leaves_a_sockets_file_alone",
        predicate::eq("the file stays: true\nEADDRINUSE, true\nENAMETOOLONG\n"),
    );
}

#[test]
fn an_inherited_listener_is_non_blocking_for_all_and_close_on_exec_for_us() {
    promise(
        "takes_over_a_listener",
        predicate::eq("same address: true\nours: true, true\ntheirs: false, true\n"),
    );
}

#[test]
fn what_does_not_listen_is_not_taken_over() {
    promise(
        "refuses_what_does_not_listen",
        predicate::eq("ENOTSOCK\nEINVAL\nUnsupported: its address is no IP address or path\n"),
    );
}

#[test]
fn accept_without_a_free_descriptor_is_emfile_and_loses_no_connection() {
    promise(
        "tells_of_no_descriptor_left",
        predicate::eq("EMFILE\nreadable still: [0]\nthen: true\n"),
    );
}

#[test]
fn backlog_plus_one_may_wait() {
    promise("lets_as_many_wait_as_it_is_told", predicate::eq("Ok(())\nOk(())\nErr(EAGAIN)\n"));
}

#[test]
fn a_backlog_above_the_systems_limit_is_no_error() {
    promise("takes_any_backlog", predicate::eq("no error\n"));
}

#[test]
fn tcp_connections_have_keepalive_and_send_small_writes_at_once_unless_told_otherwise() {
    promise("sets_what_tcp_connections_inherit", predicate::eq("true, true\ntrue, false\n"));
}

#[test]
fn a_buffers_size_is_doubled_none_leaves_it_and_more_than_may_be_is_no_error() {
    let once =
        "(18000, 16000)\nleft as they are: (18000, 16000)\nno error\nas much as may be: true\n";
    promise("sets_buffers", predicate::eq(once.repeat(2)));
}

#[test]
fn ipv6only_is_for_ipv6_and_no_error_elsewhere() {
    promise(
        "keeps_to_ipv6_if_it_is_told",
        predicate::eq("true\nno error\nfalse\nno error\n")
            .or(predicate::str::contains("no IPv6 here")),
    );
}

#[test]
fn a_port_with_reuseport_is_shared_only_with_those_that_say_the_same() {
    promise("shares_a_port_only_with_its_like", predicate::eq("no error\nEADDRINUSE\n"));
}

#[test]
fn a_sockets_file_has_its_own_umask_and_the_process_keeps_its() {
    let around = |mode| format!("{mode}\nput back: true\nEADDRINUSE\nput back: true\n");
    promise("gives_a_sockets_file_its_mode", predicate::eq(around("777") + &around("750")));
}

#[test]
fn a_listener_that_listens_already_takes_other_options() {
    promise(
        "sets_options_of_one_that_listens",
        predicate::eq("false, false\ntrue, true\nOk(())\nOk(())\nOk(())\nErr(EAGAIN)\n"),
    );
}

#[test]
fn who_waits_is_accepted_though_nobody_is_let_in_any_more() {
    let line = "let in: false; late: ECONNREFUSED\n";
    promise("turns_away", predicate::eq(line.repeat(2)));
}

#[test]
fn readable_are_data_an_end_and_a_connection_each_time_anew() {
    promise(
        "says_which_are_readable",
        predicate::eq("select: [0, 2, 3]\nselect: [1]\npoll: [0, 2, 3]\npoll: [1]\n"),
    );
}

#[test]
fn a_timeout_of_zero_does_not_wait_a_tiny_one_does_and_none_is_too_long() {
    promise(
        "keeps_the_time",
        predicate::eq(
            "select: []\nselect: [0]\nselect: [0]\nselect: it slept: true\n\
             poll: []\npoll: [0]\npoll: [0]\npoll: it slept: true\n",
        ),
    );
}

#[test]
fn a_signal_ends_the_wait_even_with_sa_restart() {
    promise("tells_of_signals", predicate::eq("select: EINTR\npoll: EINTR\n"));
}

#[test]
fn select_refuses_1024_by_an_error_and_poll_takes_it() {
    promise(
        "refuses_what_a_set_has_no_bit_for",
        predicate::eq(
            "select 1023: no error\npoll 1023: no error\n\
             select 1024: InvalidInput: select can't watch descriptor 1024, only those below 1024\n\
             poll 1024: no error\n",
        ),
    );
}

#[test]
fn poll_of_what_cant_be_watched_is_ebadf() {
    promise("poll_tells_what_it_cant_watch", predicate::eq("EBADF\n"));
}

#[test]
fn a_left_over_socket_file_is_econnrefused_and_none_is_enoent() {
    promise("connects_only_where_somebody_listens", predicate::eq("ENOENT\nECONNREFUSED\n"));
}

#[test]
fn who_listens_at_a_path_is_seen_without_waiting_for_a_full_queue() {
    let seen = "ENOENT\ntrue\nwith its queue full: true\nfalse\n";
    promise("sees_who_listens_at_a_path", predicate::eq(seen));
}

#[test]
fn an_address_is_shown_as_it_is_written() {
    for text in ["127.0.0.1:8080", "[::1]:0", "/run/app.sock", "./app.sock"] {
        let address: Address = text.parse().expect("it is an address");
        assert_eq!(address.to_string(), text);
    }
}

#[test]
fn what_is_no_address_is_named_in_the_error() {
    for text in ["", "8080", "localhost:80", "127.0.0.1", "app.sock", "127.0.0.1:65536"] {
        let error = text.parse::<Address>().expect_err("it is none");
        assert_eq!(error.to_string(), format!("`{text}` is neither IP:PORT nor a path with a `/`"));
    }
}
