//! Who is at the other end of a socket, by what the kernel says: /proc/net and sock_diag(7).

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::unistd::Pid;

use crate::diag;

/// What /proc/net has for sockets that listen: a state of TCP, and a flag of Unix sockets.
const LISTENS: u8 = 0x0a;
const ACCEPTS: u32 = 0x10000;

/// Whether somebody may come to a socket, or do something at its other end, who holds none of the
/// sockets `held`. In doubt, yes.
pub(crate) fn strangers_reach(pid: Pid, inode: u64, held: &HashSet<u64>) -> bool {
    let tcp = Inet::all(pid, TCP);
    if let Some(own) = tcp.iter().find(|socket| socket.inode == inode) {
        return own.strangers_reach(&tcp, held);
    }
    let udp = Inet::all(pid, UDP);
    if let Some(own) = udp.iter().find(|socket| socket.inode == inode) {
        return !udp.iter().any(|other| held.contains(&other.inode) && own.hears_only(other.local));
    }
    let unix = Unix::all(pid);
    let Some(own) = unix.iter().find(|socket| socket.inode == inode) else { return true };
    match diag::peer(inode) {
        _ if own.accepts => own.has_an_address(pid),
        // It waits to be accepted: by whom?
        Some(0) => !unix.iter().any(|listener| {
            listener.accepts && held.contains(&listener.inode) && {
                diag::waiting(listener.inode).contains(&inode)
            }
        }),
        Some(peer) => !held.contains(&peer),
        None => own.has_an_address(pid),
    }
}

/// Whether a Unix socket that listens at this address is held by somebody who holds none of these.
pub(crate) fn is_a_strangers(pid: Pid, address: &str, held: &HashSet<u64>) -> bool {
    let all = Unix::all(pid);
    let mut at = all.iter().filter(|socket| socket.accepts && socket.address == address);
    !at.any(|listener| held.contains(&listener.inode))
}

/// The address of a TCP socket.
pub(crate) fn address(pid: Pid, inode: u64) -> Option<SocketAddr> {
    let all = Inet::all(pid, TCP);
    all.iter().find(|socket| socket.inode == inode).map(|socket| socket.local)
}

/// The socket to which an accepted one is connected, as far as that is still there, and its address, if it has one.
pub(crate) fn other_end(pid: Pid, inode: u64) -> (Option<u64>, Option<SocketAddr>) {
    if let Some(other) = diag::peer(inode) {
        return (Some(other), None);
    }
    let tcp = Inet::all(pid, TCP);
    let Some(own) = tcp.iter().find(|socket| socket.inode == inode) else { return (None, None) };
    let other = tcp.iter().find(|tcp| (tcp.local, tcp.remote) == (own.remote, own.local));
    (other.map(|other| other.inode), Some(own.remote))
}

/// Files in /proc/net.
const TCP: [&str; 2] = ["tcp", "tcp6"];
const UDP: [&str; 2] = ["udp", "udp6"];

/// A line of one of these.
struct Inet {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u64,
}

impl Inet {
    fn all(pid: Pid, files: [&str; 2]) -> Vec<Inet> {
        let lines = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}"));
        let text = files.map(|name| lines(name).unwrap_or_default()).concat();
        text.lines().filter_map(Inet::read).collect()
    }

    fn read(line: &str) -> Option<Inet> {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (parsed(words.next()?)?, parsed(words.next()?)?);
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        Some(Inet { local, remote, state, inode: words.nth(5)?.parse().ok()? })
    }

    /// Whether a datagram comes here only from this address of this machine: nobody else can have that meanwhile.
    fn hears_only(&self, address: SocketAddr) -> bool {
        let (ours, theirs) = (self.remote.ip(), address.ip());
        self.remote.port() == address.port()
            && (ours == theirs || theirs.is_unspecified() && ours.is_loopback())
    }

    fn strangers_reach(&self, all: &[Inet], held: &HashSet<u64>) -> bool {
        let other = |tcp: &&Inet| (tcp.local, tcp.remote) == (self.remote, self.local);
        match all.iter().find(other) {
            // Nobody has accepted it yet: whoever listens at its port may.
            Some(other) if other.inode == 0 => !all.iter().any(|tcp| {
                tcp.state == LISTENS
                    && tcp.local.port() == other.local.port()
                    && held.contains(&tcp.inode)
            }),
            Some(other) => !held.contains(&other.inode),
            None => true,
        }
    }
}

