//! Plain libc: the child speaks first, the parent counts what it takes, and a third process does the parent's speaking.

use nix::libc;
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

fn exchange(ours: &[u8], childs: &[u8]) -> io::Result<()> {
    let (down, up) = (pipe()?, pipe()?);
    let child = fork()?;
    if child == 0 {
        let done = write_all(up[1], childs).and_then(|()| read_all(down[0], ours.len()));
        let code = done.map(|heard| report("child", &heard)).is_err();
        std::process::exit(code.into());
    }
    let speaker = fork()?;
    if speaker == 0 {
        std::process::exit(write_all(down[1], ours).is_err().into());
    }
    report("parent", &read_all(up[0], childs.len())?);
    for pid in [child, speaker] {
        // SAFETY: a null pointer says that the status is not wanted.
        if unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn pipe() -> io::Result<[i32; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two numbers.
    match unsafe { libc::pipe(ends.as_mut_ptr()) } {
        0 => Ok(ends),
        _ => Err(io::Error::last_os_error()),
    }
}

fn fork() -> io::Result<libc::pid_t> {
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(pid),
    }
}

fn write_all(fd: i32, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of `bytes`.
        let count = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        bytes = &bytes[usize::try_from(count).map_err(|_| io::Error::last_os_error())?..];
    }
    Ok(())
}

fn read_all(fd: i32, size: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut have) = (vec![0; size], 0);
    while have < size {
        let rest = &mut bytes[have..];
        // SAFETY: the pointer and the length are those of `rest`, which lives through the call.
        match unsafe { libc::read(fd, rest.as_mut_ptr().cast(), rest.len()) } {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => have += usize::try_from(count).map_err(|_| io::Error::last_os_error())?,
        }
    }
    Ok(bytes)
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
