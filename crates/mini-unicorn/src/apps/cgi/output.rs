//! What comes behind a script's head.

use std::io::{self, BufReader, Read};

use ::http::StatusCode;

use super::head::Head;
use super::running::Running;

/// A response's body.
///
/// A client that has all of its answer leaves, and a script that has written all of it may have
/// something left to do, but not if the client leaves. So wherever the client can tell that it has
/// all, we wait for the script's end first.
pub(crate) struct Output {
    script: BufReader<Running>,
    left: Option<u64>,
}

impl Output {
    /// What is still to come after `head`; nothing if `head_only` or if the head says so.
    pub(crate) fn new(script: BufReader<Running>, head_only: bool, head: &Head) -> Output {
        let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let mut output = Output { script, left: head.length };
        if head_only || none.contains(&head.status) || head.length == Some(0) {
            output.wait_for_end();
        }
        output
    }

    /// Throws away what it still writes. If it must be killed meanwhile, that is in the log.
    fn wait_for_end(&mut self) {
        let _ = io::copy(&mut self.script, &mut io::sink());
    }
}

impl Read for Output {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return self.script.read(into) };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let count = self.script.read(&mut into[..most])?;
        self.left = Some(left - count as u64);
        if count > 0 && self.left == Some(0) {
            self.wait_for_end();
        }
        Ok(count)
    }
}
