//! What `syscalls`' library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and shares its descriptors and its
//! signals among them. It prints what it saw; the test judges.

use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, process, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, dup2_stdin, fork, getpid};
use syscalls::{Descriptor, descriptors, retry_on_eintr, write_all};

fn asks_again_after_eintr() -> Result<()> {
    let mut answers = [Err(Errno::EINTR), Err(Errno::EINTR), Ok("done")].into_iter();
    let mut asked = 0;
    let answer = retry_on_eintr(|| {
        asked += 1;
        answers.next().unwrap_or(Err(Errno::ENOSYS))
    });
    println!("asked {asked} times: {answer:?}");
    Ok(())
}

fn asks_once_for_other_errors() -> Result<()> {
    for errno in [Errno::EBADF, Errno::EAGAIN, Errno::EPIPE] {
        let mut asked = 0;
        let answer: nix::Result<()> = retry_on_eintr(|| {
            asked += 1;
            if asked > 1 { Ok(()) } else { Err(errno) }
        });
        println!("asked {asked} times: {answer:?}");
    }
    Ok(())
}

/// The byte at a place, so that a lost, doubled or misplaced one is noticed.
fn byte_at(place: usize) -> u8 {
    (place % 251) as u8
}

/// Interrupts `writer` twice, each time once it sleeps, which it can only do in its `write`: first
/// when that has filled the pipe, then when the next one finds it full. Then reads to the end.
fn interrupt_twice_and_read(writer: Pid, mut reader: PipeReader) -> io::Result<u8> {
    for _ in 0..2 {
        while !fs::read_to_string(format!("/proc/{writer}/stat"))?.contains(") S ") {
            thread::yield_now();
        }
        kill(writer, Signal::SIGUSR1)?;
    }
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let right = bytes.iter().enumerate().all(|(place, &byte)| byte == byte_at(place));
    println!("read {} bytes, all in their places: {right}", bytes.len());
    Ok(0)
}

fn loses_nothing_to_signals() -> Result<()> {
    static HANDLED: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: libc::c_int) {
        HANDLED.fetch_add(1, Ordering::Relaxed);
    }
    // No SA_RESTART: a write that waits is interrupted.
    let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing but add to an atomic.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;

    let bytes: Vec<u8> = (0..1 << 20).map(byte_at).collect();
    let (reader, writer) = io::pipe()?;
    let parent = getpid();
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(writer); // else it would wait for its own end
            alarm::set(20); // alarms are not inherited
            let code = interrupt_twice_and_read(parent, reader).unwrap_or(1);
            process::exit(code.into())
        }
        ForkResult::Parent { child } => {
            drop(reader);
            let answer = write_all(&writer, &bytes);
            drop(writer);
            let end = waitpid(child, None)?;
            println!("{}, child {}", show(answer), end == WaitStatus::Exited(child, 0));
            println!("{} signals", HANDLED.load(Ordering::Relaxed));
        }
    }
    Ok(())
}

/// An answer without the texts, which differ between C libraries.
fn show(answer: io::Result<()>) -> String {
    match answer {
        Ok(()) => "Ok".to_string(),
        Err(error) => match error.raw_os_error() {
            Some(number) => format!("{:?}", Errno::from_raw(number)),
            None => format!("{:?}", error.kind()),
        },
    }
}

