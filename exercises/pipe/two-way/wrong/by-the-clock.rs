//! Tries to read and to write by turns, and sleeps a millisecond where neither can be done.
//! Told: "sleeps by the clock"

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(size) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("two-way: expected a number of bytes, such as 1048576");
        return ExitCode::from(2);
    };
    match exchange(&vec![b'p'; size], &vec![b'c'; size]) {
        Ok(()) => {
            eprintln!("the child has ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("two-way: {error}");
            ExitCode::from(2)
        }
    }
}

/// Makes a child. This process says `ours` to it, all of it, and the child says `childs` to this process, all of it. Each of
/// them `report`s what it has heard, as "parent" and as "child".
///
/// Returns in the parent only, when the child has ended.
fn exchange(ours: &[u8], childs: &[u8]) -> io::Result<()> {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    let (cr, pw) = io::pipe()?;
    let (pr, cw) = io::pipe()?;
    fn talk(
        mut r: impl Read + AsRawFd,
        w: impl Write + AsRawFd,
        mut say: &[u8],
    ) -> io::Result<Vec<u8>> {
        let mut w = Some(w);
        // SAFETY: it takes numbers only.
        unsafe {
            nix::libc::fcntl(r.as_raw_fd(), nix::libc::F_SETFL, nix::libc::O_NONBLOCK);
            nix::libc::fcntl(
                w.as_ref().expect("it is open").as_raw_fd(),
                nix::libc::F_SETFL,
                nix::libc::O_NONBLOCK,
            );
        }
        let mut v = Vec::new();
        let mut b = [0; 65536];
        loop {
            if say.is_empty() {
                w = None;
            }
            let mut did = false;
            if let Some(w) = &mut w
                && let Ok(n) = w.write(say)
            {
                say = &say[n..];
                did = true
            }
            match r.read(&mut b) {
                Ok(0) if w.is_none() => return Ok(v),
                Ok(n) => {
                    v.extend_from_slice(&b[..n]);
                    did |= n > 0
                }
                Err(_) => {}
            }
            if !did {
                std::thread::sleep(std::time::Duration::from_millis(1))
            }
        }
    }
    // SAFETY: this program has one thread.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            drop((pw, pr));
            let v = talk(cr, cw, childs)?;
            report("child", &v);
            std::process::exit(0)
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop((cr, cw));
            let v = talk(pr, pw, ours)?;
            report("parent", &v);
            nix::sys::wait::waitpid(child, None)?;
            Ok(())
        }
    }
}

/// Says what somebody has heard: how many bytes of each letter.
fn report(who: &str, heard: &[u8]) {
    let mut letters = BTreeMap::new();
    for byte in heard {
        *letters.entry(char::from(*byte)).or_insert(0) += 1;
    }
    let letters: Vec<_> =
        letters.iter().map(|(letter, count)| format!("{count} x {letter}")).collect();
    println!("the {who} heard {}", letters.join(" and "));
}
