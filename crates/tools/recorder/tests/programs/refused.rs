//! Runs a program as a plain user to whom the kernel refuses some calls:
//! `refused ptrace=EPERM kcmp=ENOSYS -- PROGRAM ARGUMENTS`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};

/// The id of `nobody`, on most systems: it owns nothing.
const NOBODY: u32 = 65534;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(end) = args.iter().position(|arg| arg == "--") else { panic!("no program") };
    if geteuid().is_root() {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        setgroups(&[]).expect("root may");
        setresgid(group, group, group).expect("root may");
        setresuid(user, user, user).expect("root may");
    }
    let refused: Vec<_> = args[..end].iter().map(|arg| refusal(arg)).collect();
    if !refused.is_empty() {
        refuse(&refused);
    }
    panic!("{}", Command::new(&args[end + 1]).args(&args[end + 2..]).exec());
}

/// A call's number and an error's.
fn refusal(arg: &str) -> (libc::c_long, libc::c_int) {
    let (call, error) = arg.split_once('=').expect("a call and an error");
    let call = match call {
        "ptrace" => libc::SYS_ptrace,
        "process_vm_readv" => libc::SYS_process_vm_readv,
        "kcmp" => libc::SYS_kcmp,
        "pidfd_getfd" => libc::SYS_pidfd_getfd,
        other => panic!("no call `{other}`"),
    };
    let error = match error {
        "EPERM" => libc::EPERM,
        "ENOSYS" => libc::ENOSYS,
        other => panic!("no error `{other}`"),
    };
    (call, error)
}

/// A filter as seccomp(2) has it, for this process and all that come of it.
fn refuse(refused: &[(libc::c_long, libc::c_int)]) {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, k: u32, jump_else| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_else,
        k,
    };
    let mut filter = vec![step(LOAD, 0, 0)]; // the call's number stands first
    for &(call, error) in refused {
        filter.push(step(JUMP_IF, call as u32, 1));
        filter.push(step(RETURN, libc::SECCOMP_RET_ERRNO | error as u32, 0));
    }
    filter.push(step(RETURN, libc::SECCOMP_RET_ALLOW, 0));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().expect("anybody may");
    // SAFETY: the filter is a list of ours, with its length.
    let set = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program)
    };
    assert_eq!(set, 0, "seccomp: {}", std::io::Error::last_os_error());
}
