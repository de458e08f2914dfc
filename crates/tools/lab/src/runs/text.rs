//! Text that comes in pieces.

/// Bytes to text, piece by piece: a character that is cut in two comes whole with the second piece.
#[derive(Debug, Default)]
pub(super) struct Decoder(Vec<u8>);

impl Decoder {
    /// The text up to the last character that is complete. What is no text becomes U+FFFD.
    pub(super) fn text(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let incomplete = match self.0.utf8_chunks().last() {
            // It may still become a character, unless what is there is wrong already.
            Some(chunk) if may_go_on(chunk.invalid()) => chunk.invalid().len(),
            _ => 0,
        };
        let rest = self.0.split_off(self.0.len() - incomplete);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned()
    }
}

/// Whether these bytes are the beginning of a character.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_it_is_cut_the_text_is_the_same() {
        let whole = "a é 🦄 \u{1b}[31m";
        for cut in 0..whole.len() {
            let mut decoder = Decoder::default();
            let (one, two) = whole.as_bytes().split_at(cut);
            assert_eq!(decoder.text(one) + &decoder.text(two) + &decoder.rest(), whole);
        }
    }

    #[test]
    fn what_is_no_text_is_marked_and_what_never_ends_too() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.text(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(decoder.text(b"c\xf0\x9f"), "c");
        assert_eq!(decoder.rest(), "\u{fffd}");
    }
}
