//! The second master takes over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use nix::sys::signal::Signal::*;
use story::{children, parent, state, wait_until};

use crate::masters::{Reader, answered_by, successor, upgradable, upgrade};
use crate::server::{Server, get, living_in, pid_in, send, title};

#[test]
fn usr2_starts_a_second_master_beside_the_first_and_both_serve() {
    let server = upgradable(2);
    let old = server.master();
    let new = upgrade(&server, old, 2);
    assert_eq!(parent(new), Some(old));
    assert!(title(old).starts_with("mini-unicorn master (old) "), "{}", title(old));
    assert!(title(new).starts_with("mini-unicorn master "), "{}", title(new));
    assert_eq!(Server::workers_of(old).len(), 2);
    answered_by(&server, old);
    answered_by(&server, new);
    assert!(server.log().contains(&format!("[master {new}] inherited {}", server.address())));
}

#[test]
fn usr2_needs_no_pid_file_and_keeps_a_port_that_the_kernel_chose() {
    let server = Server::start(&[]);
    server.signal(SIGUSR2);
    let new = wait_until("there is a second master", || {
        let all = children(server.master());
        all.into_iter().find(|&pid| !Server::workers_of(pid).is_empty())
    });
    answered_by(&server, new); // at the same address
    server.signal(SIGQUIT);
    server.wait_for("all workers have left");
    assert_eq!(server.get("/ppid").text(), format!("{new}\n"));
}

#[test]
fn the_whole_procedure_again_and_again_and_there_always_is_a_living_master_in_the_pid_file() {
    let mut server = upgradable(2);
    let first = server.master();
    let reader = Reader::of(server.path("u.pid"));
    let second = upgrade(&server, first, 2);
    send(first, SIGWINCH);
    wait_until("the first one's workers have left", || {
        Server::workers_of(first).is_empty().then_some(())
    });
    assert_eq!(server.get("/ppid").text(), format!("{second}\n"));
    send(first, SIGQUIT);
    assert_eq!(server.finish().code(), Some(0));
    assert!(!server.path("u.pid.oldbin").exists());
    assert_eq!(pid_in(&server.path("u.pid")), second);

    let third = upgrade(&server, second, 2);
    send(second, SIGQUIT);
    wait_until("the second has left", || matches!(state(second), None | Some('Z')).then_some(()));
    assert_eq!(server.get("/ppid").text(), format!("{third}\n"));
    assert!(!server.path("u.pid.oldbin").exists());
    reader.found_nothing_wrong();
    assert_eq!(pid_in(&server.path("u.pid")), third);
    send(third, SIGQUIT);
    wait_until("all have left", || living_in(&server.canonical_folder()).is_empty().then_some(()));
    assert!(!server.path("u.pid").exists());
}

#[test]
fn no_request_is_lost_while_masters_change() {
    let mut server = upgradable(2);
    let old = server.master();
    let stop = Arc::new(AtomicBool::new(false));
    let clients = [(); 2].map(|()| {
        let (address, stop) = (server.address().to_string(), Arc::clone(&stop));
        thread::spawn(move || {
            let mut answers = 0;
            while !stop.load(SeqCst) {
                assert_eq!(get(&address, "/").text(), "hello\n");
                answers += 1;
            }
            answers
        })
    });
    let new = upgrade(&server, old, 2);
    send(old, SIGQUIT);
    assert_eq!(server.finish().code(), Some(0));
    answered_by(&server, new);
    let before = Server::workers_of(new);
    send(new, SIGHUP);
    wait_until("a fresh set", || {
        let now = Server::workers_of(new);
        (now.len() == 2 && !now.iter().any(|worker| before.contains(worker))).then_some(())
    });
    answered_by(&server, new);
    stop.store(true, SeqCst);
    for client in clients {
        let answers: u64 = client.join().expect("each request was answered");
        assert!(answers > 0);
    }
}

#[test]
fn quit_right_behind_usr2_hands_over_all_the_same() {
    let mut server = upgradable(1);
    let old = server.master();
    let (busy, _) = server.hold(); // so that the first stays for a while
    send(old, SIGUSR2);
    server.wait_for("a new master runs as pid ");
    send(old, SIGQUIT);
    let new = successor(&server, old, 1);
    assert_eq!(busy.answer().text(), "done");
    assert_eq!(server.finish().code(), Some(0));
    assert_eq!(server.get("/ppid").text(), format!("{new}\n"));
    assert_eq!(pid_in(&server.path("u.pid")), new);
    assert!(!server.path("u.pid.oldbin").exists());
}

#[test]
fn a_master_that_leaves_before_its_successor_is_there_leaves_it_the_pid_file() {
    let mut server = upgradable(1);
    let old = server.master();
    send(old, SIGUSR2);
    server.wait_for("a new master runs as pid ");
    send(old, SIGQUIT); // it may be gone before the new one reads the file
    assert_eq!(server.finish().code(), Some(0));
    let new = wait_until("the new one has it", || {
        Some(pid_in(&server.path("u.pid"))).filter(|&pid| pid != old)
    });
    assert_eq!(server.get("/ppid").text(), format!("{new}\n"));
}

#[test]
fn a_second_usr2_is_ignored_while_the_new_master_lives() {
    let server = upgradable(1);
    let old = server.master();
    let new = upgrade(&server, old, 1);
    send(old, SIGUSR2);
    server.wait_for(&format!("SIGUSR2 ignored: the new master, pid {new}, runs already"));
    assert_eq!(children(old).len(), 2); // a worker, and the new master
    assert_eq!(pid_in(&server.path("u.pid")), new);
    assert_eq!(pid_in(&server.path("u.pid.oldbin")), old);
}
