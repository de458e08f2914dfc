//! What a silent process hangs in, as far as the kernel tells.

use std::fs;

use nix::unistd::Pid;

// ANCHOR: of
/// For the log, before the process is killed: `sleeping in hrtimer_nanosleep`.
///
/// From /proc/PID/stat and /proc/PID/wchan (see
/// [proc(5)](https://man7.org/linux/man-pages/man5/proc.5.html)); the second is the kernel's name
/// for where it sleeps, where this kernel tells it.
pub(crate) fn of(pid: Pid) -> String {
    let read = |what| fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let stat = read("stat");
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    let state = match state {
        Some('R') => "running",
        Some('S') => "sleeping",
        Some('D') => "waiting for a device",
        Some('T' | 't') => "stopped by a signal or a debugger",
        Some('Z') => "dead",
        _ => "in an unknown state",
    };
    match read("wchan").trim() {
        "" | "0" => state.to_string(),
        place => format!("{state} in {place}"),
    }
}
// ANCHOR_END: of
