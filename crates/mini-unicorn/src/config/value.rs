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

/// The longest that anything can take, 30 days: no sum of times overflows.
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
    name.map(String::from).ok_or_else(|| "the name of an app".into())
}

/// In octal, or it is not what was meant: 77 is 0o115.
pub(super) fn umask(octal: Option<u64>) -> Result<u32, String> {
    let expected = || "a umask in octal, from 0o000 to 0o777".into();
    octal.filter(|mask| *mask <= 0o777).map(|mask| mask as u32).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        for (text, meant) in [
            ("8080", "0.0.0.0:8080"),
            ("*:8080", "0.0.0.0:8080"),
            ("0", "0.0.0.0:0"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::]:80", "[::]:80"),
            ("./sock", "./sock"),
        ] {
            assert_eq!(address(Some(text)).map(|address| address.to_string()), Ok(meant.into()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("/{}", "x".repeat(107));
        for text in
            ["", "*", "*:", "*:http", "+80", "65536", "localhost:80", "sock", "/a\0b", &long]
        {
            assert!(address(Some(text)).is_err(), "{text}");
        }
        assert!(address(None).is_err());
    }

    #[test]
    fn seconds_may_be_parts_of_one_and_only_a_delay_may_be_none() {
        let month = LONGEST.as_secs_f64();
        for (seconds, as_delay, as_timeout) in [
            (0.0, true, false),
            (-0.0, true, false),
            (1e-10, true, false), // rounds to nothing
            (1e-9, true, true),
            (month, true, true),
            (month + 0.5, false, false),
            (-0.5, false, false),
            (f64::NAN, false, false),
            (f64::INFINITY, false, false),
        ] {
            assert_eq!(delay(Some(seconds)).is_ok(), as_delay, "a delay of {seconds}");
            assert_eq!(timeout(Some(seconds)).is_ok(), as_timeout, "a timeout of {seconds}");
        }
        assert_eq!(timeout(Some(0.1)), Ok(Duration::from_millis(100)));
    }

    #[test]
    fn a_whole_number_is_within_its_range_and_its_type() {
        assert_eq!(whole(Some(1024), WORKERS), Ok(1024));
        assert!(whole(Some(1025), WORKERS).is_err());
        assert!(whole(Some(0), BUFFER).is_err());
        let expected = "a whole number from 0 to 65535".to_string();
        assert_eq!(whole(Some(65_536), 0..=u16::MAX), Err(expected.clone()));
        assert_eq!(whole(None, 0..=u16::MAX), Err(expected));
    }

    #[test]
    fn a_umask_has_nine_bits() {
        assert_eq!(umask(Some(0o777)), Ok(0o777));
        assert!(umask(Some(0o1000)).is_err());
    }

    #[test]
    fn a_name_is_not_empty() {
        assert!(path(Some("")).is_err() && app(Some("")).is_err());
        assert!(path(Some("a\0b")).is_err());
    }
}
