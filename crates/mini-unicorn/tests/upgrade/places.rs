//! Where the second master finds its program, and itself.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::sys::signal::Signal::*;
use story::{parent, wait_until};

use crate::masters::{install, upgrade};
use crate::server::{PROGRAM, Server, folder, get_at, living_in, pid_in, send};

#[test]
fn a_current_symlink_leads_the_next_generation_to_the_new_version() {
    let folder = folder();
    let release = |number: &str| {
        let path = folder.path().join(number);
        fs::create_dir(&path).expect("a folder");
        install(&path.join("unicorn"));
        fs::write(path.join("version"), number).expect("a file");
    };
    release("1");
    release("2");
    let current = folder.path().join("current");
    symlink("1", &current).expect("a link");
    let text = "listen = '127.0.0.1:0'\npid = '../u.pid'\napp = 'files:.'\n";
    for number in ["1", "2"] {
        fs::write(folder.path().join(number).join("site.toml"), text).expect("a file");
    }
    // As a shell does it: cd current && exec ./unicorn
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "cd \"$0\" && exec ./unicorn -c site.toml"]).arg(&current);
    let server = Server::run(folder, command);
    let old = server.master();
    server.wait_for_fresh(&[], 1);
    assert_eq!(server.get("/version").text(), "1");

    symlink("2", server.path("next")).expect("a link");
    fs::rename(server.path("next"), server.path("current")).expect("a link");
    let new = upgrade(&server, old, 1);
    send(old, SIGWINCH);
    wait_until("the first one's workers have left", || {
        Server::workers_of(old).is_empty().then_some(())
    });
    assert_eq!(server.get("/version").text(), "2");
    let here = fs::read_link(format!("/proc/{new}/cwd")).expect("it lives");
    assert!(here.ends_with("2"), "{}", here.display());
    let program = fs::read_link(format!("/proc/{new}/exe")).expect("it lives");
    assert!(program.ends_with("2/unicorn"), "{}", program.display());
}

#[test]
fn a_daemons_successor_is_a_daemon() {
    let folder = folder();
    let text = "listen = './sock'\npid = 'u.pid'\nstderr_path = 'err'\n";
    fs::write(folder.path().join("site.toml"), text).expect("a file");
    let mut command = Command::new(PROGRAM);
    command.args(["-c", "site.toml", "-D"]);
    let mut server = Server::run_without_waiting(folder, command);
    assert_eq!(server.finish().code(), Some(0), "{}", server.log());
    let old = pid_in(&server.path("u.pid"));
    send(old, SIGUSR2);
    let new = wait_until("the pid file has the new master's pid", || {
        Some(pid_in(&server.path("u.pid"))).filter(|&pid| pid != old)
    });
    assert_eq!(parent(new), Some(old)); // it did not detach once more
    wait_until("its worker is there", || (Server::workers_of(new).len() == 1).then_some(()));
    send(old, SIGQUIT);
    wait_until("the first has left", || {
        (!living_in(&server.canonical_folder()).contains(&old)).then_some(())
    });
    assert_eq!(get_at(&server.path("sock"), "/ppid"), format!("{new}\n"));
    assert_eq!(pid_in(&server.path("u.pid")), new);
}
