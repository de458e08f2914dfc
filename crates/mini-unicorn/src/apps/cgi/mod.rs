//! CGI.
use super::root::Root;
use crate::{App, Body, Error, Reply};
use ::http::{Request, Response};

pub(crate) struct Cgi {
    _root: Root,
}
impl Cgi {
    pub(crate) fn new(root: Root) -> Cgi {
        Cgi { _root: root }
    }
}
impl App for Cgi {
    fn call(&mut self, _request: Request<Body<'_>>) -> Result<Response<Reply>, Error> {
        Err("not yet".into())
    }
}
