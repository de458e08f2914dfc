//! What the recorder does to a program, and what the program makes of it.

mod common;

use common::{P1, P2, Recorded, recorded_with};
use trace::event::{Event, Injected, Outcome, Task, What};
use trace::{Model, text};

/// Also where there is no such call, and the C library polls nothing.
const PAUSE: &str = "pause";

const POLICIES: [&[&str]; 5] = [
    &["--policy", "run-to-block"],
    &["--policy", "child-first"],
    &["--policy", "parent-first"],
    &["--policy", "random", "--seed", "3"],
    &["--policy", "random", "--seed", "4"],
];

/// A recording that contradicts itself nowhere.
#[track_caller]
fn injected(options: &[&str], program: &str) -> Recorded {
    let recorded = recorded_with(options, &[program]);
    let mut model = Model::new();
    for event in &recorded.events {
        model.apply(event).unwrap_or_else(|mismatch| panic!("{mismatch}\n{}", recorded.text));
    }
    recorded
}

fn deed(call: &str, deed: Injected) -> What {
    What::Injected { call: call.into(), deed }
}

/// The task's calls of this name, each by what came of it.
fn outcomes<'a>(recorded: &'a Recorded, task: Task, call: &str) -> Vec<&'a Outcome> {
    let of = |event: &&Event| event.task == task;
    let own = recorded.events.iter().filter(of);
    let left = own.filter_map(|event| match &event.what {
        What::Leave { name, result, .. } if name == call => Some(result),
        _ => None,
    });
    left.collect()
}

fn failed(error: &str) -> Outcome {
    Outcome::Error(error.into())
}

#[test]
fn a_call_fails_without_being_made() {
    for policy in POLICIES {
        let options = [policy, &["--fail", "P1:read:1=EINTR"]].concat();
        let right = injected(&options, "read-again");
        assert_eq!(right.code, Some(0), "{}", right.text);
        let enters =
            right.at(P1, |what| matches!(what, What::Enter { name, .. } if name == "read"));
        let fails = right.exactly(P1, deed("read", Injected::Fails("EINTR".into())));
        // Others may have their turn in between.
        let leaves = right.leaves(P1, "read");
        assert!(enters < fails && fails < leaves, "{}", right.text);
        let own =
            |event: &&Event| event.task == P1 && !matches!(event.what, What::Held | What::Runs);
        assert_eq!(right.events[enters..leaves].iter().filter(own).count(), 2, "{}", right.text);
        assert_eq!(*outcomes(&right, P1, "read")[0], failed("EINTR"));
        assert_eq!(injected(&options, "read-once").code, Some(1));
    }
}

#[test]
fn a_call_that_is_not_made_changes_nothing() {
    let recorded = injected(&["--fail", "close=EIO"], "close-fails");
    assert_eq!(recorded.code, Some(0), "{}", recorded.text);
    let sleep = injected(&["--fail", "P1:clock_nanosleep=EINTR"], "sleep");
    // Rust's own begins again with what is left, and sleeps then.
    assert_eq!(sleep.all(|what| *what == What::Sleeps).len(), 1, "{}", sleep.text);
    assert_eq!(outcomes(&sleep, P1, "clock_nanosleep")[0], &failed("EINTR"));
}

#[test]
fn each_call_fails_where_each_is_meant() {
    let options = ["--fail", "P1:fork:*=EAGAIN", "--fail", "mmap:every=ENOMEM"];
    let recorded = injected(&options[..2], "fork-refused");
    assert_eq!(recorded.stdout, "3\n");
    assert_eq!(outcomes(&recorded, P1, "fork"), [&failed("EAGAIN"); 3]);
    let second = injected(&["--fail", "fork:2=EAGAIN"], "fork-refused");
    assert_eq!(second.stdout, "1\n");
}

#[test]
fn a_server_lives_on_without_descriptors() {
    let recorded = injected(&["--fail", "accept4=EMFILE"], "accept");
    assert_eq!(recorded.code, Some(0), "{}", recorded.text);
    assert_eq!(recorded.stdout, "Too many open files (os error 24)\n");
}

