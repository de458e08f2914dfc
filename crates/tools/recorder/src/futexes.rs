//! What stands in memory where threads wait for each other: ids, in some places, which differ from run to run.

use nix::unistd::Pid;
use trace::Task;
use trace::call::Argument;

use crate::memory;
use crate::names::{Names, SMALL};

/// Without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
const OPERATION: u64 = 0x7f;
const LOCK_PI: u64 = 6;
const LOCK_PI2: u64 = 13;
/// In a lock: others wait for it.
const WAITERS: u32 = 0x8000_0000;
/// The rest is the holder's id.
const ID: u32 = 0x3fff_ffff;

/// Whose id a call of futex is about. Whoever joins a thread waits until its id is no longer at that place; locks of some
/// kinds (robust, and of inherited priority) have their holder's there.
pub(crate) fn id_there(pid: Pid, args: &[u64; 6], names: &Names) -> Option<Argument> {
    let named = |id: u32| {
        let task = names.task(Pid::from_raw(id as i32));
        (task != Task::OUTSIDE).then_some(task)
    };
    // The kernel itself looks there then, and the argument says nothing.
    if matches!(args[1] & OPERATION, LOCK_PI | LOCK_PI2) {
        return named(memory::int(pid, args[0])? as u32 & ID).map(Argument::Holder);
    }
    let value = args[2] as u32;
    let holder = value & ID;
    // Others count in such a place, mostly from 0.
    if value & WAITERS != 0 && holder as i32 >= SMALL {
        return named(holder).map(Argument::Holder);
    }
    named(value).map(Argument::Task)
}
