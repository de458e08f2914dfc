//! The second master does not do, and the first serves on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal::*;
use story::{children, state, wait_until};

use crate::masters::{Reader, install, upgradable, upgrade};
use crate::server::{Server, pid_in, send, title, wait_until_gone};

#[test]
fn a_program_that_can_not_be_run_changes_nothing() {
    let server = upgradable(1);
    let old = server.master();
    let reader = Reader::of(server.path("u.pid"));
    let broken = |how: &str| {
        let path = server.path("unicorn");
        match how {
            "is missing" => fs::remove_file(path).expect("it is there"),
            "is not executable" => {
                fs::write(path, "").expect("a file");
            }
            _ => {
                fs::write(&path, "no program").expect("a file");
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
            }
        }
    };
    for (times, (how, told)) in [
        ("is missing", "No such file"),
        ("is not executable", "Permission denied"),
        ("is no program", "Exec format error"),
    ]
    .into_iter()
    .enumerate()
    {
        broken(how);
        send(old, SIGUSR2);
        server.wait_for_times("cannot start a new master, so this one serves on: ", times + 1);
        assert!(server.log().contains(told), "{how}: {}", server.log());
        assert_as_before(&server);
    }
    install(&server.path("unicorn"));
    upgrade(&server, old, 1);
    reader.found_nothing_wrong();
}

/// Makes sure that the first master serves alone, and has the pid file.
#[track_caller]
fn assert_as_before(server: &Server) {
    let old = server.master();
    server.obeyed();
    assert_eq!(pid_in(&server.path("u.pid")), old);
    assert!(!server.path("u.pid.oldbin").exists());
    assert!(title(old).starts_with("mini-unicorn master -c"), "{}", title(old));
    assert_eq!(server.get("/ppid").text(), format!("{old}\n"));
    assert_eq!(children(old).len(), Server::workers_of(old).len());
}

#[test]
fn a_new_master_that_does_not_come_up_changes_nothing() {
    let server = upgradable(1);
    let reader = Reader::of(server.path("u.pid"));
    let good = fs::read_to_string(server.path("site.toml")).expect("it is there");
    for (times, text) in ["timeout = 0", "pid = 'u.pid'\nlisten = ['127.0.0.1:0', '/nowhere/s']"]
        .into_iter()
        .enumerate()
    {
        server.configure(text);
        server.signal(SIGUSR2);
        server.wait_for_times("has ended (exit code 1): this one serves on", times + 1);
        assert_as_before(&server);
    }
    fs::write(server.path("site.toml"), good).expect("a file");
    upgrade(&server, server.master(), 1);
    reader.found_nothing_wrong();
}

#[test]
fn a_new_master_that_is_killed_leaves_the_first_as_it_was() {
    let server = upgradable(1);
    for times in 1..=2 {
        let new = upgrade(&server, server.master(), 1);
        let theirs: Vec<_> = Server::workers_of(new).into_iter().map(|(_, pid)| pid).collect();
        send(new, SIGKILL);
        server.wait_for_times("): this one serves on", times);
        wait_until("its workers have left", || {
            theirs.iter().all(|&pid| matches!(state(pid), None | Some('Z'))).then_some(())
        });
        assert_as_before(&server);
    }
}

#[test]
fn backing_out_gives_the_first_one_its_workers_and_its_pid_file_back() {
    let server = upgradable(2);
    let old = server.master();
    let reader = Reader::of(server.path("u.pid"));
    let new = upgrade(&server, old, 2);
    send(old, SIGWINCH);
    wait_until("the first one's workers have left", || {
        Server::workers_of(old).is_empty().then_some(())
    });
    send(old, SIGHUP);
    server.wait_for_fresh(&[], 2);
    assert_eq!(pid_in(&server.path("u.pid")), new); // a reload takes nothing from the new one
    assert_eq!(pid_in(&server.path("u.pid.oldbin")), old);
    send(new, SIGQUIT);
    wait_until_gone(&[new]);
    server.wait_for(&format!("the new master, pid {new}, has ended (exit code 0)"));
    assert_as_before(&server);
    reader.found_nothing_wrong();
    upgrade(&server, old, 2);
}
