//! The registers of a stopped task, and what the machines do differently with them.

#[cfg(feature = "lines")]
use framehop::UnwindRegsNative;
use nix::unistd::Pid;

use crate::ptrace;

/// All of them.
pub(crate) type Registers = libc::user_regs_struct;

/// In the place of a call's number: no call is made.
const NO_CALL: i32 = -1;

/// Where a task is: two calls with the same place are the same call, begun twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) instruction: u64,
    pub(crate) stack: u64,
}

/// Where a stopped task is.
pub(crate) fn place(pid: Pid) -> nix::Result<Place> {
    let registers = ptrace::registers(pid)?;
    Ok(Place { instruction: own::instruction(&registers), stack: own::stack(&registers) })
}

/// A task that is about to enter a call doesn't, and stands before the instruction that calls, as if
/// it had not come there yet: what it is sent reaches it now, and then it calls.
pub(crate) fn rewind(pid: Pid) -> nix::Result<()> {
    let mut registers = ptrace::registers(pid)?;
    own::step_back(&mut registers);
    ptrace::set_registers(pid, &registers)?;
    own::set_call(pid, registers, NO_CALL)
}

/// A task that is about to enter a call doesn't, and is told that this came of it.
pub(crate) fn skip(pid: Pid, result: i64) -> nix::Result<()> {
    let mut registers = ptrace::registers(pid)?;
    own::set_result(&mut registers, result);
    ptrace::set_registers(pid, &registers)?;
    own::set_call(pid, registers, NO_CALL)
}

/// A task that is about to leave a call is told that this came of it.
pub(crate) fn returns(pid: Pid, result: i64) -> nix::Result<()> {
    let mut registers = ptrace::registers(pid)?;
    own::set_result(&mut registers, result);
    ptrace::set_registers(pid, &registers)
}

/// Changes an argument of the call that a task is about to enter, or puts it back when it leaves: the
/// program counts on finding its registers as they were. The first argument can't be changed so.
pub(crate) fn set_argument(pid: Pid, index: usize, value: u64) -> nix::Result<()> {
    let mut registers = ptrace::registers(pid)?;
    if let Some(argument) = own::argument(&mut registers, index) {
        *argument = value;
    }
    ptrace::set_registers(pid, &registers)
}

/// Where a task is, and the registers from which its callers can be found.
#[cfg(feature = "lines")]
pub(crate) fn unwind_from(registers: &Registers) -> (u64, UnwindRegsNative) {
    let [link, stack, frame] = own::unwind_from(registers);
    (own::instruction(registers), UnwindRegsNative::new(link, stack, frame))
}

/// Where a task is: with the same words on its stack, it has come there by the same way.
#[cfg(feature = "lines")]
pub(crate) fn site(registers: &Registers) -> Site {
    let [link, stack, frame] = own::unwind_from(registers);
    Site { instruction: own::instruction(registers), link, stack, frame }
}

/// See [`site`].
#[cfg(feature = "lines")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    instruction: u64,
    link: u64,
    /// The stack's end, its lowest address.
    pub(crate) stack: u64,
    frame: u64,
}

#[cfg(target_arch = "x86_64")]
mod own {
    use nix::unistd::Pid;

    use super::Registers;
    use crate::ptrace;

    /// `syscall` is two bytes.
    const CALL: u64 = 2;

    pub(super) fn instruction(registers: &Registers) -> u64 {
        registers.rip
    }

    pub(super) fn stack(registers: &Registers) -> u64 {
        registers.rsp
    }

    /// The number of the call stands where the result will: it is put back too.
    pub(super) fn step_back(registers: &mut Registers) {
        registers.rip -= CALL;
        registers.rax = registers.orig_rax;
    }

    pub(super) fn set_result(registers: &mut Registers, result: i64) {
        registers.rax = result as u64;
    }

    pub(super) fn set_call(pid: Pid, mut registers: Registers, number: i32) -> nix::Result<()> {
        registers.orig_rax = i64::from(number) as u64;
        ptrace::set_registers(pid, &registers)
    }

    #[cfg(feature = "lines")]
    pub(super) fn unwind_from(registers: &Registers) -> [u64; 3] {
        [registers.rip, registers.rsp, registers.rbp]
    }

    pub(super) fn argument(registers: &mut Registers, index: usize) -> Option<&mut u64> {
        Some(match index {
            1 => &mut registers.rsi,
            2 => &mut registers.rdx,
            3 => &mut registers.r10,
            4 => &mut registers.r8,
            5 => &mut registers.r9,
            _ => return None,
        })
    }
}

#[cfg(target_arch = "aarch64")]
mod own {
    use nix::unistd::Pid;

    use super::Registers;
    use crate::ptrace;

    /// `svc` is four bytes, as every instruction.
    const CALL: u64 = 4;

    pub(super) fn instruction(registers: &Registers) -> u64 {
        registers.pc
    }

    pub(super) fn stack(registers: &Registers) -> u64 {
        registers.sp
    }

    /// The number of the call is still where the program has put it.
    pub(super) fn step_back(registers: &mut Registers) {
        registers.pc -= CALL;
    }

    pub(super) fn set_result(registers: &mut Registers, result: i64) {
        registers.regs[0] = result as u64;
    }

    /// The kernel has taken the number out of its register: it is asked for by another name.
    pub(super) fn set_call(pid: Pid, _: Registers, number: i32) -> nix::Result<()> {
        ptrace::set_call(pid, number)
    }

    #[cfg(feature = "lines")]
    pub(super) fn unwind_from(registers: &Registers) -> [u64; 3] {
        [registers.regs[30], registers.sp, registers.regs[29]]
    }

    pub(super) fn argument(registers: &mut Registers, index: usize) -> Option<&mut u64> {
        registers.regs[..6].get_mut(index).filter(|_| index > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_the_one_that_the_kernel_reads() {
        // SAFETY: the registers are integers, all of which may be zero.
        let mut registers: Registers = unsafe { std::mem::zeroed() };
        for index in 1..6 {
            *own::argument(&mut registers, index).expect("six have registers") = index as u64;
        }
        assert!(own::argument(&mut registers, 0).is_none());
        assert!(own::argument(&mut registers, 6).is_none());
        #[cfg(target_arch = "x86_64")]
        assert_eq!([registers.rsi, registers.rdx, registers.r10], [1, 2, 3]);
        #[cfg(target_arch = "aarch64")]
        assert_eq!(registers.regs[..6], [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn stepping_back_leads_to_the_instruction_before() {
        // SAFETY: as above.
        let mut registers: Registers = unsafe { std::mem::zeroed() };
        #[cfg(target_arch = "x86_64")]
        {
            registers.rip = 0x1002;
            registers.orig_rax = 7;
        }
        #[cfg(target_arch = "aarch64")]
        {
            registers.pc = 0x1004;
        }
        own::step_back(&mut registers);
        assert_eq!(own::instruction(&registers), 0x1000);
        #[cfg(target_arch = "x86_64")]
        assert_eq!(registers.rax, 7);
    }
}
