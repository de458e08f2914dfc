//! The calls of C, and the parent has ended its writing when the child is made by a helper.

use nix::libc;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("one-way-message: expected a text");
        return ExitCode::from(2);
    };
    match tell(text.as_bytes()) {
        Ok(code) => {
            eprintln!("the child has ended");
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("one-way-message: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(text: &[u8]) -> io::Result<u8> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) } as isize)?;
    let [read_end, write_end] = ends;
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    check(child as isize)?;
    if child == 0 {
        close(write_end);
        let mut heard = Vec::new();
        let mut piece = [0; 512];
        loop {
            // SAFETY: `piece` has room for as many bytes as are asked for.
            let count =
                check(unsafe { libc::read(read_end, piece.as_mut_ptr().cast(), piece.len()) })?;
            if count == 0 {
                break;
            }
            heard.extend(&piece[..count]);
        }
        let code = hear(&heard);
        // SAFETY: nothing is left in a buffer: what was said ended with a newline.
        unsafe { libc::_exit(code.into()) }
    }
    close(read_end);
    let mut rest = text;
    while !rest.is_empty() {
        // SAFETY: `rest` has so many bytes.
        let count = check(unsafe { libc::write(write_end, rest.as_ptr().cast(), rest.len()) })?;
        rest = &rest[count..];
    }
    close(write_end);
    let mut status = 0;
    // SAFETY: `status` is ours.
    check(unsafe { libc::waitpid(child, &raw mut status, 0) } as isize)?;
    Ok(libc::WEXITSTATUS(status) as u8)
}

fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn close(end: i32) {
    // SAFETY: the end is ours, and is not used afterwards.
    unsafe { libc::close(end) };
}
/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
