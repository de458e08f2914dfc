//! The configuration file: its keys, and what each of them sets.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use toml::de::DeValue;

use super::entry::{Entry, Source};
use super::{Listen, Settings, value};

const KEYS: &str = "worker_processes, listen, timeout, pid, stderr_path, stdout_path, app";

const LISTEN_KEYS: &str =
    "addr, backlog, tries, delay, rcvbuf, sndbuf, tcp_nodelay, ipv6only, reuseport, umask";

/// Reads the file at that path.
///
/// # Errors
/// A message for people: which file, which line, which key, and what was expected.
pub(super) fn read(path: &Path) -> Result<Settings, String> {
    let text = fs::read_to_string(path).map_err(|error| {
        let errno = error.raw_os_error().map(Errno::from_raw);
        let why = errno.map_or_else(|| error.to_string(), |errno| errno.desc().into());
        format!("cannot read {}: {why}", path.display())
    })?;
    parse(&path.display().to_string(), &text)
}

fn parse(name: &str, text: &str) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let source = Source::new(name, text);
    let table = source.table()?;
    for entry in source.entries(table.get_ref(), "") {
        set(&mut settings, &entry)?;
    }
    Ok(settings)
}

// ANCHOR: keys
fn set(settings: &mut Settings, entry: &Entry<'_>) -> Result<(), String> {
    match entry.key() {
        "worker_processes" => settings.worker_processes = entry.whole(value::WORKERS)?,
        "listen" => settings.listen = listen(entry)?,
        "timeout" => settings.timeout = entry.number(value::timeout)?,
        "pid" => settings.pid = Some(entry.text(value::path)?),
        "stderr_path" => settings.stderr_path = Some(entry.text(value::path)?),
        "stdout_path" => settings.stdout_path = Some(entry.text(value::path)?),
        "app" => settings.app = entry.text(value::app)?,
        _ => return Err(entry.unknown(KEYS)),
    }
    Ok(())
}
// ANCHOR_END: keys

/// One place, or an array of them.
fn listen(entry: &Entry<'_>) -> Result<Vec<Listen>, String> {
    let mut all = Vec::new();
    for place in entry.items() {
        let listen = match place.value() {
            DeValue::Table(_) => listen_table(&place)?,
            _ => place.address()?.into(),
        };
        if Listen::is_at(&all, &listen.address) {
            return Err(place.error(&format!("{} is there twice", listen.address)));
        }
        all.push(listen);
    }
    Ok(all)
}

/// `{ addr = "127.0.0.1:8080", backlog = 64 }`
fn listen_table(place: &Entry<'_>) -> Result<Listen, String> {
    let entries = place.entries();
    let address = entries.iter().find(|entry| entry.key() == "listen.addr");
    let address = address.ok_or_else(|| place.error("expected an addr among its keys"))?;
    let mut listen = Listen::from(address.address()?);
    for entry in &entries {
        set_listen(&mut listen, entry)?;
    }
    Ok(listen)
}

fn set_listen(listen: &mut Listen, entry: &Entry<'_>) -> Result<(), String> {
    let options = &mut listen.options;
    match entry.key() {
        "listen.addr" => (), // it was the first to be read
        "listen.backlog" => options.backlog = entry.whole(0..=u16::MAX)?,
        "listen.tries" => listen.tries = entry.whole(0..=u32::MAX)?,
        "listen.delay" => listen.delay = entry.number(value::delay)?,
        "listen.rcvbuf" => options.rcvbuf = Some(entry.whole(value::BUFFER)?),
        "listen.sndbuf" => options.sndbuf = Some(entry.whole(value::BUFFER)?),
        "listen.tcp_nodelay" => options.tcp_nodelay = entry.switch()?,
        "listen.ipv6only" => options.ipv6only = Some(entry.switch()?),
        "listen.reuseport" => options.reuseport = entry.switch()?,
        "listen.umask" => options.umask = entry.octal(value::umask)?,
        _ => return Err(entry.unknown(LISTEN_KEYS)),
    }
    Ok(())
}
