//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;

/// What `syscalls-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_syscalls-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(printed.to_string());
}

#[test]
fn a_call_is_made_again_for_as_long_as_it_is_interrupted() {
    promise("asks_again_after_eintr", "asked 3 times: Ok(\"done\")\n");
}

#[test]
fn an_error_that_is_no_interruption_is_final() {
    promise(
        "asks_once_for_other_errors",
        "asked 1 times: Err(EBADF)\nasked 1 times: Err(EAGAIN)\nasked 1 times: Err(EPIPE)\n",
    );
}

#[test]
fn a_write_cut_short_and_one_interrupted_lose_no_byte() {
    promise(
        "loses_nothing_to_signals",
        "read 1048576 bytes, all in their places: true\nOk, child true\n2 signals\n",
    );
}

#[test]
fn a_kernel_that_takes_nothing_is_not_asked_for_ever() {
    promise("gives_up_where_nothing_is_taken", "before: Ok\nafter: WriteZero\n");
}

#[test]
fn a_full_non_blocking_pipe_is_eagain_with_a_part_written() {
    promise("says_eagain_where_there_is_no_room", "EAGAIN\nthe pipe is full: true\n");
}

#[test]
fn a_pipe_that_nobody_reads_is_epipe() {
    promise("says_epipe_where_nobody_reads", "EPIPE\n");
}

#[test]
fn a_descriptor_for_reading_is_ebadf_and_nothing_at_all_is_fine() {
    promise("says_ebadf_where_it_may_not_write", "EBADF\nnothing to write: Ok\n");
}

#[test]
fn the_table_has_each_open_descriptor_and_not_the_one_that_reads_it() {
    promise(
        "lists_what_is_open_and_nothing_else",
        "three: true\nwith a hole: true\nonce more: true\nnone: true\n",
    );
}

#[test]
fn a_long_table_is_whole_and_in_order() {
    promise("lists_many_in_order", "in order: true\nfound: 200\n");
}

#[test]
fn a_file_is_shown_with_name_offset_and_mode() {
    promise(
        "tells_what_a_file_is_open_for",
        "leads to the file: true\noffset 3\naccess: read and write\nappend: true\n\
         non-blocking: false\n",
    );
}

#[test]
fn close_on_exec_is_the_descriptors_own_and_non_blocking_is_shared() {
    promise(
        "tells_descriptor_from_description",
        "close-on-exec true, non-blocking true\nshown among the flags: false\n\
         close-on-exec false, non-blocking true\nshown among the flags: false\n\
         one socket: true\n",
    );
}

#[test]
fn a_line_of_the_table_reads_well() {
    promise("shows_a_line", "fd 0 → /dev/null, write, offset 0, append\n");
}

#[test]
fn no_free_number_to_look_with_is_emfile() {
    promise("says_emfile_where_no_number_is_free", "EMFILE\n");
}
