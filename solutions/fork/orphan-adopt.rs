//! orphan-adopt GATE [adopt]: makes an orphan, which says who has adopted it.
//!
//! The tempting mistake is to believe that orphans go to pid 1. They go to the nearest ancestor that has declared itself a
//! subreaper, and to init if there is none; `getppid` knows, and nobody has to.
//!
//! The second one is to ask too early. A process has its new parent when the old one has *ended*, and the old one
//! cannot tell, since whatever it does it does while it lives: if the middle rings the bell, the orphan may be
//! faster than its end. Asking again and again until the answer changes works, and burns a processor. But there is
//! somebody who knows for certain: when `waitpid` has returned the middle's end to the program, its
//! children have been given away. So the grandparent rings.

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::getppid;
use nix::unistd::{ForkResult, fork};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (gate, adopts) = match args.as_slice() {
        [gate] => (Path::new(gate), false),
        [gate, word] if word == "adopt" => (Path::new(gate), true),
        _ => {
            eprintln!(
                "orphan-adopt: expected the path of a named pipe, and perhaps the word adopt"
            );
            return ExitCode::from(2);
        }
    };
    match make_and_outlive(gate, adopts) {
        Ok(()) => {
            println!("the middle and its child have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("orphan-adopt: {error}");
            ExitCode::from(2)
        }
    }
}

fn make_and_outlive(gate: &Path, adopts: bool) -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(adopts)?;
    // Everybody who is made from here on holds `alive`, so the pipe ends when all of them have ended.
    let (mut until_all_end, alive) = io::pipe()?;
    make_orphan(gate, &Bell::new()?)?;
    drop(alive);
    until_all_end.read_to_end(&mut Vec::new())?;
    if adopts {
        // The orphan is our child now, and ours to reap.
        let _ = nix::sys::wait::wait();
    }
    Ok(())
}

/// Makes a child, "the middle", which makes a child in its turn and then ends by `end_at(gate)`. That child, the orphan, says
/// `adopted by pid P` on standard output when it has its new parent, and ends.
///
/// Returns in the program only, and not before the middle is reaped.
fn make_orphan(gate: &Path, bell: &Bell) -> io::Result<()> {
    // SAFETY: this program has one thread.
    let middle = match unsafe { fork() }? {
        ForkResult::Child => be_the_middle(gate, bell),
        ForkResult::Parent { child } => child,
    };
    loop {
        match waitpid(middle, None) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // The kernel gives a process's children away before it tells of the process's end.
    bell.ring()
}

fn be_the_middle(gate: &Path, bell: &Bell) -> ! {
    // SAFETY: still one thread.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { .. }) => end_at(gate),
        Ok(ForkResult::Child) => {
            let rung = bell.wait();
            println!("adopted by pid {}", getppid());
            std::process::exit(i32::from(rung.is_err()))
        }
        Err(error) => {
            eprintln!("orphan-adopt: {error}");
            std::process::exit(2)
        }
    }
}

/// The part of the process in the middle: stands at the gate, and ends when somebody has opened it.
fn end_at(gate: &Path) -> ! {
    let code =
        match std::fs::File::open(gate).and_then(|mut gate| gate.read_to_end(&mut Vec::new())) {
            Ok(_) => 0,
            Err(_) => 1,
        };
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// A bell between processes: one waits for it, and another one rings it, once. It may ring before somebody waits.
#[allow(dead_code, reason = "there are ways that need no bell")]
struct Bell {
    wire: io::PipeReader,
    button: io::PipeWriter,
}

#[allow(dead_code, reason = "there are ways that need no bell")]
impl Bell {
    fn new() -> io::Result<Self> {
        let (wire, button) = io::pipe()?;
        Ok(Self { wire, button })
    }

    /// Sleeps until somebody rings.
    fn wait(&self) -> io::Result<()> {
        (&self.wire).read_exact(&mut [0])
    }

    fn ring(&self) -> io::Result<()> {
        (&self.button).write_all(&[0])
    }
}
