//! The listening sockets: inherited, bound, kept or closed.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use execve::{inherited, promised};
use nix::unistd::getpid;
use select::{Address, Listener};

use crate::config::Listen;
use crate::logs::say;

/// An open one.
struct Open {
    listener: Listener,
    /// Whoever started us gave it to us for good, as systemd does.
    given: bool,
    /// What was asked for, which with port 0 is not what it is.
    asked: Option<Address>,
    /// So many may wait there, at most.
    backlog: u16,
}

/// All that are open.
#[derive(Default)]
pub(crate) struct Listeners {
    open: Vec<Open>,
}

impl Listeners {
    // ANCHOR: inherit
    /// Takes over what whoever started this program has left open for it.
    ///
    /// # Errors
    /// Those of [`execve::inherited`] and [`Listener::from_fd`].
    ///
    /// # Safety
    /// As for [`execve::inherited`].
    pub(crate) unsafe fn inherit() -> io::Result<Listeners> {
        let by_systemd =
            |name: &str| name.starts_with("LISTEN_").then(|| std::env::var_os(name))?;
        let given = promised(by_systemd, getpid())?;
        // SAFETY: as our caller promises.
        let fds = unsafe { inherited() }?;
        let open = fds.into_iter().map(|fd| {
            let given = given.contains(&fd.as_raw_fd());
            let listener = Listener::from_fd(fd)?;
            say(format_args!("inherited {} as fd {}", listener.address(), number(&listener)));
            Ok(Open { listener, given, asked: None, backlog: u16::MAX }) // nobody tells us
        });
        Ok(Listeners { open: open.collect::<io::Result<_>>()? })
    }
    // ANCHOR_END: inherit

    // ANCHOR: reconcile
    /// Binds what is wanted and not open. Only when all of that has worked, closes what is open and
    /// not wanted, if `close` says so. An open one that is wanted stays, and its queue with it.
    /// Where nothing in particular is wanted, that is what was inherited, or else the default.
    /// `pause` is called before each further try, and says whether there is time for one.
    ///
    /// # Errors
    /// A message that names the address. Nothing has changed then.
    pub(crate) fn reconcile(
        &mut self,
        wanted: &[Listen],
        close: bool,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<(), String> {
        let default = [Listen::from(Address::Tcp(([0, 0, 0, 0], 8080).into()))];
        let wanted = match wanted {
            [] if self.open.iter().any(|open| open.asked.is_none()) => return Ok(()),
            [] => &default,
            wanted => wanted,
        };
        let (mut keep, mut new) = (Vec::new(), Vec::new());
        for listen in wanted {
            let free = |at: &usize| !keep.iter().any(|&(kept, _)| kept == *at);
            match (0..self.open.len()).filter(free).find(|&at| self.open[at].serves(listen)) {
                Some(at) => keep.push((at, listen)),
                None => match bind(listen, pause) {
                    Ok(open) => new.push(open),
                    Err(why) => {
                        new.iter().for_each(Open::remove_file);
                        return Err(why);
                    }
                },
            }
        }
        for &(at, listen) in &keep {
            let open = &mut self.open[at];
            open.asked = Some(listen.address.clone());
            open.backlog = listen.options.backlog;
            if let Err(error) = open.listener.set_options(listen.options) {
                say(format_args!("{}: options not set: {error}", listen.address));
            }
        }
        let mut at = 0;
        self.open.retain(|open| {
            let stays = !close || open.given || keep.iter().any(|&(kept, _)| kept == at);
            at += 1;
            if !stays {
                say(format_args!("closing {}", open.listener.address()));
            }
            stays
        });
        for open in &new {
            let Open { listener, .. } = open;
            say(format_args!("listening on {} as fd {}", listener.address(), number(listener)));
        }
        self.open.extend(new);
        Ok(())
    }
    // ANCHOR_END: reconcile

    /// Lets nobody into the queues any more, but for those of listeners that whoever started us keeps.
    pub(crate) fn turn_away(&self) {
        for Open { listener, .. } in self.open.iter().filter(|open| !open.given) {
            if let Err(error) = listener.turn_away() {
                say(format_args!("{}: newcomers may be reset: {error}", listener.address()));
            }
        }
    }

    /// Closes all of them here. A worker's copies stay open until it leaves.
    pub(crate) fn close(&mut self) {
        self.open.clear();
    }

    /// Each, and how many connections may wait there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Listener, u16)> {
        self.open.iter().map(|open| (&open.listener, open.backlog))
    }

    /// Their descriptors.
    pub(crate) fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.open.iter().map(|open| open.listener.as_fd()).collect()
    }
}

impl Open {
    /// Removes the file of a Unix socket, which outlives the socket.
    fn remove_file(&self) {
        if let Address::Unix(path) = self.listener.address() {
            let _ = fs::remove_file(path); // who finds it finds that nobody serves there
        }
    }

    /// Whether this is what is wanted there. Port 0 asks for any port, so one that is open will do.
    fn serves(&self, wanted: &Listen) -> bool {
        let here = self.listener.address();
        match (&wanted.address, here) {
            (Address::Unix(path), _) if *here == wanted.address => is_socket(path),
            (Address::Tcp(wanted), Address::Tcp(here)) if wanted.port() == 0 => {
                self.asked.as_ref().is_none_or(|asked| *asked == Address::Tcp(*wanted))
                    && wanted.ip() == here.ip()
            }
            (wanted, here) => wanted == here,
        }
    }
}

// ANCHOR: bind
/// Binds, and tries again for a while if somebody else has the address: they may be leaving. But
/// not if `pause` says that there is no time for that.
fn bind(wanted: &Listen, pause: &mut dyn FnMut(Duration) -> bool) -> Result<Open, String> {
    let Listen { address, options, .. } = wanted;
    let mut left = wanted.tries;
    loop {
        let error = match Listener::bind(address, *options) {
            Ok(listener) => {
                let asked = Some(address.clone());
                return Ok(Open { listener, given: false, asked, backlog: options.backlog });
            }
            Err(error) => error,
        };
        match address {
            _ if error.kind() != io::ErrorKind::AddrInUse => left = 0,
            Address::Unix(path) if remove_stale(path)? => continue,
            _ => {}
        }
        if left > 0 {
            say(format_args!("{address} is in use; tries left: {left}"));
        }
        if left == 0 || !pause(wanted.delay) {
            return Err(format!("cannot listen on {address}: {error}"));
        }
        left -= 1;
    }
}

/// Removes a Unix socket's file that nobody listens at. A living one is never taken from its
/// server, and what is no socket is left alone.
fn remove_stale(path: &Path) -> Result<bool, String> {
    if !is_socket(path) {
        return Err(format!("cannot listen on {}: a file that is no socket", path.display()));
    }
    match Address::Unix(path.to_path_buf()).is_served() {
        Ok(false) => fs::remove_file(path).map(|()| true).map_err(|error| {
            format!("cannot remove {}, which nobody serves: {error}", path.display())
        }),
        _ => Ok(false),
    }
}
// ANCHOR_END: bind

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
}

fn number(listener: &Listener) -> i32 {
    listener.as_fd().as_raw_fd()
}