#[test]
fn a_short_write_is_one_for_the_kernel_too() {
    for policy in POLICIES {
        let options = [policy, &["--short", "P2:write:1=2"]].concat();
        let all = injected(&options, "write-all");
        assert_eq!(all.stdout, "hello\n", "{}", all.text);
        assert_eq!(outcomes(&all, P2, "write"), [&Outcome::Value(2), &Outcome::Value(3)]);
        all.exactly(P2, deed("write", Injected::Short(2)));
        assert_eq!(injected(&options, "write-once").stdout, "he\n");
    }
    assert_eq!(injected(&["--short", "write=2"], "count-stays").code, Some(0));
    let reads = injected(&["--short", "P1:read:*=1"], "read-again");
    assert_eq!(outcomes(&reads, P1, "read").len(), 6, "{}", reads.text);
}

#[test]
fn a_call_that_moves_bytes_from_several_places_moves_some_of_them_only() {
    let said = |short: &str| injected(&["--short", short], "pieces").stdout;
    assert_eq!(said("writev=0"), "0 0 ......\n");
    assert_eq!(said("writev=1"), "1 1 h.....\n");
    assert_eq!(said("writev=2"), "2 2 he....\n");
    assert_eq!(said("writev=3"), "3 3 hel...\n");
    assert_eq!(said("readv=3"), "5 3 hel...\n");
    let all = injected(&["--short", "writev=5"], "pieces");
    assert!(
        all.stderr.contains("its writev had no more bytes to move than that"),
        "{}",
        all.stderr
    );
}

#[test]
fn a_signal_before_a_pause_is_lost_on_it() {
    for policy in POLICIES {
        // Under each policy the signal comes when the other one is about to pause.
        let held = |call: &str, program| {
            let hold = format!("P1:{call}=P2:kill");
            let holds = ["--patience", "0.2", "--hold", "P2:kill", "--hold", &hold];
            injected(&[policy, &holds].concat(), program)
        };
        let lost = held(PAUSE, "pause");
        assert_eq!(lost.code, Some(128 + libc::SIGKILL), "{}", lost.text);
        let stuck = lost.exactly(P1, What::Stuck);
        // The call, begun and left off, isn't told: it begins after the handler.
        let begun = lost.at(P1, |what| matches!(what, What::Enter { name, .. } if name == PAUSE));
        let holds = lost.exactly(P1, deed(PAUSE, Injected::Holds));
        let caught = lost.exactly(P1, What::HandlerReturns);
        assert!([holds, caught, begun, stuck].is_sorted(), "{}", lost.text);
        // Nothing is lost where nobody does anything, nor by who does it right.
        assert_eq!(injected(policy, "pause").code, Some(0));
        for (call, right) in [("rt_sigsuspend", "sigsuspend"), ("poll", "self-pipe")] {
            let right = held(call, right);
            assert_eq!((right.code, right.stderr.as_str()), (Some(0), ""), "{}", right.text);
        }
    }
}

#[test]
fn a_signal_comes_between_two_calls() {
    for policy in POLICIES {
        let options = [policy, &["--signal", "P1:write:2=USR1"]].concat();
        let recorded = injected(&options, "handler-writes");
        assert_eq!(recorded.stdout, "a!b\n", "{}", recorded.text);
        let sent = recorded.exactly(P1, deed("write", Injected::Signal(libc::SIGUSR1)));
        let by = Some(Task::OUTSIDE);
        let signalled = What::Signalled { signal: libc::SIGUSR1, by };
        assert_eq!(recorded.exactly(P1, signalled), sent + 1);
        assert!(
            recorded
                .all(|what| matches!(what, What::Leave { result: Outcome::Interrupted, .. }))
                .is_empty()
        );
    }
    // Each write, but not those of the handler, nor any twice.
    let each = injected(&["--signal", "P1:write:*=USR1"], "handler-writes");
    assert_eq!(each.stdout, "!a!b\n", "{}", each.text);
    let killed = injected(&["--signal", "P1:write:2=KILL"], "handler-writes");
    assert_eq!(killed.code, Some(128 + libc::SIGKILL), "{}", killed.text);
    assert_eq!(outcomes(&killed, P1, "write").len(), 1);
}

#[test]
fn a_blocked_signal_waits_for_the_call() {
    let options = ["--signal", "P1:rt_sigsuspend=USR1", "--fail", "P2:kill=EPERM"];
    let recorded = recorded_with(&options, &["sigsuspend"]);
    assert_eq!(outcomes(&recorded, P1, "rt_sigsuspend"), [&Outcome::Interrupted]);
}

#[test]
fn a_signal_goes_to_the_process_unless_a_thread_is_named() {
    for policy in POLICIES {
        for (at, to) in [("P1:futex", P1), ("P2:rt_sigtimedwait", P2)] {
            let signal = format!("{at}=USR1");
            let options = [policy, &["--signal", &signal]].concat();
            let recorded = injected(&options, "thread-takes");
            assert_eq!(recorded.stdout, "SIGUSR1\n", "{}", recorded.text);
            let by = Some(Task::OUTSIDE);
            recorded.exactly(to, What::Signalled { signal: libc::SIGUSR1, by });
        }
    }
}

