//! Each program's story, as the chapter tells it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command as Plain;

use assert_cmd::Command;
use nix::sys::signal::{SigHandler, Signal, killpg, signal};
use predicates::prelude::*;
use story::{
    DEADLINE, Started, blocked_in, children, killed_by, lines_with, number_after, told_by,
};

#[test]
fn launch_editor_turns_a_copy_of_the_shell_into_the_editor() {
    let story = told_by(env!("CARGO_BIN_EXE_launch_editor"), &[]);
    let shell = number_after(&story, "[shell ");
    let child = number_after(&story, "[child ");
    assert_ne!(shell, child);
    assert_eq!(number_after(&story, "[sed "), child, "exec keeps the process: {story}");
    assert_eq!(lines_with(&story, &format!("[shell {shell}]")).len(), 2, "{story}");
    assert!(story.ends_with(&format!("pid {child} ended: exit code 0; I am the shell still\n")));
}

#[test]
fn launch_editor_runs_what_it_is_told_to_and_reports_its_end() {
    let story =
        told_by(env!("CARGO_BIN_EXE_launch_editor"), &["sh", "-c", "echo one $0; exit 3", "two"]);
    assert_eq!(lines_with(&story, "one two").len(), 1, "{story}");
    assert!(story.contains("ended: exit code 3"), "{story}");
}

#[test]
fn launch_editor_ends_the_child_that_cannot_become_the_editor() {
    Command::new(env!("CARGO_BIN_EXE_launch_editor"))
        .arg("vmi")
        .timeout(DEADLINE)
        .assert()
        .success()
        .stdout(predicate::str::contains("ended: exit code 127").count(1))
        .stderr(predicate::str::contains("a copy of the shell still: No such file"));
}

#[test]
fn exec_fails_wrong_has_two_shells_and_calls_the_failure_a_success() {
    let story = told_by(env!("CARGO_BIN_EXE_exec_fails_wrong"), &[]);
    assert_eq!(lines_with(&story, "next: vmi").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "next: true").len(), 2, "{story}");
    assert_eq!(lines_with(&story, "the list is done").len(), 2, "{story}");
    let failed = lines_with(&story, "cannot run vmi")[0];
    let second_shell = number_after(failed, "[shell ");
    assert_ne!(second_shell, number_after(&story, "[shell "));
    let told = format!("vmi, pid {second_shell}, ended: exit code 0");
    assert_eq!(lines_with(&story, &told).len(), 1, "{story}");
}

#[test]
fn argv0_is_told_four_names_and_is_one_file() {
    let story = told_by(env!("CARGO_BIN_EXE_argv0"), &[]);
    for name in ["argv0", "-sh", "unicorn worker[0]", ""] {
        let told = format!("told `{name}`; run from the file argv0; ps shows `{name} who `");
        assert_eq!(lines_with(&story, &told).len(), 1, "{story}");
    }
    assert_eq!(lines_with(&story, "a dash in front").len(), 1, "{story}");
}

#[test]
fn survive_table_shows_what_exec_keeps_and_what_it_resets() {
    let story = told_by(env!("CARGO_BIN_EXE_survive_table"), &[]);
    let rows: Vec<_> = story
        .lines()
        .filter_map(|line| {
            line.split_at(27).1.split_once(" → ").map(|(b, a)| (line[..27].trim(), b, a))
        })
        .collect();
    assert!(rows[0].0 == "process" && rows[0].1 == rows[0].2, "{rows:?}");
    let expected = [
        ("working directory", "/", "/"),
        ("umask", "0027", "0027"),
        ("an alarm is set", "true", "true"),
        ("descriptor", "open at 5", "open at 5"),
        ("descriptor, close-on-exec", "open at 0", "closed"),
        ("SIGHUP has a handler", "true", "false"),
        ("SIGUSR1 is ignored", "true", "true"),
        ("SIGTERM is blocked", "true", "true"),
        ("SIGTERM is pending", "true", "true"),
        ("a variable in memory", "7", "0"),
    ];
    assert_eq!(rows[1..], expected);
}

#[test]
fn sigpipe_leaks_through_a_bare_exec_alone() {
    let run =
        Command::new(env!("CARGO_BIN_EXE_sigpipe_leaks")).timeout(DEADLINE).assert().success();
    let story = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert_eq!(lines_with(&story, "by a bare exec: exit code 1").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "by std's Command: killed by SIGPIPE").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "by our launch: killed by SIGPIPE").len(), 1, "{story}");
    run.stderr(predicate::str::starts_with("yes: ").and(predicate::str::contains("\n").count(1)));
}

