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
            Prologue::Library if name == "poll" && args[1] == 3 && args[2] == 0 => {
                (Prologue::Rust, true)
            }
            Prologue::Rust if sets_a_handler(name, args) => (Prologue::Over, true),
            Prologue::Rust if !told || RUSTS.contains(&name) => (Prologue::Rust, true),
            Prologue::Loader | Prologue::Library | Prologue::Rust => (Prologue::Over, false),
        };
        *self = next;
        belongs
    }
}

/// The handler of SIGBUS is the last that Rust's runtime sets.
fn sets_a_handler(name: &str, args: &[u64; 6]) -> bool {
    name == "rt_sigaction" && args[0] == libc::SIGBUS as u64 && args[1] != 0
}
