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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use select::{Address, Options};

    use super::*;

    #[track_caller]
    fn settings(text: &str) -> Settings {
        parse("site.toml", text).expect("it is right")
    }

    #[track_caller]
    fn assert_mistake(text: &str, message: &str) {
        assert_eq!(parse("site.toml", text), Err(format!("site.toml:{message}")));
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(settings("# nothing\n"), Settings::default());
    }

    #[test]
    fn every_key_sets_what_it_is_called() {
        let all = "worker_processes = 4\nlisten = 80\ntimeout = 0.25\npid = '/run/u.pid'\n\
                   stderr_path = 'log/err'\nstdout_path = 'log/out'\napp = 'files:public'\n";
        let expected = Settings {
            worker_processes: 4,
            listen: vec![Listen::from("0.0.0.0:80".parse::<Address>().expect("an address"))],
            timeout: Duration::from_millis(250),
            pid: Some("/run/u.pid".into()),
            stderr_path: Some("log/err".into()),
            stdout_path: Some("log/out".into()),
            app: "files:public".into(),
        };
        assert_eq!(settings(all), expected);
        let listed = all.lines().filter_map(|line| line.split(" =").next());
        assert_eq!(listed.collect::<Vec<_>>().join(", "), KEYS);
    }

    #[test]
    fn every_key_of_a_listener_sets_what_it_is_called() {
        let all = "[[listen]]\naddr = '/run/u.sock'\nbacklog = 64\ntries = 0\ndelay = 0.1\n\
                   rcvbuf = 1\nsndbuf = 2\ntcp_nodelay = false\nipv6only = true\n\
                   reuseport = true\numask = 0o027\n";
        let options = Options {
            backlog: 64,
            rcvbuf: Some(1),
            sndbuf: Some(2),
            tcp_nodelay: false,
            ipv6only: Some(true),
            reuseport: true,
            umask: 0o027,
        };
        let address = Address::Unix("/run/u.sock".into());
        let delay = Duration::from_millis(100);
        assert_eq!(settings(all).listen, [Listen { address, options, tries: 0, delay }]);
        let listed = all.lines().skip(1).filter_map(|line| line.split(" =").next());
        assert_eq!(listed.collect::<Vec<_>>().join(", "), LISTEN_KEYS);
    }

    #[test]
    fn a_listener_is_a_string_a_port_or_a_table_alone_or_among_others() {
        for (text, expected) in [
            ("listen = '127.0.0.1:80'", "127.0.0.1:80"),
            ("listen = {addr = 8080}", "0.0.0.0:8080"),
            ("[listen]\naddr = './sock'", "./sock"),
            (
                "listen = [8080, '[::1]:0', '[::1]:0', {addr = '/s'}]",
                "0.0.0.0:8080 [::1]:0 [::1]:0 /s",
            ),
            ("listen = []", ""),
        ] {
            let addresses: Vec<_> =
                settings(text).listen.iter().map(|listen| listen.address.to_string()).collect();
            assert_eq!(addresses.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_line_key_what_was_expected_and_what_was_found() {
        let workers = "worker_processes: expected a whole number from 0 to 1024, found";
        assert_mistake("\n\nworker_processes = \"four\"", &format!("3: {workers} \"four\""));
        assert_mistake("worker_processes = -1", &format!("1: {workers} -1"));
        assert_mistake("worker_processes = [\n1]", &format!("1: {workers} an array"));
        assert_mistake("pid.path = 1", "1: pid: expected a path, found a table");
        for long in [format!("'{}'", "x".repeat(100)), "\"\"\"5\n\"\"\"".into()] {
            assert_mistake(
                &format!("timeout = {long}"),
                "1: timeout: expected a number of seconds above 0, up to 2592000, found a long text",
            );
        }
        assert_mistake(
            "listen = 0x50",
            "1: listen: expected IP:PORT, [IPV6]:PORT, PORT, *:PORT, or a path with a `/`, found 0x50",
        );
        assert_mistake(
            "listen = [80,\n{addr = 81,\numask = 77}]",
            "3: listen.umask: expected a umask in octal, from 0o000 to 0o777, found 77",
        );
        assert_mistake(
            "[listen]\naddr = 80\nipv6only = 1",
            "3: listen.ipv6only: expected true or false, found 1",
        );
        assert_mistake("listen = [80,\n{}]", "2: listen: expected an addr among its keys");
        assert_mistake("listen = [80,\n'*:80']", "2: listen: 0.0.0.0:80 is there twice");
    }

    #[test]
    fn a_key_that_is_none_is_told_with_those_that_there_are() {
        assert_mistake(
            "worker_proceses = 1",
            &format!("1: worker_proceses: no such key; there are: {KEYS}"),
        );
        assert_mistake(
            "[[listen]]\naddr = 80\nback_log = 1",
            &format!("3: listen.back_log: no such key; there are: {LISTEN_KEYS}"),
        );
        assert_mistake("\"a\\nb\" = 1", &format!("1: a\\nb: no such key; there are: {KEYS}"));
    }

    #[test]
    fn of_several_mistakes_the_files_first_is_told() {
        assert_mistake("timeout = 0.5\npid = 1\napp = 1", "2: pid: expected a path, found 1");
    }

    #[test]
    fn what_is_no_toml_is_told_in_one_line() {
        assert_mistake("pid = '/x'\n\npid = '/y'", "3: duplicate key");
        assert_mistake("app = 'hello", "1: invalid literal string, expected `'`");
    }

    #[test]
    fn a_file_that_cant_be_read_is_named_with_the_reason() {
        let missing = read(Path::new("no/such.toml"));
        assert_eq!(missing, Err("cannot read no/such.toml: No such file or directory".into()));
        assert_eq!(read(Path::new("/")), Err("cannot read /: Is a directory".into()));
    }
}
