//! Runs that are told while they go on.

use grader::{Exit, Finished, Piece, Reach, Run};
use nix::sys::signal::Signal;
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

/// A run on a thread of its own.
struct Live {
    pieces: Receiver<Piece>,
    reach: Reach,
    stop: Option<PipeWriter>,
    thread: JoinHandle<Finished>,
}

impl Live {
    fn start(program: &str, args: &[&str], recorded: bool) -> Self {
        let (told, pieces) = channel();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let run = Run::new(program).args(args).deadline(DEADLINE);
        let tell = move |piece| _ = told.send(piece);
        let thread = std::thread::spawn(move || {
            let stop = OwnedFd::from(reader);
            let ended = match recorded {
                true => run.recorded().patience(Duration::from_millis(200)).live(stop, tell),
                false => run.live(stop, tell),
            };
            ended.expect("it starts")
        });
        let reach = loop {
            if let Piece::Begun(reach) = pieces.recv_timeout(DEADLINE).expect("it begins") {
                break reach;
            }
        };
        Self { pieces, reach, stop: Some(writer), thread }
    }

    /// Waits until standard output holds this.
    fn hear(&self, text: &str) {
        let mut heard = Vec::new();
        while !String::from_utf8_lossy(&heard).contains(text) {
            if let Piece::Stdout(bytes) = self.pieces.recv_timeout(DEADLINE).expect("it goes on") {
                heard.extend(bytes);
            }
        }
    }

    fn finish(self) -> (Finished, Vec<Piece>) {
        let finished = self.thread.join().expect("no panic");
        (finished, self.pieces.iter().collect())
    }
}

#[test]
fn output_is_told_while_the_program_runs_and_stopping_ends_it() {
    let mut live = Live::start("/bin/sh", &["-c", "echo hello; exec sleep 1000"], false);
    live.hear("hello\n");
    drop(live.stop.take());
    let reach = live.reach.clone();
    let (finished, _) = live.finish();
    assert_eq!(finished.outcome.exit, Exit::Stopped);
    assert!(reach.snapshot().is_none() && !reach.signal(None, Signal::SIGTERM));
}

#[test]
fn a_signal_reaches_the_program_and_a_process_that_it_made() {
    let script = "sleep 1000 & child=$!; echo $child; wait $child; echo $?; kill -USR1 $$";
    for recorded in [false, true] {
        let live = Live::start("/bin/sh", &["-c", script], recorded);
        live.hear("\n");
        let child = live.reach.snapshot().and_then(|now| now.others().next().map(|p| p.pid));
        assert!(live.reach.signal(child, Signal::SIGTERM), "{recorded}");
        live.hear("143\n");
        let (finished, _) = live.finish();
        assert_eq!(finished.outcome.exit, Exit::Signal(libc::SIGUSR1));
    }
}

#[test]
fn a_run_to_the_last_goes_on_behind_the_programs_end() {
    let run = |script| Run::new("/bin/sh").args(["-c", script]).deadline(DEADLINE);
    let script = "(sleep 0.2; echo later) & echo now";
    let outcome = run(script).to_the_last().finish();
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "now\nlater\n");
    assert_eq!(outcome.exit, Exit::Code(0));
}

#[test]
fn a_recorded_hang_is_ended_and_its_events_are_told() {
    let live = Live::start(env!("CARGO_BIN_EXE_grader-subject"), &["own-pipe"], true);
    let (finished, pieces) = live.finish();
    if pieces.iter().any(|piece| matches!(piece, Piece::Untraced(_))) {
        grader::skip("a hang, live", "nobody may trace here");
        return;
    }
    assert!(finished.stuck, "{finished:?}");
    assert!(pieces.iter().filter(|piece| matches!(piece, Piece::Event(_))).count() > 3);
}

#[test]
fn what_cannot_be_executed_is_said_and_never_begins() {
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    let failed = Run::new("/nowhere/at/all").live(reader.into(), |piece| panic!("{piece:?}"));
    assert!(failed.expect_err("there is no such program").contains("No such file"));
}
