//! A program of random deeds: `recorder-random SEED STEPS DEPTH first`. The same seed, the same deeds, in each process.
//!
//! It opens, copies, closes and passes descriptors, makes processes and threads, and becomes another of its
//! kind; most of the numbers that it names are open, and some are not. It asks before it would wait, so it
//! ends by itself. What a call answers does not matter here: the recorder's test looks at what was told.

mod deeds;
mod lives;
mod sockets;

use std::env::args;

use fastrand::Rng;

/// So many descriptors a process may have: EMFILE comes now and then.
const DESCRIPTORS: u64 = 40;

/// What a thread of this program goes by.
pub struct Life {
    chance: Rng,
    /// How many deeds are left to it.
    steps: u32,
    /// How many generations may follow.
    depth: u32,
    /// Another thread of its process is there, or was.
    threads: bool,
    /// Numbers that were pipes' and sockets' ends when it was told them.
    pipes: Vec<usize>,
    sockets: Vec<usize>,
}

fn main() {
    let number = |at| args().nth(at).and_then(|text: String| text.parse().ok()).unwrap_or_default();
    let limit = libc::rlimit { rlim_cur: DESCRIPTORS, rlim_max: DESCRIPTORS };
    // SAFETY: the limit is a variable of ours.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    // The first of them keeps nothing that others, outside, may have too.
    if args().nth(4).is_some() {
        call(libc::SYS_close_range, [3, u32::MAX as usize, 0]);
    }
    let (seed, steps, depth) = (number(1), number(2), number(3));
    let mut life = Life {
        chance: Rng::with_seed(seed),
        steps: steps as u32,
        depth: depth as u32,
        threads: false,
        pipes: Vec::new(),
        sockets: Vec::new(),
    };
    life.live();
}

impl Life {
    /// All deeds that are left, one after another.
    fn live(&mut self) {
        while self.steps > 0 {
            self.steps -= 1;
            match self.chance.u32(..100) {
                0..55 => self.handles_descriptors(),
                55..85 => self.moves_bytes(),
                88..97 => self.makes_somebody(),
                _ => self.becomes_another(),
            }
        }
    }

    /// A descriptor that is probably open, and perhaps not.
    fn fd(&mut self) -> usize {
        if self.chance.u8(..10) == 0 { self.chance.usize(..30) } else { self.chance.usize(3..16) }
    }

    /// Probably a socket.
    fn socket(&mut self) -> usize {
        let known = self.chance.choice(&self.sockets).copied();
        known.filter(|_| self.chance.u8(..8) > 0).unwrap_or_else(|| self.fd())
    }

    /// Probably a pipe, or a socket.
    fn end(&mut self) -> usize {
        let known = self.chance.choice(&self.pipes).copied();
        known.filter(|_| self.chance.bool()).unwrap_or_else(|| self.socket())
    }

    /// One of some values.
    fn any(&mut self, values: &[i32]) -> usize {
        self.chance.choice(values).copied().unwrap_or_default() as usize
    }

    /// All, some or none of some bits.
    fn bits(&mut self, values: &[i32]) -> usize {
        let set = values.iter().filter(|_| self.chance.bool()).fold(0, |set, bit| set | bit);
        set as usize
    }
}

/// Makes a system call. The arguments are numbers, or addresses of what outlives the call and has the size
/// that this call expects there.
fn call<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> i64 {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: the callers pass what the call expects; none of those made here touches other memory.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

/// The address of a variable that a call reads or writes.
fn at<T: ?Sized>(variable: &mut T) -> usize {
    std::ptr::from_mut(variable).cast::<u8>() as usize
}
