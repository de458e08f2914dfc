//! Each program's story, as the chapter tells it.

use story::{lines_with, number_after, told_by};

#[test]
fn selfpipe_min_selects_on_a_childs_pipe_and_on_its_own() {
    let story = told_by(env!("CARGO_BIN_EXE_selfpipe_min"), &[]);
    let child = number_after(&story, "[child ");
    let lines: Vec<_> = story.lines().collect();
    assert_eq!(lines.len(), 6, "{story}");
    assert!(lines[2].ends_with("my child's pipe: hello"), "{story}");
    assert!(lines[3].ends_with("I leave"), "{story}");
    assert!(lines[4].ends_with("my own pipe: somebody has ended"), "{story}");
    assert!(lines[5].ends_with(&format!("I reap pid {child}: exit code 0")), "{story}");
}

#[test]
fn lost_wakeup_sleeps_past_a_flag_that_is_up() {
    let story = told_by(env!("CARGO_BIN_EXE_lost_wakeup"), &[]);
    assert_eq!(lines_with(&story, "dies here. The flag is up: true").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "What select answers: Ok(0)").len(), 1, "{story}");
}

#[test]
fn kept_wakeup_is_woken_by_the_signal_that_came_before_its_sleep() {
    let story = told_by(env!("CARGO_BIN_EXE_kept_wakeup"), &[]);
    assert_eq!(lines_with(&story, "I sleep. What ended it: Wake").len(), 1, "{story}");
    assert!(story.ends_with("it has ended, with code 7\n"), "{story}");
}

#[test]
fn full_pipe_refuses_bytes_and_loses_no_signal() {
    let story = told_by(env!("CARGO_BIN_EXE_full_pipe"), &[]);
    let room = number_after(&story, "has room for ");
    assert_eq!(number_after(&story, "not looked; bytes in it: "), room - 10);
    assert_eq!(number_after(&story, "once; bytes in it: "), room);
    assert!(story.contains("Wake; bytes in it: 0"), "{story}");
    let signals: Vec<_> = story.lines().filter_map(|l| l.split("next signal: ").nth(1)).collect();
    assert_eq!(signals, ["SIGUSR1", "SIGTERM"]);
}

#[test]
fn full_pipe_blocks_hangs_in_its_handler() {
    let story = told_by(env!("CARGO_BIN_EXE_full_pipe_blocks"), &[]);
    let child = number_after(&story, "[child ");
    let asleep = format!("pid {child} is asleep in its handler");
    assert_eq!(lines_with(&story, &asleep).len(), 1, "{story}");
    assert_eq!(lines_with(&story, "[child ").len(), 1, "it does not come back: {story}");
    assert_eq!(lines_with(&story, "had I not killed it").len(), 1, "{story}");
}

#[test]
fn drained_too_late_sleeps_while_a_child_waits_to_be_reaped() {
    let story = told_by(env!("CARGO_BIN_EXE_drained_too_late"), &[]);
    assert_eq!(lines_with(&story, "3. I sleep. What ended it: Timeout").len(), 1, "{story}");
    assert!(story.ends_with("it has ended, with code 7\n"), "{story}");
}

#[test]
fn inherited_pipe_bug_wakes_the_parent_for_the_childs_signal() {
    let story = told_by(env!("CARGO_BIN_EXE_inherited_pipe_bug"), &[]);
    let handled = lines_with(&story, "signals that I handled");
    assert!(handled[0].starts_with("[child ") && handled[0].ends_with(": 1"), "{story}");
    assert!(handled[1].starts_with("[parent ") && handled[1].ends_with(": 0"), "{story}");
    assert_eq!(lines_with(&story, "woken by 1 byte in my own pipe").len(), 1, "{story}");
}

#[test]
fn renewed_pipe_gives_each_process_its_own_signals() {
    let story = told_by(env!("CARGO_BIN_EXE_renewed_pipe"), &[]);
    let got = lines_with(&story, "next signal");
    assert_eq!(got.len(), 2, "{story}");
    assert!(got[0].starts_with("[child ") && got[0].ends_with("SIGUSR1"), "{story}");
    assert!(got[1].starts_with("[parent ") && got[1].ends_with("SIGTERM"), "{story}");
    assert!(story.ends_with("I heard nothing: Timeout\n"), "{story}");
}

#[test]
fn closed_too_soon_writes_its_byte_into_the_next_file() {
    let story = told_by(env!("CARGO_BIN_EXE_closed_too_soon"), &[]);
    assert!(story.ends_with("the ledger says: \"paid: 100!\"\n"), "{story}");
}

#[test]
fn master_loop_acts_in_order_of_arrival_and_reaps_when_woken() {
    let story = told_by(env!("CARGO_BIN_EXE_master_loop"), &[]);
    let acted = lines_with(&story, "I act on it");
    assert_eq!(acted.len(), 2, "{story}");
    assert!(acted[0].contains("SIGTTIN") && acted[1].contains("SIGHUP"), "{story}");
    let reaped = number_after(&story, "reaped pid ");
    assert_eq!(reaped, number_after(&story, "[worker "));
    assert!(story.ends_with("SIGQUIT: I leave\n"), "{story}");
}

#[test]
fn ppoll_equiv_lets_the_signal_in_only_while_it_sleeps() {
    let story = told_by(env!("CARGO_BIN_EXE_ppoll_equiv"), &[]);
    assert_eq!(lines_with(&story, "What ppoll answers: Err(EINTR)").len(), 1, "{story}");
    assert!(story.ends_with("it has ended, with code 7\n"), "{story}");
}

#[test]
fn busy_ppoll_never_hears_and_the_self_pipe_does() {
    let story = told_by(env!("CARGO_BIN_EXE_busy_ppoll"), &[]);
    assert_eq!(lines_with(&story, "1000 turns by ppoll. Told to leave: false").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "unblocked. Told to leave: true").len(), 1, "{story}");
    assert!(story.ends_with("with a self-pipe: Wake, Some(SIGTERM)\n"), "{story}");
}

#[test]
fn signalfd_equiv_reads_one_signal_for_two_deaths() {
    let story = told_by(env!("CARGO_BIN_EXE_signalfd_equiv"), &[]);
    let pids = |line, before| -> Vec<i64> {
        lines_with(&story, line).iter().map(|line| number_after(line, before)).collect()
    };
    let dead = pids("dies here", "(pid ");
    assert_eq!(pids("I read", "from pid "), dead[..1]);
    let mut reaped = pids("I reap", "I reap pid ");
    reaped.sort_by_key(|pid| dead.iter().position(|other| other == pid));
    assert_eq!(reaped, dead);
}