/// From here on, the kernel answers 0 to each `write` to this descriptor, having done nothing.
fn let_write_take_nothing(fd: RawFd) -> Result<()> {
    // A little program for the kernel (seccomp(2)), which is shown the number of the call in the
    // first four bytes, and the low half of the call's first argument in four bytes from `low` on.
    let low = if cfg!(target_endian = "little") { 16 } else { 20 };
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let mut steps = [
        step(load, 0, 0, 0),
        step(equal, 0, 3, libc::SYS_write as u32),
        step(load, 0, 0, low),
        step(equal, 0, 1, fd as u32),
        step(answer, 0, 0, libc::SECCOMP_RET_ERRNO), // with the number 0: no error, and no bytes
        step(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    prctl::set_no_new_privs()?; // else only root may
    // SAFETY: `filter` leads to `steps`, which are that many, and the kernel copies them.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &filter) };
    Errno::result(answer).context("cannot filter system calls")?;
    Ok(())
}

fn gives_up_where_nothing_is_taken() -> Result<()> {
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    println!("before: {}", show(write_all(&null, b"hello")));
    let_write_take_nothing(null.as_raw_fd())?;
    println!("after: {}", show(write_all(&null, b"hello")));
    Ok(())
}

fn says_eagain_where_there_is_no_room() -> Result<()> {
    let (mut reader, writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let room = fcntl(&writer, FcntlArg::F_GETPIPE_SZ)? as usize;
    println!("{}", show(write_all(&writer, &vec![b'x'; room + 1])));
    drop(writer);
    println!("the pipe is full: {}", reader.read_to_end(&mut Vec::new())? == room);
    Ok(())
}

fn says_epipe_where_nobody_reads() -> Result<()> {
    let (reader, writer) = io::pipe()?;
    drop(reader);
    println!("{}", show(write_all(writer, b"anybody?")));
    Ok(())
}

fn says_ebadf_where_it_may_not_write() -> Result<()> {
    let null = File::open("/dev/null")?;
    println!("{}", show(write_all(&null, b"hello")));
    println!("nothing to write: {}", show(write_all(&null, b"")));
    Ok(())
}

/// The line for one descriptor, as the library shows it.
fn line(fd: RawFd) -> Result<Descriptor> {
    let table = descriptors()?;
    table.into_iter().find(|open| open.number == fd).context("it is not in the table")
}

fn lists_what_is_open_and_nothing_else() -> Result<()> {
    let numbers = || -> Result<Vec<RawFd>> {
        Ok(descriptors()?.iter().map(|descriptor| descriptor.number).collect())
    };
    let before = numbers()?;
    let [one, two, three] = [(), (), ()].map(|()| File::open("/dev/null"));
    let (one, two, three) = (one?, two?, three?);
    let opened = || -> Result<Vec<RawFd>> {
        Ok(numbers()?.into_iter().filter(|number| !before.contains(number)).collect())
    };
    let all = [&one, &two, &three].map(|file| file.as_raw_fd());
    println!("three: {}", opened()? == all);
    drop(two); // looking takes the free number in between
    println!("with a hole: {}", opened()? == [all[0], all[2]]);
    println!("once more: {}", opened()? == [all[0], all[2]]);
    drop((one, three));
    println!("none: {}", numbers()? == before);
    Ok(())
}

fn lists_many_in_order() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(2000), hard)?;
    let files: Vec<_> = (0..200).map(|_| File::open("/dev/null")).collect::<io::Result<_>>()?;
    let table = descriptors()?;
    println!("in order: {}", table.is_sorted_by(|one, next| one.number < next.number));
    let numbers: Vec<_> = table.iter().map(|descriptor| descriptor.number).collect();
    let found = files.iter().filter(|file| numbers.contains(&file.as_raw_fd())).count();
    println!("found: {found}");
    Ok(())
}

fn tells_what_a_file_is_open_for() -> Result<()> {
    let path = env::temp_dir().join(format!("syscalls-contract.{}", process::id()));
    let mut file = OpenOptions::new().read(true).append(true).create_new(true).open(&path)?;
    let _ = fs::remove_file(&path);
    file.write_all(b"hello")?;
    file.seek(SeekFrom::Start(3))?;
    let open = line(file.as_raw_fd())?;
    let folder = fs::canonicalize(env::temp_dir())?;
    let name = format!("{}/syscalls-contract.{} (deleted)", folder.display(), process::id());
    println!("leads to the file: {}", open.leads_to.to_str() == Some(name.as_str()));
    println!("offset {}", open.offset);
    println!("access: {}", open.access());
    println!("append: {}", open.flags.contains(OFlag::O_APPEND));
    println!("non-blocking: {}", open.flags.contains(OFlag::O_NONBLOCK));
    Ok(())
}

fn tells_descriptor_from_description() -> Result<()> {
    let (one, _other) = UnixStream::pair()?;
    dup2_stdin(&one)?; // a duplicate that is not close-on-exec
    one.set_nonblocking(true)?; // for both
    for fd in [one.as_raw_fd(), 0] {
        let open = line(fd)?;
        let non_blocking = open.flags.contains(OFlag::O_NONBLOCK);
        println!("close-on-exec {}, non-blocking {non_blocking}", open.close_on_exec);
        println!("shown among the flags: {}", open.flags.contains(OFlag::O_CLOEXEC));
    }
    println!("one socket: {}", line(one.as_raw_fd())?.leads_to == line(0)?.leads_to);
    Ok(())
}

fn shows_a_line() -> Result<()> {
    let file = OpenOptions::new().append(true).open("/dev/null")?;
    dup2_stdin(&file)?;
    println!("{}", line(0)?);
    Ok(())
}

fn says_emfile_where_no_number_is_free() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard)?;
    println!("{}", show(descriptors().map(drop)));
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "asks_again_after_eintr" => asks_again_after_eintr(),
        "asks_once_for_other_errors" => asks_once_for_other_errors(),
        "loses_nothing_to_signals" => loses_nothing_to_signals(),
        "gives_up_where_nothing_is_taken" => gives_up_where_nothing_is_taken(),
        "says_eagain_where_there_is_no_room" => says_eagain_where_there_is_no_room(),
        "says_epipe_where_nobody_reads" => says_epipe_where_nobody_reads(),
        "says_ebadf_where_it_may_not_write" => says_ebadf_where_it_may_not_write(),
        "lists_what_is_open_and_nothing_else" => lists_what_is_open_and_nothing_else(),
        "lists_many_in_order" => lists_many_in_order(),
        "tells_what_a_file_is_open_for" => tells_what_a_file_is_open_for(),
        "tells_descriptor_from_description" => tells_descriptor_from_description(),
        "shows_a_line" => shows_a_line(),
        "says_emfile_where_no_number_is_free" => says_emfile_where_no_number_is_free(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
