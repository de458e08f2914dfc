//! Says on which processors it may run, asked in every way: itself, a thread, a child, another program, and those for whom
//! it has chosen that.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{fs, thread};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid};

fn main() {
    if let Some(name) = std::env::args().nth(1) {
        return say(&name);
    }
    let all = allowed(Pid::from_raw(0));
    say("at first");
    thread::spawn(|| say("a thread")).join().expect("it doesn't panic");
    in_child(|| {
        say("a child");
        in_child(|| panic!("{}", Command::new("/proc/self/exe").arg("another program").exec()));
    });
    in_child(|| {
        choose(getpid(), &[all[0]]);
        say("a child that has chosen");
        in_child(|| say("its child"));
        thread::spawn(|| say("its thread")).join().expect("it doesn't panic");
        choose(Pid::from_raw(0), &all);
        say("it, having chosen all");
    });
    say("at last");
}

fn say(who: &str) {
    let status = fs::read_to_string("/proc/self/status").expect("it is there");
    let list = status.lines().find(|line| line.starts_with("Cpus_allowed_list"));
    let list = list.unwrap_or_default();
    let parallel = thread::available_parallelism().expect("it can be told");
    println!("{who}: {:?}, {list}, {parallel}", allowed(Pid::from_raw(0)));
}

fn allowed(whose: Pid) -> Vec<usize> {
    let set = sched_getaffinity(whose).expect("it can be told");
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu) == Ok(true)).collect()
}

fn choose(whose: Pid, processors: &[usize]) {
    let mut set = CpuSet::new();
    processors.iter().for_each(|&cpu| set.set(cpu).expect("it was in a set"));
    sched_setaffinity(whose, &set).expect("it may");
}

fn in_child(does: impl FnOnce()) {
    // SAFETY: this program has one thread whenever it forks.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => _ = waitpid(child, None).expect("our child"),
        ForkResult::Child => {
            does();
            std::process::exit(0)
        }
    }
}
