//! What a script is told: the request's head, as variables (RFC 3875, 4.1).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::{env, fmt};

use ::http::header::{self, HeaderMap, HeaderName};
use ::http::request::Parts;
use ::http::uri::Authority;

use super::script::Script;

/// Where programs are looked for if nobody has told us.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Headers that are not for the script. Some are about the connection, which ends at us. Some are
/// told under other names. Secrets stay here: a process's variables can be read in /proc.
const KEPT_BACK: [HeaderName; 11] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
];

// ANCHOR: variables
/// The whole environment: nothing of ours but PATH. `length` is the body's, if there is one; `peer`
/// and `local` are the connection's ends, unless it came over a Unix socket.
pub(crate) fn of(
    request: &Parts,
    script: &Script,
    length: Option<u64>,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
) -> BTreeMap<OsString, OsString> {
    let mut variables = Variables(headers(&request.headers));
    let peer = peer.map_or(Ipv4Addr::LOCALHOST.into(), |peer| peer.ip().to_canonical());
    let host = host(request);
    let port = local.map(|local| local.port()).or(host.as_ref().and_then(Authority::port_u16));
    let name = host.map(|host| host.host().to_owned());

    variables.bytes("PATH", env::var_os("PATH").unwrap_or(PATH.into()).as_bytes());
    variables.text("GATEWAY_INTERFACE", "CGI/1.1");
    variables.text("SERVER_SOFTWARE", concat!("mini-unicorn/", env!("CARGO_PKG_VERSION")));
    variables.text("SERVER_PROTOCOL", format!("{:?}", request.version));
    variables.text("SERVER_NAME", name.unwrap_or_else(|| address(local)));
    variables.text("SERVER_PORT", port.unwrap_or(80));
    variables.text("REMOTE_ADDR", peer);
    variables.text("REQUEST_METHOD", &request.method);
    variables.bytes("SCRIPT_NAME", &script.name);
    variables.bytes("PATH_INFO", &script.info);
    variables.text("QUERY_STRING", request.uri.query().unwrap_or_default());
    if let Some(length) = length {
        variables.text("CONTENT_LENGTH", length);
    }
    if let Some(kind) = request.headers.get(header::CONTENT_TYPE) {
        variables.bytes("CONTENT_TYPE", kind.as_bytes());
    }
    variables.0
}
// ANCHOR_END: variables

struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.0.insert(name.into(), OsStr::from_bytes(value).into());
    }

    fn text(&mut self, name: &str, value: impl fmt::Display) {
        self.bytes(name, value.to_string().as_bytes());
    }
}

/// `User-Agent` becomes `HTTP_USER_AGENT`.
///
/// So would `User_Agent`, and so nothing with a `_` is passed on: a proxy in front that sets or
/// removes a header must be able to rely on its name. And `Proxy` is not passed on, since many
/// programs obey an `HTTP_PROXY` ([httpoxy](https://httpoxy.org/)).
fn headers(headers: &HeaderMap) -> BTreeMap<OsString, OsString> {
    let plain = |name: &HeaderName| {
        name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let told =
        headers.keys().filter(|&name| plain(name) && name != "proxy" && !KEPT_BACK.contains(name));
    told.map(|name| {
        let separator: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
        let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
        let variable = format!("HTTP_{}", name.as_str().to_ascii_uppercase().replace('-', "_"));
        (variable.into(), OsStr::from_bytes(&values.join(separator)).into())
    })
    .collect()
}

/// Whom the client wanted to reach.
fn host(request: &Parts) -> Option<Authority> {
    let told = || request.headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    request.uri.authority().cloned().or_else(told)
}

/// An address as it stands in a URL.
fn address(local: Option<SocketAddr>) -> String {
    match local.map(|local| local.ip().to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
        None => "localhost".into(),
    }
}
