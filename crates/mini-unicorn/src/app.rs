//! What a program gives to the server.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek};

use ::http::{Request, Response};
use tempfile::{SpooledData, SpooledTempFile};

use crate::Body;

/// Why an app has no answer. The client is told 500, the log this.
pub type Error = Box<dyn std::error::Error>;

// ANCHOR: app
/// A web app. The master makes one and forks; from then on each worker has a copy for itself, and
/// handles one request at a time. So it needs no lock, and sees no other worker's changes.
pub trait App {
    /// Answers a request.
    ///
    /// # Errors
    /// Any. The client gets status 500 and the log gets the error, as if this had panicked; the
    /// worker goes on.
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error>;

    /// In the master, before it forks the worker of that number: close what must not be shared.
    fn before_fork(&mut self, _worker: usize) {}

    /// In the worker, before its first request: open what must be its own, such as a connection to
    /// a database, or a random number generator's seed.
    ///
    /// # Errors
    /// Any. The worker leaves, and the master tries again after a pause.
    fn after_fork(&mut self, _worker: usize) -> Result<(), Error> {
        Ok(())
    }
}
// ANCHOR_END: app

impl<A: App + ?Sized> App for Box<A> {
    fn call(&mut self, request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        (**self).call(request)
    }

    fn before_fork(&mut self, worker: usize) {
        (**self).before_fork(worker);
    }

    fn after_fork(&mut self, worker: usize) -> Result<(), Error> {
        (**self).after_fork(worker)
    }
}

/// A response's body.
pub enum Reply {
    /// All of it, sent with the head in one write.
    Bytes(Cow<'static, [u8]>),
    /// A file from where its offset stands, and how many bytes of it.
    File(File, u64),
    /// What this reads, up to its end. Nobody knows how much that is, so the end of the connection
    /// is the end of the body.
    Stream(Box<dyn Read>),
}

impl Reply {
    /// A body that is read while it is sent.
    pub fn stream(reader: impl Read + 'static) -> Reply {
        Reply::Stream(Box::new(reader))
    }

    /// A whole file, from its start.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn file(file: File) -> io::Result<Reply> {
        let length = file.metadata()?.len();
        Ok(Reply::File(file, length))
    }

    /// What [`Body::spool`] gave, or another such file, from its start.
    ///
    /// # Errors
    /// Those of fstat(2) and lseek(2).
    pub fn spooled(file: SpooledTempFile) -> io::Result<Reply> {
        match file.into_inner() {
            SpooledData::InMemory(bytes) => Ok(bytes.into_inner().into()),
            SpooledData::OnDisk(mut file) => {
                file.rewind()?;
                Reply::file(file)
            }
        }
    }
}

impl From<&'static str> for Reply {
    fn from(text: &'static str) -> Reply {
        Reply::Bytes(text.as_bytes().into())
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Reply::Bytes(text.into_bytes().into())
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Reply {
        Reply::Bytes(bytes.into())
    }
}
