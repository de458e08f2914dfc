//! What Rust's library and runtime did before you asked, three times (Linux only).
//!
//! `what_std_hides standard-input`: only says where standard input leads. The program runs itself
//! like that, with standard input closed.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{self, Command};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use syscalls::descriptors;

fn main() -> Result<()> {
    let me = process::id();
    match env::args().nth(1).as_deref() {
        None => {}
        Some("-h" | "--help") => {
            println!("Usage: what_std_hides [standard-input]");
            return Ok(());
        }
        Some("standard-input") => {
            let table = descriptors().context("cannot read the table")?;
            let open = table.iter().find(|open| open.number == 0).context("0 is closed")?;
            println!(
                "[child {me}] started without a descriptor 0, I have {}",
                open.leads_to.display()
            );
            return Ok(());
        }
        Some(other) => bail!("the one argument that there is is `standard-input`, not `{other}`"),
    }

    let by_std = File::open("/dev/null").context("cannot open /dev/null")?;
    // SAFETY: the path ends with a zero byte.
    let answer = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) };
    let number = Errno::result(answer).context("cannot open /dev/null")?;
    // SAFETY: the kernel has just given us this number, and nobody else has it.
    let by_c = unsafe { OwnedFd::from_raw_fd(number) };
    for open in descriptors().context("cannot read the table")? {
        for (opener, fd) in [("std", by_std.as_raw_fd()), ("C", by_c.as_raw_fd())] {
            if open.number == fd {
                println!(
                    "[parent {me}] opened by {opener}: close-on-exec is {}",
                    open.close_on_exec
                );
            }
        }
    }

    // ANCHOR: sigpipe
    let (reader, mut writer) = io::pipe().context("cannot make a pipe")?;
    drop(reader);
    match writer.write(b"anybody?") {
        Ok(_) => bail!("a pipe without a reader took what was written"),
        Err(error) => println!("[parent {me}] wrote where nobody reads, and live: {error}"),
    }
    // ANCHOR_END: sigpipe

    // ANCHOR: closed
    let myself = env::current_exe().context("cannot find this program")?;
    let status = Command::new("sh")
        .args(["-c", "exec \"$0\" standard-input <&-"]) // the shell's way to close descriptor 0
        .arg(myself)
        .status()
        .context("cannot run sh")?;
    // ANCHOR_END: closed
    if !status.success() {
        bail!("the child failed: {status}");
    }
    Ok(())
}