#[test]
fn who_is_held_until_a_call_runs_after_it() {
    for policy in POLICIES {
        for (until, read) in [("P2:write:2", "ab"), ("P2:write:3", "abc"), ("P2:exit_group", "abc")]
        {
            let hold = format!("P1:read={until}");
            let options = [policy, &["--hold", "P2:write", "--hold", &hold]].concat();
            let recorded = injected(&options, "writes");
            assert_eq!(recorded.stdout, format!("{read}\n"), "{until} {}", recorded.text);
            assert_eq!(recorded.stderr, "");
        }
        // Whom nobody else can wake isn't held for good, also where the others only ask.
        let options = [policy, &["--hold", "P2:exit_group"]].concat();
        assert_eq!(injected(&options, "spin").code, Some(0));
        let options = [policy, &["--hold", "P2:exit_group=P1:close:9"]].concat();
        assert_eq!(injected(&options, "spin").code, Some(0));
    }
}

#[test]
fn what_has_not_happened_is_told() {
    let warned = |options: &[&str], why: &str| {
        let recorded = injected(options, "writes");
        assert_eq!(recorded.code, Some(0));
        let told = format!("warning: {} has not happened: {why}\n", options.join(" "));
        assert_eq!(recorded.stderr, told);
    };
    warned(&["--fail", "P2:write:4=EAGAIN"], "P2 has made only 3 of them");
    warned(&["--fail", "P1:pipe:1=EMFILE"], "P1 has made no pipe; is it pipe2?");
    warned(&["--hold", "P9:read:1"], "there was no P9");
    warned(&["--signal", "select:*=TERM"], "nobody has made any select");
    warned(&["--short", "P2:write:2=1"], "its write had no more bytes to move than that");
    let why = "let go because nobody else could go on: P2 has made only 3 of them";
    warned(&["--hold", "P1:read:1=P2:write:7"], why);
}

#[test]
fn a_mistake_is_named_with_an_example() {
    let said = |option: &str, text: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_recorder"));
        command.args(["run", option, text, "--", "true"]);
        story::Started::command(command).finish().2
    };
    assert!(said("--fail", "wirte=EAGAIN").contains("no call `wirte`; is it write"));
    assert!(said("--short", "read").contains("as P1:read:3=1 does"));
    let free = recorded_free();
    assert!(free.contains("cannot hold a task: with --policy free"), "{free}");
}

fn recorded_free() -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_recorder"));
    command.args(["run", "--policy", "free", "--hold", "read", "--", "true"]);
    story::Started::command(command).finish().2
}

#[test]
fn twenty_recordings_are_one() {
    let pause = format!("P1:{PAUSE}");
    let all: [(&[&str], &str); 6] = [
        (&["--hold", &pause, "--patience", "0.05"], "pause"),
        (&["--hold", "P1:poll"], "self-pipe"),
        (&["--signal", "P1:write:*=USR1"], "handler-writes"),
        (&["--short", "write:*=1", "--fail", "P1:read:2=EINTR"], "write-all"),
        (&["--hold", "P1:read=P2:write:2"], "writes"),
        (&["--fail", "fork:2=EAGAIN", "--hold", "P2:exit_group"], "fork-refused"),
    ];
    for (options, program) in all {
        let first = injected(options, program).text;
        for _ in 1..20 {
            assert_eq!(injected(options, program).text, first, "{program}");
        }
    }
}

#[test]
fn a_picture_says_what_the_recorder_has_done() {
    let text = |options: &[&str], program| text::lanes(&injected(options, program).events, 100);
    let fails = text(&["--fail", "P1:read=EINTR"], "read-again");
    assert!(fails.contains("the recorder made it fail"), "{fails}");
    let short = text(&["--short", "P2:write=2"], "write-all");
    assert!(short.contains("2 bytes into pipe 1; the recorder let it"), "{short}");
    let sent = text(&["--signal", "P1:write:2=USR1"], "handler-writes");
    assert!(sent.contains("the recorder sends SIGUSR1"), "{sent}");
    let quiet = text(&["--fail", "P1:mmap=ENOMEM"], "threads");
    assert!(quiet.contains("mmap() fails: ENOMEM"), "{quiet}");
}
