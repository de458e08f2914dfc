//! Where a program's own doing begins: after exec, the loader and the runtime come first.

/// How far a program is on its way to `main`, judged by the calls that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prologue {
    /// The loader maps libraries, until the C library registers its first thread.
    Loader,
    /// The C library is ready; `main` comes next, or Rust's runtime.
    Library,
    /// Rust's runtime looks whether 0, 1 and 2 are open, and sets handlers for a stack's overflow.
    Rust,
    /// All that comes is the program's own.
    Over,
}

/// What a loader calls, of the calls that are told at all.
const LOADERS: [&str; 8] =
    ["open", "openat", "read", "pread64", "close", "readlink", "fcntl", "lseek"];
/// What Rust's runtime calls, of the calls that are told at all.
const RUSTS: [&str; 6] = ["poll", "rt_sigaction", "openat", "read", "close", "gettid"];

impl Prologue {
    /// Steps on by one call. `told`: it is one of those that are told. Returns whether it belongs to the prologue.
    pub(crate) fn goes_on_with(&mut self, name: &str, told: bool, args: &[u64; 6]) -> bool {
        let (next, belongs) = match self {
            Prologue::Over => (Prologue::Over, false),
            Prologue::Loader if matches!(name, "set_robust_list" | "rseq") => {
                (Prologue::Library, true)
            }
            Prologue::Loader if !told || LOADERS.contains(&name) => (Prologue::Loader, true),
            Prologue::Library if !told => (Prologue::Library, true),
            Prologue::Library if looks_without_waiting(name, args) => (Prologue::Rust, true),
            Prologue::Rust if sets_a_handler(name, args) => (Prologue::Over, true),
            Prologue::Rust if !told || RUSTS.contains(&name) => (Prologue::Rust, true),
            Prologue::Loader | Prologue::Library | Prologue::Rust => (Prologue::Over, false),
        };
        *self = next;
        belongs
    }
}

/// Whether three descriptors are asked after. Where there is no poll, the C library makes a ppoll of it, whose time
/// stands in memory; but that one has no mask.
fn looks_without_waiting(name: &str, args: &[u64; 6]) -> bool {
    args[1] == 3 && (name == "poll" && args[2] == 0 || name == "ppoll" && args[3] == 0)
}

/// The handler of SIGBUS is the last that Rust's runtime sets.
fn sets_a_handler(name: &str, args: &[u64; 6]) -> bool {
    name == "rt_sigaction" && args[0] == libc::SIGBUS as u64 && args[1] != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a Rust program's runtime does before `main`, and what it is called where there is no poll.
    #[test]
    fn the_runtimes_prologue_is_known_on_each_machine() {
        let handler = [libc::SIGBUS as u64, 1, 0, 0, 0, 0];
        for (poll, time) in [("poll", 0), ("ppoll", 0x7fff_0000)] {
            let mut prologue = Prologue::Loader;
            let calls = [
                ("openat", true, [0; 6]),
                ("set_robust_list", false, [0; 6]),
                (poll, true, [1, 3, time, 0, 0, 0]),
                ("rt_sigaction", true, [libc::SIGPIPE as u64, 1, 0, 0, 0, 0]),
                ("rt_sigaction", true, handler),
            ];
            for (name, told, args) in calls {
                assert!(prologue.goes_on_with(name, told, &args), "{poll}: {name}");
            }
            assert!(!prologue.goes_on_with("openat", true, &[0; 6]));
        }
        // A program's own ppoll has a mask.
        assert!(!Prologue::Library.goes_on_with("ppoll", true, &[1, 3, 1, 1, 0, 0]));
    }
}
