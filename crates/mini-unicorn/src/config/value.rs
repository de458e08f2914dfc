//! What counts as a value, on the command line as in the file. `Err` is what was expected, in words.
//!
//! `None` stands for what isn't even a number, or a string: it is never what was expected.

use std::fmt::Display;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::socket::UnixAddr;
use select::Address;

/// How many workers there may be: beyond that, it is a slip of the hand.
pub(super) const WORKERS: RangeInclusive<usize> = 0..=1024;

/// What the kernel's calls take for the size of a buffer.
pub(super) const BUFFER: RangeInclusive<usize> = 1..=i32::MAX as usize;

/// The longest that anything can take: 30 days, so that it can be added to any time of day.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub(super) fn whole<T>(number: Option<u64>, range: RangeInclusive<T>) -> Result<T, String>
where
    T: TryFrom<u64> + PartialOrd + Display,
{
    let (least, most) = (range.start(), range.end());
    let expected = || format!("a whole number from {least} to {most}");
    number.and_then(|n| T::try_from(n).ok()).filter(|n| range.contains(n)).ok_or_else(expected)
}

/// A wait that may be none at all.
pub(super) fn delay(seconds: Option<f64>) -> Result<Duration, String> {
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let expected = || format!("a number of seconds from 0 to {}", LONGEST.as_secs());
    delay.filter(|delay| *delay <= LONGEST).ok_or_else(expected)
}

/// A patience that has an end, and a beginning.
pub(super) fn timeout(seconds: Option<f64>) -> Result<Duration, String> {
    let expected = || format!("a number of seconds above 0, up to {}", LONGEST.as_secs());
    delay(seconds).ok().filter(|timeout| !timeout.is_zero()).ok_or_else(expected)
}

// ANCHOR: address
/// An [`Address`] as one writes it, or one of Unicorn's short forms of 0.0.0.0: a port, `*:PORT`.
pub(super) fn address(text: Option<&str>) -> Result<Address, String> {
    let text = text.unwrap_or_default();
    let port = text.strip_prefix("*:").unwrap_or(text);
    if port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(port) = port.parse::<u16>()
    {
        return Ok(Address::Tcp((Ipv4Addr::UNSPECIFIED, port).into()));
    }
    match text.parse() {
        Ok(Address::Unix(path)) if UnixAddr::new(&path).is_err() => {
            Err("a path that fits in a socket's address: at most 107 bytes, none of them NUL"
                .into())
        }
        Ok(address) => Ok(address),
        Err(_) => Err("IP:PORT, [IPV6]:PORT, PORT, *:PORT, or a path with a `/`".into()),
    }
}
// ANCHOR_END: address

pub(super) fn path(text: Option<&str>) -> Result<PathBuf, String> {
    let path = text.filter(|text| !text.is_empty() && !text.contains('\0'));
    path.map(PathBuf::from).ok_or_else(|| "a path".into())
}

pub(super) fn app(text: Option<&str>) -> Result<String, String> {
    let name = text.filter(|text| !text.is_empty());
    name.map(String::from).ok_or_else(|| "an app: hello, files:DIR or cgi:DIR".into())
}

/// In octal, or it is not what was meant: 77 is 0o115.
pub(super) fn umask(octal: Option<u64>) -> Result<u32, String> {
    let expected = || "a umask in octal, from 0o000 to 0o777".into();
    octal.filter(|mask| *mask <= 0o777).map(|mask| mask as u32).ok_or_else(expected)
}