/// `0100007F:1F90`: the address in words of the machine's order, the port as a number.
fn parsed(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words = host.as_bytes().chunks(8).map(|word| {
        u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok().map(u32::to_ne_bytes)
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let host = match <[u8; 4]>::try_from(&bytes[..]) {
        Ok(four) => IpAddr::from(Ipv4Addr::from(four)),
        Err(_) => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(host.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

/// A line of /proc/net/unix.
struct Unix {
    accepts: bool,
    inode: u64,
    address: String,
}

impl Unix {
    fn all(pid: Pid) -> Vec<Unix> {
        let text = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap_or_default();
        text.lines().filter_map(Unix::read).collect()
    }

    fn read(line: &str) -> Option<Unix> {
        let mut words = line.split_whitespace().skip(3);
        let accepts = u32::from_str_radix(words.next()?, 16).ok()? & ACCEPTS != 0;
        let inode = words.nth(2)?.parse().ok()?;
        Some(Unix { accepts, inode, address: words.collect::<Vec<_>>().join(" ") })
    }

    /// Whether somebody who doesn't have it can find it: by a path that is still there, or a name that
    /// needs none.
    fn has_an_address(&self, pid: Pid) -> bool {
        match self.address.as_bytes() {
            [] => false,
            [b'@', ..] => true,
            [b'/', ..] => fs::metadata(format!("/proc/{pid}/root{}", self.address)).is_ok(),
            _ => fs::metadata(format!("/proc/{pid}/cwd/{}", self.address)).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn inode(socket: &impl AsRawFd) -> u64 {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let path = fs::read_link(path).expect("it is open").display().to_string();
        path["socket:[".len()..path.len() - 1].parse().expect("a number")
    }

    fn reach(socket: &impl AsRawFd, held: &[u64]) -> bool {
        strangers_reach(Pid::this(), inode(socket), &held.iter().copied().collect())
    }

    #[test]
    fn a_tcp_socket_has_its_other_end_where_it_is_accepted_or_waits_for_that() {
        let listener = TcpListener::bind("[::]:0").expect("there is a port");
        let port = listener.local_addr().expect("it has one").port();
        let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        assert!(reach(&client, &[]) && !reach(&client, &[inode(&listener)]));
        let (accepted, _) = listener.accept().expect("a client is there");
        assert!(reach(&client, &[inode(&listener)]) && !reach(&client, &[inode(&accepted)]));
        assert!(reach(&accepted, &[]) && !reach(&accepted, &[inode(&client)]));
        assert!(reach(&listener, &[inode(&listener)]), "anybody may come");
    }

    #[test]
    fn a_unix_socket_has_its_other_end_where_it_is_accepted_or_waits_for_that() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("there is room");
        let mut client = UnixStream::connect(&path).expect("it listens");
        client.write_all(b"x").expect("there is room");
        assert!(reach(&client, &[]) && !reach(&client, &[inode(&listener)]));
        let (accepted, _) = listener.accept().expect("a client is there");
        assert!(reach(&client, &[inode(&listener)]) && !reach(&client, &[inode(&accepted)]));
        assert!(reach(&accepted, &[]) && !reach(&accepted, &[inode(&client)]));
        assert!(reach(&listener, &[]), "anybody may come");
        fs::remove_file(path).expect("it is there");
        assert!(!reach(&listener, &[]), "nobody finds it any more");
        let (one, other) = UnixStream::pair().expect("there is room");
        assert!(reach(&one, &[]) && !reach(&one, &[inode(&other)]));
    }
}
