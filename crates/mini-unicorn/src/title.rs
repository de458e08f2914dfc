//! What ps(1) shows: which of these processes is the master, and which is which worker.

use std::sync::OnceLock;
use std::{env, fs, ptr};

/// Where ps(1) reads: the kernel's copy of the program's arguments and, right behind them, of its
/// environment. And what there is to say after the role.
struct Space {
    start: usize,
    size: usize,
    arguments: String,
}

static SPACE: OnceLock<Space> = OnceLock::new();

// ANCHOR: claim
/// Moves the environment out of the way, so that a title has room. Call it once, at the start.
///
/// From then on [`env::args_os`] gives the title's pieces. Where it is not possible, titles stay
/// what they are: they are for people, nothing needs them.
///
/// # Safety
/// Call this while the process has one thread, and nothing has a pointer into the environment.
pub(crate) unsafe fn claim_space() {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let arguments = arguments.iter().map(|argument| argument.to_string_lossy());
    let arguments = arguments.collect::<Vec<_>>().join(" ");
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some((start, size)) = space(&stat) {
        for (name, value) in env::vars_os() {
            // SAFETY: one thread, as our caller promises. This makes a copy elsewhere.
            unsafe { env::set_var(name, value) };
        }
        let _ = SPACE.set(Space { start, size, arguments }); // only once, as our caller promises
    }
}

/// Reads /proc/self/stat, fields 48 to 51: arg_start, arg_end, env_start, env_end
/// ([proc_pid_stat(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)).
fn space(stat: &str) -> Option<(usize, usize)> {
    let (_, from_the_third) = stat.rsplit_once(") ")?;
    let fields = from_the_third.split(' ').skip(48 - 3).take(4);
    let addresses: Vec<usize> = fields.map_while(|field| field.parse().ok()).collect();
    match addresses[..] {
        [start, end, environment, last] if 0 < start && start < end && end <= last => {
            Some((start, if environment == end { last - start } else { end - start }))
        }
        _ => None,
    }
}
// ANCHOR_END: claim

/// Sets what ps(1) shows, as far as there is room: `mini-unicorn worker[0]`, and what the program
/// was started with.
pub(crate) fn set(role: &str) {
    let Some(Space { start, size, arguments }) = SPACE.get() else { return };
    let title = format!("mini-unicorn {role} {arguments}");
    let title = title.trim_end().as_bytes();
    let length = title.len().min(size - 1); // the last byte stays 0
    let start: *mut u8 = ptr::with_exposed_provenance_mut(*start);
    // SAFETY: the kernel has put our arguments and environment at these addresses, for us to read
    // and write. The environment is copied, and who reads the arguments finds strings that end.
    unsafe {
        ptr::write_bytes(start, 0, *size);
        ptr::copy_nonoverlapping(title.as_ptr(), start, length);
    }
}

#[cfg(test)]
mod tests {
    use super::space;

    #[test]
    fn the_space_is_what_arguments_and_environment_take() {
        let fields = |four: &str| format!("7 (a) b) S {}{four} 0", "1 ".repeat(44));
        assert_eq!(space(&fields("100 120 120 300")), Some((100, 200)));
        assert_eq!(space(&fields("100 120 130 300")), Some((100, 20)));
        assert_eq!(space(&fields("0 0 0 0")), None);
        assert_eq!(space("7 (a) S 1"), None);
    }
}
