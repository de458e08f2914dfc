//! Lets a call move fewer bytes than it would.

use nix::unistd::Pid;

use crate::task::Call;
use crate::{machine, memory, ptrace};

/// Calls that move bytes, and which argument says how many.
const COUNTS: [(&str, usize); 11] = [
    ("read", 2),
    ("write", 2),
    ("pread64", 2),
    ("pwrite64", 2),
    ("recvfrom", 2),
    ("sendto", 2),
    ("getrandom", 1),
    ("sendfile", 3),
    ("splice", 4),
    ("tee", 2),
    ("copy_file_range", 4),
];

/// Those that move them from or to several places: the second argument leads to a list of them, the third says how many they are.
const SEVERAL: [&str; 4] = ["readv", "writev", "preadv", "pwritev"];
const LIST: usize = 1;
const PLACES: usize = 2;
/// The size of a struct iovec, and where in it its length is.
const PLACE: usize = size_of::<libc::iovec>();
const LENGTH: usize = std::mem::offset_of!(libc::iovec, iov_len);

/// Those whose answer 0 says that nothing was taken, and not that there is no more.
const OFFER: [&str; 5] = ["write", "writev", "pwrite64", "pwritev", "sendto"];

/// What these calls are called.
pub(crate) fn names() -> Vec<&'static str> {
    COUNTS.iter().map(|(name, _)| *name).chain(SEVERAL).collect()
}

/// Whether this call can take nothing.
pub(crate) fn is_offer(call: &str) -> bool {
    OFFER.contains(&call)
}

/// What a call was changed in. It is put back when the call is over: the program counts on finding all as it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    argument: (usize, u64),
    /// An address, and what stood there.
    word: Option<(u64, u64)>,
}

impl Changed {
    pub(crate) fn put_back(self, pid: Pid) {
        let (index, value) = self.argument;
        // It may have been killed in this moment.
        _ = machine::set_argument(pid, index, value);
        if let Some((address, word)) = self.word {
            _ = ptrace::set_word(pid, address, word);
        }
    }
}

/// A task is about to enter a call: it moves so many bytes at most. `None`: it would not move more, or can't be changed.
pub(crate) fn shorten(pid: Pid, call: &Call, count: u64) -> Option<Changed> {
    if SEVERAL.contains(&call.name) {
        return shorten_list(pid, call, count);
    }
    let (_, index) = COUNTS.iter().find(|(name, _)| *name == call.name)?;
    let argument = (*index, call.args[*index]);
    (argument.1 > count).then_some(())?;
    machine::set_argument(pid, *index, count).ok()?;
    Some(Changed { argument, word: None })
}

/// Leaves out the places behind the one where the bytes end, and makes that one shorter.
fn shorten_list(pid: Pid, call: &Call, count: u64) -> Option<Changed> {
    let length = PLACE.checked_mul(call.args[PLACES].min(libc::UIO_MAXIOV as u64) as usize)?;
    let list = memory::read(pid, call.args[LIST], length);
    let mut left = count;
    for (index, place) in list.chunks_exact(PLACE).enumerate() {
        let length = u64::from_ne_bytes(*place.get(LENGTH..)?.first_chunk()?);
        if length > left {
            let at = call.args[LIST] + (index * PLACE + LENGTH) as u64;
            ptrace::set_word(pid, at, left).ok()?;
            let changed =
                Changed { argument: (PLACES, call.args[PLACES]), word: Some((at, length)) };
            if machine::set_argument(pid, PLACES, index as u64 + 1).is_err() {
                changed.put_back(pid);
                return None;
            }
            return Some(changed);
        }
        left -= length;
    }
    None
}
