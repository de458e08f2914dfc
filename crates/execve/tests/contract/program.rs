//! What `execve`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and a process with threads can't
//! fork and go on. It prints what it saw; the test judges. Some promises take a second life, after
//! an exec: its name begins with `then_`.

mod terminal;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::{env, process};

use anyhow::{Context, Result, bail};
use execve::{Origin, Program, inherited, launch, reexec};
use fork::{Exit, wait_for};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigHandler, SigSet, Signal, kill, killpg, raise, signal};
use nix::sys::wait::wait;
use nix::unistd::{alarm, getpgrp, getpid, getppid};

/// This program again, keeping another promise.
fn myself(promise: &str) -> Result<Program<'static>> {
    Ok(Program::new(env::current_exe()?).args([promise]))
}

/// What a program writes to its standard output, and how it ends.
fn told_by(program: Program<'_>) -> Result<(String, Exit)> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: this program has one thread (and so below).
    let pid = unsafe { launch(&program.place(writer.as_fd(), 1)) }?;
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    Ok((text, wait_for(pid)?))
}

/// A launch that should fail: its errno, and whether a child is left behind.
fn refused(program: &Program<'_>) -> String {
    // SAFETY: one thread.
    match unsafe { launch(program) } {
        Ok(pid) => format!("launched pid {pid}"),
        Err(error) => {
            let errno = error.raw_os_error().map(nix::errno::Errno::from_raw);
            let errno = errno.map_or(format!("{:?}", error.kind()), |errno| format!("{errno:?}"));
            let left = wait().map_err(|error| format!("{error:?}"));
            format!(
                "{errno}; children: {}",
                left.map_or_else(|error| error, |_| "some".to_string())
            )
        }
    }
}