#[test]
fn fd_by_env_serves_a_client_of_the_old_one_by_the_new_one() {
    let story = told_by(env!("CARGO_BIN_EXE_fd_by_env"), &[]);
    let (old, new) = (number_after(&story, "[old "), number_after(&story, "[new "));
    assert_ne!(old, new);
    assert_eq!(number_after(&story, "UNICORN_FD="), number_after(&story, "descriptor "));
    assert_eq!(lines_with(&story, "UNICORN_FD=None").len(), 1, "{story}");
    assert!(story.contains(&format!("[client {old}] answered by pid {new}\n")), "{story}");
    assert!(story.contains(&format!("my successor, pid {new}, ended: exit code 0")), "{story}");
}

#[test]
fn fd_by_env_refuses_a_descriptor_that_is_not_there() {
    Command::new(env!("CARGO_BIN_EXE_fd_by_env"))
        .env("UNICORN_FD", "99")
        .timeout(DEADLINE)
        .assert()
        .failure()
        .stderr(predicate::str::contains("inherited descriptor 99: Bad file descriptor"));
}

#[test]
fn inplace_vs_fork_exec_keeps_pid_and_child_in_place_only() {
    let story = told_by(env!("CARGO_BIN_EXE_inplace_vs_fork_exec"), &[]);
    let master = number_after(&story, "[master ");
    let worker = number_after(&story, "my worker is pid ");
    assert_ne!(number_after(&story, "[by-fork "), master);
    assert_eq!(number_after(&story, "[in-place "), master);
    assert!(story.contains(&format!("I can't wait for pid {worker}: ECHILD")), "{story}");
    assert!(story.contains(&format!("[in-place {master}] reaped pid {worker}")), "{story}");
    assert!(story.ends_with("exit code 0\n"), "{story}");
}

#[test]
fn ready_pipe_tells_a_byte_from_end_of_file() {
    let story = told_by(env!("CARGO_BIN_EXE_ready_pipe"), &[]);
    let alive = lines_with(&story, "alive; that is not ready yet");
    let [good, broken] = [alive[0], alive[1]].map(|line| number_after(line, "[new "));
    assert!(story.contains(&format!("a byte: pid {good} is ready")), "{story}");
    assert_eq!(lines_with(&story, "end of file and no byte: I stay").len(), 1, "{story}");
    assert!(story.contains(&format!("pid {good} ended: exit code 0")), "{story}");
    assert!(story.ends_with(&format!("pid {broken} ended: exit code 1\n")), "{story}");
}

#[test]
fn spawn_vs_fork_finds_that_fork_marks_every_page_and_posix_spawn_none() {
    let story = told_by(env!("CARGO_BIN_EXE_spawn_vs_fork"), &[]);
    let percent = |way| number_after(lines_with(&story, way)[0], "my next writes, ");
    assert_eq!(percent("fork and exec:"), 100, "{story}");
    assert_eq!(percent("std's Command:"), 0, "{story}");
    assert_eq!(percent("Command with a pre_exec:"), 100, "{story}");
}

/// tiny_shell, told what to do by `-c`.
fn shell(commands: &str) -> Command {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_tiny_shell"));
    shell.args(["-c", commands]).timeout(DEADLINE);
    shell
}

