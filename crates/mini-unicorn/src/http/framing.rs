//! Where a request ends: what its headers say about it, and what they must not say.
//!
//! Two readers of one connection, a proxy and we, must never see its end in different places: what
//! the one takes for a body, the other would take for a request. So what is ambiguous is refused.

use ::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use ::http::{HeaderName, Version};

use super::Rejection;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks, the last of which is empty.
    Chunked,
}

/// What is noted while the headers go by.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    hosts: u32,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    // ANCHOR: note
    /// Notes one header.
    pub(crate) fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Rejection> {
        if name == CONTENT_LENGTH {
            if self.length.is_some() {
                return Err(Rejection::Malformed);
            }
            self.length = Some(decimal(value).ok_or(Rejection::Malformed)?);
        } else if name == TRANSFER_ENCODING {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Rejection::Malformed);
            }
            self.chunked = true;
        } else if name == HOST {
            self.hosts += 1;
        } else if name == "content_length" || name == "transfer_encoding" {
            // To a CGI program, or a careless proxy, these look like the real ones.
            return Err(Rejection::Malformed);
        }
        Ok(())
    }

    /// Decides, once all headers are noted. See RFC 9112, sections 3.2 and 6.
    pub(crate) fn framing(&self, version: Version) -> Result<Framing, Rejection> {
        let old = version == Version::HTTP_10;
        if self.hosts > 1 || (self.hosts == 0 && !old) || (self.chunked && old) {
            return Err(Rejection::Malformed);
        }
        Ok(if self.chunked { Framing::Chunked } else { Framing::Length(self.length.unwrap_or(0)) })
    }
    // ANCHOR_END: note
}

/// Digits and nothing else: `parse` alone would take a sign.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(version: Version, headers: &[(&str, &str)]) -> Result<Framing, Rejection> {
        let mut fields = Fields::default();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            fields.note(&name, value.as_bytes())?;
        }
        fields.framing(version)
    }

    fn framing_11(name: &str, value: &str) -> Result<Framing, Rejection> {
        framing(Version::HTTP_11, &[("host", "h"), (name, value)])
    }

    const MALFORMED: Result<Framing, Rejection> = Err(Rejection::Malformed);

    #[test]
    fn a_content_length_is_digits_and_nothing_else() {
        assert_eq!(framing_11("content-length", "007"), Ok(Framing::Length(7)));
        let most = u64::MAX.to_string();
        assert_eq!(framing_11("content-length", &most), Ok(Framing::Length(u64::MAX)));
        for bad in ["-1", "+1", "", "1a", "0x10", "1, 1", "1 1", "1.0", "18446744073709551616"] {
            assert_eq!(framing_11("content-length", bad), MALFORMED, "{bad:?}");
        }
    }

    #[test]
    fn a_second_content_length_is_refused_even_if_it_is_the_same() {
        let twice = [("host", "h"), ("content-length", "5"), ("content-length", "5")];
        assert_eq!(framing(Version::HTTP_11, &twice), MALFORMED);
    }

    #[test]
    fn a_look_alike_with_an_underscore_is_refused() {
        assert_eq!(framing_11("Content_Length", "5"), MALFORMED);
        assert_eq!(framing_11("Transfer_Encoding", "chunked"), MALFORMED);
    }

    #[test]
    fn chunked_is_the_only_transfer_encoding() {
        assert_eq!(framing_11("transfer-encoding", "ChunKed"), Ok(Framing::Chunked));
        for bad in ["chunked, gzip", "gzip, chunked", "chunked, chunked", "identity", ""] {
            assert_eq!(framing_11("transfer-encoding", bad), MALFORMED, "{bad:?}");
        }
        let te = ("transfer-encoding", "chunked");
        assert_eq!(framing(Version::HTTP_11, &[("host", "h"), te, te]), MALFORMED);
        assert_eq!(framing(Version::HTTP_10, &[te]), MALFORMED, "HTTP/1.0 has no chunks");
    }

    #[test]
    fn chunks_overrule_a_content_length() {
        let both = [("host", "h"), ("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(framing(Version::HTTP_11, &both), Ok(Framing::Chunked));
        let mut swapped = both;
        swapped.swap(1, 2);
        assert_eq!(framing(Version::HTTP_11, &swapped), Ok(Framing::Chunked));
    }

    #[test]
    fn a_host_is_needed_since_1_1_and_two_never() {
        assert_eq!(framing(Version::HTTP_10, &[]), Ok(Framing::Length(0)));
        assert_eq!(framing(Version::HTTP_11, &[]), MALFORMED);
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(framing(version, &[("host", "a"), ("host", "b")]), MALFORMED);
        }
    }
}
