//! SIGNALS.md, "Upgrading without losing a request": SIGUSR2, and all that may come of it.

mod server;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal::{self, *};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use server::{PROGRAM, Server, get, living_in, pid_in, title, wait_until_gone};
use story::{children, parent, state, wait_until};
use tempfile::TempDir;

#[track_caller]
fn send(pid: Pid, signal: Signal) {
    kill(pid, signal).expect("it lives");
}

/// A server with a pid file in the folder, which runs a copy of the program: that can be replaced.
#[track_caller]
fn upgradable(workers: usize) -> Server {
    let folder = TempDir::new().expect("a folder");
    install(&folder.path().join("unicorn"));
    let text = format!("listen = '127.0.0.1:0'\npid = 'u.pid'\nworker_processes = {workers}\n");
    fs::write(folder.path().join("site.toml"), text).expect("a file");
    let mut command = Command::new("./unicorn");
    command.args(["-c", "site.toml"]);
    let server = Server::run(folder, command);
    server.wait_for_fresh(&[], workers);
    server
}

/// Puts a copy of the program there, as a new file. A child of another thread that has it open for
/// writing must not keep it from being run, so it is `cp` that does.
#[track_caller]
fn install(path: &Path) {
    let aside = path.with_extension("new");
    let copied = Command::new("cp").arg(PROGRAM).arg(&aside).status().expect("there is a cp");
    assert!(copied.success());
    fs::rename(aside, path).expect("the same folder");
}

/// The second master, once it and so many workers of it are ready.
#[track_caller]
fn successor(server: &Server, of: Pid, workers: usize) -> Pid {
    let new = wait_until("the pid file has the new master's pid", || {
        let pid = pid_in(&server.path("u.pid"));
        (pid != of && parent(pid) == Some(of)).then_some(pid)
    });
    wait_until("its workers are ready", || {
        let all = Server::workers_of(new);
        let log = server.log();
        let ready = |&(_, pid): &(usize, Pid)| log.contains(&format!(" {pid}] ready"));
        (all.len() == workers && all.iter().all(ready)).then_some(())
    });
    new
}

/// Upgrades, and returns the second master.
#[track_caller]
fn upgrade(server: &Server, old: Pid, workers: usize) -> Pid {
    send(old, SIGUSR2);
    let new = successor(server, old, workers);
    assert_eq!(pid_in(&server.path("u.pid.oldbin")), old);
    new
}

/// Waits until a request is answered by a worker of that master.
#[track_caller]
fn answered_by(server: &Server, master: Pid) {
    wait_until(&format!("a worker of {master} answers"), || {
        (server.get("/ppid").text() == format!("{master}\n")).then_some(())
    });
}

/// A thread that reads the pid file again and again, and remembers what was wrong with it.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Option<String>)>,
}

impl Reader {
    fn of(path: PathBuf) -> Reader {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut reads, mut wrong) = (0, None);
            while !until.load(SeqCst) {
                reads += 1;
                wrong = wrong.or_else(|| look(&path).err());
            }
            (reads, wrong)
        });
        Reader { stop, thread }
    }

    #[track_caller]
    fn found_nothing_wrong(self) {
        self.stop.store(true, SeqCst);
        let (reads, wrong) = self.thread.join().expect("it does not panic");
        assert_eq!(wrong, None, "after {reads} reads");
        assert!(reads > 100, "{reads} reads are too few to tell");
    }
}

/// Whether the file names a living master, or did when it was read: it may end in between, so what
/// counts against it is a second look that finds the same.
fn look(path: &Path) -> Result<(), String> {
    let read = || fs::read_to_string(path).map_err(|error| format!("{error}"));
    let text = read()?;
    let pid = text.strip_suffix('\n').and_then(|text| text.parse().ok()).map(Pid::from_raw);
    let pid = pid.ok_or(format!("not a pid: {text:?}"))?;
    match state(pid) {
        None | Some('Z') if read()? == text => Err(format!("nobody is {pid}")),
        _ => Ok(()),
    }
}

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

#[test]
fn a_current_symlink_leads_the_next_generation_to_the_new_version() {
    let folder = TempDir::new().expect("a folder");
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
    let folder = TempDir::new().expect("a folder");
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
    let mut stream = std::os::unix::net::UnixStream::connect(server.path("sock")).expect("served");
    stream.write_all(b"GET /ppid HTTP/1.0\r\n\r\n").expect("it takes it");
    stream.set_read_timeout(Some(story::DEADLINE)).expect("a deadline");
    let answer = std::io::read_to_string(stream).expect("it answers and closes");
    assert!(answer.ends_with(&format!("\r\n\r\n{new}\n")), "{answer}");
    assert_eq!(pid_in(&server.path("u.pid")), new);
}