/// A directory of our own, gone when this is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("execve-contract.{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Scratch(path.canonicalize()?))
    }

    fn script(&self, directory: &str, text: &str, mode: u32) -> Result<PathBuf> {
        let directory = self.0.join(directory);
        fs::create_dir_all(&directory)?;
        let path = directory.join("greet");
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tells_why_it_failed() -> Result<()> {
    let scratch = Scratch::new()?;
    println!("{}", refused(&Program::new("/no/such/program")));
    println!("{}", refused(&Program::new("no such program")));
    println!("{}", refused(&Program::new("")));
    println!("{}", refused(&Program::new(scratch.script("plain", "", 0o644)?)));
    println!("{}", refused(&Program::new(scratch.script("empty", "", 0o755)?)));
    println!("{}", refused(&Program::new(scratch.script("odd", "#!/no/such/sh\n", 0o755)?)));
    println!("{}", refused(&Program::new("true").directory("/no/such/directory")));
    println!("{}", refused(&Program::new("true").args(["a\0b"])));
    println!("{}", refused(&Program::new("true").args(["x".repeat(1 << 20)])));
    Ok(())
}

fn searches_the_path() -> Result<()> {
    let scratch = Scratch::new()?;
    let script = |text: &str| format!("#!/bin/sh\necho {text}\n");
    let no_directory = scratch.script("none", "", 0o644)?;
    scratch.script("forbidden", &script("forbidden"), 0o644)?;
    scratch.script("first", &script("first"), 0o755)?;
    scratch.script("second", &script("second"), 0o755)?;
    let path = |names: &[&str]| {
        env::join_paths(names.iter().map(|name| scratch.0.join(name)).chain([no_directory.clone()]))
    };
    let all = path(&["nowhere", "forbidden", "first", "second"])?;
    print!("{}", told_by(Program::new("greet").env("PATH", all))?.0);
    println!("{}", refused(&Program::new("greet").env("PATH", path(&["forbidden", "nowhere"])?)));
    print!("{}", told_by(Program::new("./greet").directory(scratch.0.join("second")))?.0);
    Ok(())
}

fn gives_what_it_was_told() -> Result<()> {
    let (text, _) = told_by(
        myself("then_say_what_i_was_given")?
            .arg0("somebody")
            .args(["one", "two words", ""])
            .env_clear()
            .env("B", "2")
            .env("A", "1")
            .env("C", "3")
            .env_remove("C")
            .directory("/"),
    )?;
    print!("{text}");
    println!("here: {:?}, {}", env::var_os("A"), env::current_dir()? == Path::new("/"));
    Ok(())
}

fn then_say_what_i_was_given() -> Result<()> {
    println!("{:?}", env::args().collect::<Vec<_>>());
    println!("{:?}", env::vars().collect::<Vec<_>>());
    println!("{}", env::current_dir()?.display());
    Ok(())
}

/// The descriptors that are open in this process.
fn descriptors() -> Result<Vec<RawFd>> {
    let listed = fs::read_dir("/proc/self/fd")?.map(|entry| entry.map(|entry| entry.file_name()));
    let listed = listed.collect::<io::Result<Vec<OsString>>>()?;
    let open = |number: &RawFd| Path::new(&format!("/proc/self/fd/{number}")).exists();
    let numbers = listed.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut numbers: Vec<RawFd> = numbers.filter(open).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn then_list_descriptors() -> Result<()> {
    println!("{:?}", descriptors()?);
    Ok(())
}

fn keeps_only_what_it_is_told_to() -> Result<()> {
    let at_first = descriptors()?;
    let files = [(); 5].map(|()| File::open("/dev/null"));
    let kept = files[2].as_ref().map_err(|error| io::Error::from(error.kind()))?;

    let (text, _) = told_by(myself("then_list_descriptors")?.keep(kept.as_fd()))?;
    let mut expected = at_first.clone();
    expected.push(kept.as_raw_fd());
    expected.sort_unstable();
    println!("kept one: {}", text.trim_end() == format!("{expected:?}"));

    let flags = FdFlag::from_bits_retain(fcntl(kept, FcntlArg::F_GETFD)?);
    println!("here it is close-on-exec still: {}", flags.contains(FdFlag::FD_CLOEXEC));
    let (text, _) = told_by(myself("then_list_descriptors")?)?;
    println!("the next one has none: {}", text.trim_end() == format!("{at_first:?}"));
    println!("nothing is left open here: {}", descriptors()?.len() == at_first.len() + 5);
    Ok(())
}

fn lets_descriptors_change_places() -> Result<()> {
    let scratch = Scratch::new()?;
    let file = |name: &str| -> Result<File> {
        fs::write(scratch.0.join(name), name)?;
        Ok(File::open(scratch.0.join(name))?)
    };
    let (a, b) = (file("a")?, file("b")?);
    let (m, n) = (a.as_raw_fd(), b.as_raw_fd());
    let read = format!("cat /dev/fd/{m} /dev/fd/{n} -");
    let program = Program::new("sh").args(["-c", &read]).place(a.as_fd(), n);
    println!("{}", told_by(program.place(b.as_fd(), m).place(b.as_fd(), 0))?.0);

    // Everywhere, the highest first: so also where the copies would be if they were not above.
    let crowd = Program::new("sh").args(["-c", "cat /dev/fd/[3-9] /dev/fd/1[0-9]"]);
    let either = |number| if number % 2 == 0 { a.as_fd() } else { b.as_fd() };
    let crowd = (3..20).rev().fold(crowd, |program, number| program.place(either(number), number));
    println!("{}", told_by(crowd)?.0);
    Ok(())
}

fn reports_past_any_placing() -> Result<()> {
    let null = File::open("/dev/null")?;
    // The report's pipe would get one of these numbers.
    let crowded =
        |name| (3..20).fold(Program::new(name), |p, number| p.place(null.as_fd(), number));
    println!("{}", refused(&crowded("/no/such/program")));
    println!("{}", told_by(crowded("true"))?.1);
    Ok(())
}

/// Signals for which `field` of /proc/PID/status, as `text` shows it, has a bit.
fn set_in(text: &str, field: &str, signals: &[Signal]) -> Vec<Signal> {
    let hex = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    let bits = hex.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(u64::MAX);
    signals.iter().copied().filter(|&signal| (bits >> (signal as u32 - 1)) & 1 == 1).collect()
}

extern "C" fn do_nothing(_: libc::c_int) {}

fn puts_signals_right() -> Result<()> {
    // SAFETY: it does nothing.
    unsafe { signal(Signal::SIGHUP, SigHandler::Handler(do_nothing)) }?;
    // SAFETY: no handler.
    unsafe { signal(Signal::SIGUSR2, SigHandler::SigIgn) }?;
    let mut blocked = SigSet::from(Signal::SIGUSR1);
    blocked.add(Signal::SIGTERM);
    blocked.thread_set_mask()?;

    let (there, _) = told_by(Program::new("cat").args(["/proc/self/status"]))?;
    refused(&Program::new("/no/such/program"));
    let here = fs::read_to_string("/proc/self/status")?;
    let some = [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGPIPE, Signal::SIGTERM];
    for (whose, text) in [("here", here), ("there", there)] {
        println!("ignored {whose}: {:?}", set_in(&text, "SigIgn", &some));
        println!("blocked {whose}: {:?}", set_in(&text, "SigBlk", &some));
        println!("caught {whose}: {:?}", set_in(&text, "SigCgt", &some));
    }
    Ok(())
}

fn keeps_handlers_out_of_the_child() -> Result<()> {
    extern "C" fn say_whom(_: libc::c_int) {
        // SAFETY: the bytes are there for ever; write is async-signal-safe.
        unsafe { libc::write(1, c"the handler ran\n".as_ptr().cast(), 16) };
    }
    extern "C" fn signal_the_child() {
        let _ = raise(Signal::SIGUSR1);
    }
    // SAFETY: the handler makes one async-signal-safe call.
    unsafe { signal(Signal::SIGUSR1, SigHandler::Handler(say_whom)) }?;
    // The C library's fork calls it in the child, first thing.
    // SAFETY: it only raises a signal.
    unsafe { libc::pthread_atfork(None, None, Some(signal_the_child)) };
    // SAFETY: one thread.
    let child = unsafe { launch(&Program::new("true")) }?;
    println!("{}", wait_for(child)?);
    Ok(())
}

fn returns_before_the_program_ends() -> Result<()> {
    let (input, gate) = io::pipe()?;
    // SAFETY: one thread.
    let child = unsafe { launch(&Program::new("cat").place(input.as_fd(), 0)) }?;
    println!("launched");
    drop(gate); // not before: cat ends by end of file only
    println!("{}", wait_for(child)?);
    Ok(())
}

fn leads_a_group() -> Result<()> {
    let own = told_by(myself("then_say_whose_group_i_am_in")?.new_group())?.0;
    let ours = told_by(myself("then_say_whose_group_i_am_in")?)?.0;
    print!("told to: {own}not told to: {ours}");

    let (mut reader, writer) = io::pipe()?;
    let family = Program::new("sh").args(["-c", "sleep 20 & echo; sleep 20; echo outlived"]);
    let family = family.new_group().place(writer.as_fd(), 1);
    // SAFETY: one thread.
    let leader = unsafe { launch(&family) }?;
    drop(family);
    drop(writer);
    reader.read_exact(&mut [0])?;
    killpg(leader, Signal::SIGKILL)?;
    let mut text = String::new();
    reader.read_to_string(&mut text)?; // to its end: nobody is left who could write
    println!("left of the group: {text:?}; the leader: {}", wait_for(leader)?);
    Ok(())
}

fn then_say_whose_group_i_am_in() -> Result<()> {
    let whose = if getpgrp() == getpid() { "my own" } else { "somebody's" };
    println!("{whose}");
    Ok(())
}

/// What a child still writes once its parent, which runs `promise`, is killed: by us, as soon as
/// the child has written a byte, or by the child.
fn after_the_parents_death(promise: &str) -> Result<String> {
    let ((mut reader, writer), (input, _open)) = (io::pipe()?, io::pipe()?);
    let elder = myself(promise)?.place(writer.as_fd(), 1).place(input.as_fd(), 0);
    // SAFETY: one thread.
    let pid = unsafe { launch(&elder) }?;
    drop(elder);
    drop(writer);
    let mut first = [0];
    if reader.read(&mut first)? == 1 {
        kill(pid, Signal::SIGKILL)?;
    }
    let mut rest = String::new();
    reader.read_to_string(&mut rest)?;
    Ok(format!("{rest:?}; the parent: {}", wait_for(pid)?))
}

fn dies_with_its_parent() -> Result<()> {
    println!("{}", after_the_parents_death("then_have_a_child")?);
    println!("{}", after_the_parents_death("then_be_killed_too_early")?);
    Ok(())
}

fn then_have_a_child() -> Result<()> {
    let child = Program::new("sh").args(["-c", "echo; exec cat"]).die_with_parent();
    // SAFETY: one thread.
    wait_for(unsafe { launch(&child) }?)?;
    Ok(())
}

fn then_be_killed_too_early() -> Result<()> {
    extern "C" fn kill_the_parent() {
        let parent = getppid();
        let _ = kill(parent, Signal::SIGKILL);
        while getppid() == parent {}
    }
    // The C library's fork calls it in the child, first thing.
    // SAFETY: it makes async-signal-safe calls alone.
    unsafe { libc::pthread_atfork(None, None, Some(kill_the_parent)) };
    let child = Program::new("echo").args(["ran for nobody"]).die_with_parent();
    // SAFETY: one thread.
    unsafe { launch(&child) }?;
    Ok(())
}

/// The descriptors of a program that this one runs, and what it can read of the hand-over.
fn probe() -> Result<String> {
    Ok(told_by(myself("then_list_descriptors")?)?.0.trim_end().to_string())
}

fn hands_listeners_to_the_successor_alone() -> Result<()> {
    if env::var_os("UNICORN_FD").is_some() {
        return take_over();
    }
    let before = probe()?;
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    let (mut first, mut second) =
        (TcpStream::connect(one.local_addr()?)?, TcpStream::connect(other.local_addr()?)?);
    let origin = Origin::now()?;
    // SAFETY: one thread.
    let successor = unsafe { reexec(&origin, &[other.as_fd(), one.as_fd()]) }?;
    println!("told here: {:?}", env::var_os("UNICORN_FD"));
    println!("nobody else has them: {}", probe()? == before);
    drop((one, other));
    for client in [&mut first, &mut second] {
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        println!("{answer}");
    }
    println!("{}", wait_for(successor)?);
    Ok(())
}

fn take_over() -> Result<()> {
    // SAFETY: one thread, and nothing is open yet.
    let listeners = unsafe { inherited() }?;
    let told = env::var_os("UNICORN_FD");
    let leaked = probe()?;
    for (n, listener) in listeners.into_iter().enumerate() {
        let number = listener.as_raw_fd().to_string();
        let leaked = leaked.trim_matches(['[', ']']).split(", ").any(|open| open == number);
        let (mut client, _) = TcpListener::from(listener).accept()?;
        write!(client, "listener {n}; told on: {told:?}; leaked on: {leaked}")?;
    }
    Ok(())
}

fn outlives_a_successor_that_does_not_run() -> Result<()> {
    if env::args().next().is_some_and(|name| name != "/no/such/unicorn") {
        let again = myself("outlives_a_successor_that_does_not_run")?;
        print!("{}", told_by(again.arg0("/no/such/unicorn"))?.0);
        return Ok(());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // SAFETY: one thread.
    let failed = unsafe { reexec(&Origin::now()?, &[listener.as_fd()]) };
    println!("{:?}", failed.map_err(|error| error.kind()));
    let flags = FdFlag::from_bits_retain(fcntl(&listener, FcntlArg::F_GETFD)?);
    println!("close-on-exec still: {}", flags.contains(FdFlag::FD_CLOEXEC));
    let _client = TcpStream::connect(listener.local_addr()?)?;
    println!("serves on: {}", listener.accept().is_ok());
    Ok(())
}

fn follows_the_path_that_was_typed() -> Result<()> {
    if let Some(second) = env::var_os("UNICORN_FD") {
        let here = env::current_dir()?;
        println!("{second:?}: {}", here.file_name().unwrap_or_default().display());
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let [old, new, current] = ["old", "new", "current"].map(|name| scratch.0.join(name));
    fs::create_dir(&old)?;
    fs::create_dir(&new)?;
    for pwd in [&current, &new] {
        let _ = fs::remove_file(&current);
        symlink(&old, &current)?;
        env::set_current_dir(&current)?;
        // SAFETY: one thread (and so below).
        unsafe { env::set_var("PWD", pwd) };
        let origin = Origin::now()?;
        fs::remove_file(&current)?;
        symlink(&new, &current)?;
        env::set_current_dir("/")?;
        // SAFETY: one thread.
        wait_for(unsafe { reexec(&origin, &[]) }?)?;
    }
    Ok(())
}

fn takes_what_systemd_left() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let number = 3; // the first of LISTEN_FDS, whatever was there
    let program = myself("then_take_it")?
        .args([address])
        .env("LISTEN_PID", getpid().to_string())
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "web")
        .place(listener.as_fd(), number);
    Err(program.exec().into())
}

fn then_take_it() -> Result<()> {
    // SAFETY: one thread, and nothing is open yet.
    let listeners = unsafe { inherited() }?;
    for listener in listeners {
        let address = TcpListener::from(listener).local_addr()?.to_string();
        println!("the one that was bound: {}", Some(address) == env::args().nth(2));
    }
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        println!("{name}: {:?}", env::var_os(name));
    }
    Ok(())
}

fn takes_no_strangers() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (file, client) = (File::open("/dev/null")?, TcpStream::connect(listener.local_addr()?)?);
    let far = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(200))?;
    nix::unistd::close(far)?;
    let inheritable = [file.as_fd(), client.as_fd()];
    for fd in inheritable {
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    let numbers = [far, file.as_raw_fd(), client.as_raw_fd(), listener.as_raw_fd()];
    for (number, what) in numbers.into_iter().zip(["closed", "file", "client", "own"]) {
        // SAFETY: one thread (and so below).
        unsafe { env::set_var("UNICORN_FD", number.to_string()) };
        // SAFETY: it is going to refuse, so it takes nothing over.
        let answer = unsafe { inherited() };
        let said = answer.map_or_else(|error| error.to_string(), |_| "taken".to_string());
        println!("{what}: {}", said.replace(&format!("descriptor {number}:"), "descriptor N:"));
        println!("variable: {:?}", env::var_os("UNICORN_FD"));
    }
    println!("still ours: {}", listener.local_addr().is_ok() && client.peer_addr().is_ok());
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep (and it survives exec)
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "tells_why_it_failed" => tells_why_it_failed(),
        "searches_the_path" => searches_the_path(),
        "gives_what_it_was_told" => gives_what_it_was_told(),
        "then_say_what_i_was_given" => then_say_what_i_was_given(),
        "keeps_only_what_it_is_told_to" => keeps_only_what_it_is_told_to(),
        "then_list_descriptors" => then_list_descriptors(),
        "lets_descriptors_change_places" => lets_descriptors_change_places(),
        "reports_past_any_placing" => reports_past_any_placing(),
        "puts_signals_right" => puts_signals_right(),
        "keeps_handlers_out_of_the_child" => keeps_handlers_out_of_the_child(),
        "returns_before_the_program_ends" => returns_before_the_program_ends(),
        "leads_a_group" => leads_a_group(),
        "then_say_whose_group_i_am_in" => then_say_whose_group_i_am_in(),
        "dies_with_its_parent" => dies_with_its_parent(),
        "then_have_a_child" => then_have_a_child(),
        "then_be_killed_too_early" => then_be_killed_too_early(),
        "hands_listeners_to_the_successor_alone" => hands_listeners_to_the_successor_alone(),
        "outlives_a_successor_that_does_not_run" => outlives_a_successor_that_does_not_run(),
        "follows_the_path_that_was_typed" => follows_the_path_that_was_typed(),
        "takes_what_systemd_left" => takes_what_systemd_left(),
        "then_take_it" => then_take_it(),
        "takes_no_strangers" => takes_no_strangers(),
        "transcript" => {
            let shell = env::args().nth(2).context("which shell?")?;
            terminal::play(&shell, &std::io::read_to_string(std::io::stdin())?)
        }
        "terminal" => terminal::session(&env::args().nth(2).context("which shell?")?),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
