//! A preforking HTTP server in the manner of Unicorn: `--help` says how to use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    mini_unicorn::serve(mini_unicorn::apps::load)
}