/// A place for a file of this test's own.
fn scratch(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn tiny_shell_runs_a_pipeline_into_a_file_and_appends_to_it() {
    let file = scratch("tiny_shell.pipeline");
    let path = file.display();
    let line = format!(
        "printf 'b\\na\\n' | sort > '{path}'\necho c >> '{path}'\ncat < '{path}' | tr a-z A-Z"
    );
    shell(&line).assert().success().stdout("A\nB\nC\n").stderr("");
    assert_eq!(fs::read_to_string(&file).expect("the shell made it"), "a\nb\nc\n");
}

#[test]
fn tiny_shell_runs_all_of_a_pipeline_at_once_and_closes_what_it_need_not_hold() {
    shell("yes | head -n 1").assert().success().stdout("y\n").stderr("");
    shell("head -c 1000000 /dev/zero | cat | wc -c").assert().success().stdout("1000000\n");
}

#[test]
fn a_program_of_tiny_shell_has_only_the_standard_streams() {
    // ls opens the directory that it lists: a fourth.
    let count = |line: &str| shell(line).assert().success().get_output().stdout.len();
    let bare = Plain::new("ls").arg("/proc/self/fd").output().expect("ls runs").stdout.len();
    assert_eq!(count("ls /proc/self/fd"), bare);
    assert_eq!(count("true | ls /proc/self/fd | cat"), bare);
}

#[test]
fn tiny_shell_knows_how_the_last_program_ended() {
    shell("false\necho $? \"$?\" '$?'").assert().success().stdout("1 1 $?\n");
    shell("sh -c 'exit 7'").assert().code(7);
    shell("false | true").assert().code(0);
    shell("sh -c 'kill -TERM $$'").assert().code(143).stderr("tiny_shell: killed by SIGTERM\n");
    shell("exit 9\necho not reached").assert().code(9).stdout("");
    shell("false\nexit").assert().code(1);
}

#[test]
fn tiny_shell_says_why_a_program_does_not_run() {
    let not_found = predicate::str::starts_with("tiny_shell: vmi: No such file or directory");
    shell("vmi").assert().code(127).stdout("").stderr(not_found);
    shell("/").assert().code(126).stderr(predicate::str::starts_with("tiny_shell: /: Permission"));
    let missing = predicate::str::starts_with("tiny_shell: /no/such: No such file or directory");
    shell("cat < /no/such\necho $?").assert().success().stdout("1\n").stderr(missing);
}

#[test]
fn tiny_shell_refuses_a_line_that_it_does_not_understand() {
    for (line, told) in [
        ("echo a |", "no program after `|`"),
        ("| cat", "no program before `|`"),
        ("a | | b", "no program before `|`"),
        ("echo 'a", "the quote ' is not closed"),
        ("echo \"a", "the quote \" is not closed"),
        ("cat <", "no file name after `<` or `>`"),
        ("echo > | cat", "no file name after `<` or `>`"),
        ("> f", "a file, and no program to use it"),
        ("echo $HOME", "the only variable here is $?"),
        ("sleep 1 &", "& is beyond me; quote it if you mean the character"),
        ("exit 256", "exit takes a number up to 255, not 256"),
        ("cd a b", "cd takes one word at most"),
        ("exit > f", "exit uses no files"),
    ] {
        let refused = shell(&format!("{line}\necho not reached")).assert().code(2).stdout("");
        refused.stderr(format!("tiny_shell: {told}\n"));
    }
}

#[test]
fn tiny_shell_changes_its_own_directory() {
    shell("cd /\npwd\ncd /no/such\necho $?\npwd").assert().success().stdout("/\n1\n/\n");
    shell("cd\npwd").env("HOME", "/usr").assert().success().stdout("/usr\n");
}

#[test]
fn tiny_shell_leaves_the_rest_of_a_script_to_whoever_reads_it() {
    let mut script = Command::new(env!("CARGO_BIN_EXE_tiny_shell"));
    let script = script.write_stdin("# a comment\n\nhead -n 1 /dev/null\ncat\nfor cat\nand this");
    script.timeout(DEADLINE).assert().success().stdout("for cat\nand this").stderr("");
}

#[test]
fn an_interrupt_ends_tiny_shell_and_its_programs_where_there_is_no_prompt() {
    let mut command = Plain::new(env!("CARGO_BIN_EXE_tiny_shell"));
    command.args(["-c", "sleep 60 | cat"]);
    // Whoever runs the tests may ignore it, and exec keeps that: `cargo test &` in a script does.
    // SAFETY: async-signal-safe, and no handler.
    unsafe { command.pre_exec(|| Ok(signal(Signal::SIGINT, SigHandler::SigDfl).map(drop)?)) };
    let shell = Started::command(command);
    let asleep = || {
        let stages = children(shell.pid());
        let blocked = stages.iter().all(|&stage| blocked_in(stage).is_some());
        (stages.len() == 2 && blocked).then_some(())
    };
    story::wait_until("both programs run", asleep);
    killpg(shell.pid(), Signal::SIGINT).expect("it leads its group");
    let (status, ..) = shell.finish();
    assert_eq!(killed_by(status), Some(Signal::SIGINT));
}

#[test]
fn tiny_shell_waits_for_its_children_even_where_sigchld_was_ignored() {
    let mut ignoring = Plain::new(env!("CARGO_BIN_EXE_tiny_shell"));
    ignoring.args(["-c", "sh -c 'exit 5'"]);
    // SAFETY: async-signal-safe, and no handler.
    unsafe { ignoring.pre_exec(|| Ok(signal(Signal::SIGCHLD, SigHandler::SigIgn).map(drop)?)) };
    Command::from_std(ignoring).timeout(DEADLINE).assert().code(5);
}
