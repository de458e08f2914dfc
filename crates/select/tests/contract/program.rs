//! What `select`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and what is promised here is about
//! a whole process: its descriptors, its limits, its signals. It prints what it saw; the test
//! judges.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, getsockopt, listen,
    socket, sockopt,
};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid};
use select::{Accepted, Address, Listener, Options, poll_readable, wait_readable};

type Wait = fn(&[BorrowedFd<'_>], Option<Duration>) -> io::Result<Vec<usize>>;

const BOTH: [(&str, Wait); 2] = [("select", wait_readable), ("poll", poll_readable)];

/// The end of every wait that is not meant to have one.
const LATE: Option<Duration> = Some(Duration::from_secs(15));

fn listener() -> Result<Listener> {
    Ok(Listener::bind(&"127.0.0.1:0".parse()?, Options::default())?)
}

fn close_on_exec(fd: impl AsFd) -> Result<bool> {
    Ok(FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD)?).contains(FdFlag::FD_CLOEXEC))
}

fn non_blocking(fd: impl AsFd) -> Result<bool> {
    Ok(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?).contains(OFlag::O_NONBLOCK))
}

fn taken(accepted: Accepted) -> Result<OwnedFd> {
    match accepted {
        Accepted::Connection(connection) => Ok(connection),
        Accepted::Nobody => bail!("nobody was there"),
    }
}

/// Removes its file in the end.
struct Path(PathBuf);

impl Path {
    fn new() -> Path {
        Path(env::temp_dir().join(format!("select-contract.{}", getpid())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn errno<T>(outcome: io::Result<T>) -> String {
    match outcome {
        Ok(_) => "no error".to_string(),
        Err(error) => match error.raw_os_error() {
            Some(number) => format!("{:?}", Errno::from_raw(number)),
            None => format!("{:?}: {error}", error.kind()),
        },
    }
}

fn flags_of_descriptors() -> Result<()> {
    let listener = listener()?;
    println!("listener: {}, {}", close_on_exec(&listener)?, non_blocking(&listener)?);
    let _client = listener.address().connect()?;
    let connection = taken(listener.accept()?)?;
    println!("connection: {}, {}", close_on_exec(&connection)?, non_blocking(&connection)?);
    Ok(())
}

fn accept_does_not_wait() -> Result<()> {
    println!("{:?}", listener()?.accept()?);
    Ok(())
}

fn takes_a_port_in_time_wait() -> Result<()> {
    let first = listener()?;
    let address = first.address().clone();
    let mut client = TcpStream::from(address.connect()?);
    drop(taken(first.accept()?)?); // the server closes first, so TIME_WAIT is on its side
    client.read_to_end(&mut Vec::new())?;
    drop((client, first));
    println!("{}", errno(Listener::bind(&address, Options::default())));
    Ok(())
}

fn refuses_a_port_in_use() -> Result<()> {
    let first = listener()?;
    println!("{}", errno(Listener::bind(first.address(), Options::default())));
    Ok(())
}

fn knows_its_address() -> Result<()> {
    let path = Path::new();
    for wanted in ["127.0.0.1:0", "[::1]:0", &path.0.to_string_lossy()] {
        let listener = match Listener::bind(&wanted.parse()?, Options::default()) {
            Ok(listener) => listener,
            Err(error) if wanted.starts_with("[::1]") => {
                println!("no IPv6 here: {error}");
                continue;
            }
            Err(error) => return Err(error).context(wanted.to_string()),
        };
        let _client = listener.address().connect()?;
        taken(listener.accept()?)?;
        match listener.address() {
            Address::Tcp(address) => println!("{}: {}", address.ip(), address.port() != 0),
            Address::Unix(bound) => println!("the path: {}", *bound == path.0),
        }
    }
    Ok(())
}

fn leaves_a_sockets_file_alone() -> Result<()> {
    let path = Path::new();
    let address = Address::Unix(path.0.clone());
    drop(Listener::bind(&address, Options::default())?);
    println!("the file stays: {}", path.0.exists());
    println!("{}, {}", errno(Listener::bind(&address, Options::default())), path.0.exists());
    let long = Address::Unix(format!("/{}", "x".repeat(200)).into());
    println!("{}", errno(Listener::bind(&long, Options::default())));
    Ok(())
}

fn takes_over_a_listener() -> Result<()> {
    let made = TcpListener::bind("127.0.0.1:0")?;
    fcntl(&made, FcntlArg::F_SETFD(FdFlag::empty()))?;
    let copy = fcntl(&made, FcntlArg::F_DUPFD(0))?;
    // SAFETY: it is new, so nobody else has it.
    let listener = Listener::from_fd(unsafe { OwnedFd::from_raw_fd(copy) })?;
    println!("same address: {}", *listener.address() == Address::Tcp(made.local_addr()?));
    println!("ours: {}, {}", close_on_exec(&listener)?, non_blocking(&listener)?);
    println!("theirs: {}, {}", close_on_exec(&made)?, non_blocking(&made)?);
    Ok(())
}

fn refuses_what_does_not_listen() -> Result<()> {
    println!("{}", errno(Listener::from_fd(io::pipe()?.0.into())));
    let flags = SockFlag::SOCK_CLOEXEC;
    let idle = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    println!("{}", errno(Listener::from_fd(idle)));
    let nameless = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let name = format!("select-contract.{}", getpid());
    bind(nameless.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    listen(&nameless, Backlog::new(1)?)?;
    println!("{}", errno(Listener::from_fd(nameless)));
    Ok(())
}

fn tells_of_no_descriptor_left() -> Result<()> {
    let listener = listener()?;
    let _client = listener.address().connect()?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard)?;
    println!("{}", errno(listener.accept()));
    println!("readable still: {:?}", wait_readable(&[listener.as_fd()], LATE)?);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    println!("then: {:?}", taken(listener.accept()?).is_ok());
    Ok(())
}

/// So many clients, and what each is told who won't wait for room in the queue.
fn fill(path: &Path, count: usize) -> Result<Vec<OwnedFd>> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let mut clients = Vec::new();
    for _ in 0..count {
        let client = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        println!("{:?}", connect(client.as_raw_fd(), &UnixAddr::new(&path.0)?));
        clients.push(client);
    }
    Ok(clients)
}

fn lets_as_many_wait_as_it_is_told() -> Result<()> {
    let path = Path::new();
    let _listener = Listener::bind(
        &Address::Unix(path.0.clone()),
        Options { backlog: 1, ..Options::default() },
    )?;
    let _clients = fill(&path, 3)?;
    Ok(())
}

fn takes_any_backlog() -> Result<()> {
    let any = "127.0.0.1:0".parse()?;
    println!(
        "{}",
        errno(Listener::bind(&any, Options { backlog: u16::MAX, ..Options::default() }))
    );
    Ok(())
}

fn sets_what_tcp_connections_inherit() -> Result<()> {
    for tcp_nodelay in [true, false] {
        let options = Options { tcp_nodelay, ..Options::default() };
        let listener = Listener::bind(&"127.0.0.1:0".parse()?, options)?;
        let _client = listener.address().connect()?;
        let connection = taken(listener.accept()?)?;
        let keepalive = getsockopt(&connection, sockopt::KeepAlive)?;
        println!("{keepalive}, {}", getsockopt(&connection, sockopt::TcpNoDelay)?);
    }
    Ok(())
}

fn sets_buffers() -> Result<()> {
    let path = Path::new();
    for address in ["127.0.0.1:0", &path.0.to_string_lossy()] {
        let options = Options { rcvbuf: Some(9000), sndbuf: Some(8000), ..Options::default() };
        let listener = Listener::bind(&address.parse()?, options)?;
        let sizes = |socket: BorrowedFd<'_>| -> Result<(usize, usize)> {
            Ok((getsockopt(&socket, sockopt::RcvBuf)?, getsockopt(&socket, sockopt::SndBuf)?))
        };
        println!("{:?}", sizes(listener.as_fd())?);
        listener.set_options(Options::default())?;
        println!("left as they are: {:?}", sizes(listener.as_fd())?);
        let beyond_int = 1 << (usize::BITS / 2);
        let huge = Options { rcvbuf: Some(beyond_int), ..Options::default() };
        println!("{}", errno(listener.set_options(huge)));
        println!("as much as may be: {}", sizes(listener.as_fd())?.0 > 18_000);
    }
    Ok(())
}

fn keeps_to_ipv6_if_it_is_told() -> Result<()> {
    for ipv6only in [Some(true), Some(false)] {
        let options = Options { ipv6only, ..Options::default() };
        match Listener::bind(&"[::]:0".parse()?, options) {
            Ok(listener) => println!("{}", getsockopt(&listener, sockopt::Ipv6V6Only)?),
            Err(error) => println!("no IPv6 here: {error}"),
        }
        println!("{}", errno(Listener::bind(&"127.0.0.1:0".parse()?, options)));
    }
    Ok(())
}

fn shares_a_port_only_with_its_like() -> Result<()> {
    let shared = Options { reuseport: true, ..Options::default() };
    let first = Listener::bind(&"127.0.0.1:0".parse()?, shared)?;
    println!("{}", errno(Listener::bind(first.address(), shared)));
    println!("{}", errno(Listener::bind(first.address(), Options::default())));
    Ok(())
}

fn gives_a_sockets_file_its_mode() -> Result<()> {
    let ours = Mode::from_bits_truncate(0o077);
    umask(ours);
    for options in [Options::default(), Options { umask: 0o027, ..Options::default() }] {
        let path = Path::new();
        let address = Address::Unix(path.0.clone());
        let _listener = Listener::bind(&address, options)?;
        println!("{:03o}", fs::metadata(&path.0)?.permissions().mode() & 0o777);
        println!("put back: {}", umask(ours) == ours);
        println!("{}", errno(Listener::bind(&address, options)));
        println!("put back: {}", umask(ours) == ours);
    }
    Ok(())
}

fn sets_options_of_one_that_listens() -> Result<()> {
    let made = TcpListener::bind("127.0.0.1:0")?;
    let inherited = Listener::from_fd(made.into())?;
    let show = || -> Result<()> {
        let keepalive = getsockopt(&inherited, sockopt::KeepAlive)?;
        println!("{keepalive}, {}", getsockopt(&inherited, sockopt::TcpNoDelay)?);
        Ok(())
    };
    show()?;
    inherited.set_options(Options::default())?;
    show()?;
    let path = Path::new();
    let small = Options { backlog: 1, ..Options::default() };
    let kept = Listener::bind(&Address::Unix(path.0.clone()), small)?;
    kept.set_options(Options { backlog: 2, ..small })?;
    let _clients = fill(&path, 4)?;
    Ok(())
}

fn says_which_are_readable() -> Result<()> {
    let (quiet, _writer) = io::pipe()?;
    let (full, mut writer) = io::pipe()?;
    writer.write_all(b"x")?;
    let (ended, _) = io::pipe()?;
    let listener = listener()?;
    let _client = listener.address().connect()?;
    for (name, wait) in BOTH {
        let fds = [full.as_fd(), quiet.as_fd(), ended.as_fd(), listener.as_fd()];
        println!("{name}: {:?}", wait(&fds, LATE)?);
        println!("{name}: {:?}", wait(&[quiet.as_fd(), listener.as_fd()], LATE)?);
    }
    Ok(())
}

/// Those in the queue are accepted; then one more asks, and once the listener is closed, is refused.
fn turns_away() -> Result<()> {
    let path = Path::new();
    for address in ["127.0.0.1:0".parse()?, Address::Unix(path.0.clone())] {
        let listener = Listener::bind(&address, Options::default())?;
        let address = listener.address().clone();
        let clients = [address.connect()?, address.connect()?, address.connect()?];
        listener.turn_away()?;
        let late = thread::spawn(move || address.connect());
        for client in clients {
            let mut connection = fs::File::from(taken(listener.accept()?)?);
            fs::File::from(client).write_all(b"?")?;
            connection.read_exact(&mut [0])?; // the filter is for newcomers only
        }
        // A client whose first try comes this late is refused just as well.
        poll_readable(&[listener.as_fd()], Some(Duration::from_millis(100)))?;
        let let_in = matches!(listener.accept()?, Accepted::Connection(_));
        drop(listener);
        let late = late.join().map_err(|_| anyhow::anyhow!("connect panicked"))?;
        println!("let in: {let_in}; late: {}", errno(late));
    }
    Ok(())
}

fn keeps_the_time() -> Result<()> {
    let (quiet, _writer) = io::pipe()?;
    let (full, mut writer) = io::pipe()?;
    writer.write_all(b"x")?;
    for (name, wait) in BOTH {
        println!("{name}: {:?}", wait(&[quiet.as_fd()], Some(Duration::ZERO))?);
        for long in [Duration::MAX, Duration::from_micros(1 << 63)] {
            println!("{name}: {:?}", wait(&[full.as_fd()], Some(long))?);
        }
        let switches =
            || getrusage(UsageWho::RUSAGE_SELF).map(|use_| use_.voluntary_context_switches());
        let before = switches()?;
        for _ in 0..100 {
            wait(&[quiet.as_fd()], Some(Duration::from_nanos(1)))?;
        }
        println!("{name}: it slept: {}", switches()? > before);
    }
    Ok(())
}

fn tells_of_signals() -> Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing at all.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    let (quiet, _writer) = io::pipe()?;
    let me = getpid();
    for (name, wait) in BOTH {
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }? else {
            alarm::set(20); // an alarm is not inherited
            let asleep = |stat: io::Result<String>| stat.is_ok_and(|stat| stat.contains(") S "));
            while !asleep(fs::read_to_string(format!("/proc/{me}/stat"))) {
                thread::yield_now();
            }
            return Ok(kill(me, Signal::SIGUSR1)?);
        };
        println!("{name}: {}", errno(wait(&[quiet.as_fd()], LATE)));
        waitpid(child, None)?;
    }
    Ok(())
}

fn refuses_what_a_set_has_no_bit_for() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(1500).min(hard), hard)?;
    let (full, mut writer) = io::pipe()?;
    writer.write_all(b"x")?;
    for number in [1023, 1024] {
        let fd = fcntl(&full, FcntlArg::F_DUPFD_CLOEXEC(number))?;
        // SAFETY: it is new, so nobody else has it.
        let high = unsafe { OwnedFd::from_raw_fd(fd) };
        println!("select {fd}: {}", errno(wait_readable(&[high.as_fd()], LATE)));
        println!("poll {fd}: {}", errno(poll_readable(&[high.as_fd()], LATE)));
    }
    Ok(())
}

fn poll_tells_what_it_cant_watch() -> Result<()> {
    // A file opened only to be pointed at, which to poll(2) is as good as closed.
    let pointer = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open("/")?;
    println!("{}", errno(poll_readable(&[pointer.as_fd()], LATE)));
    Ok(())
}

fn connects_only_where_somebody_listens() -> Result<()> {
    let path = Path::new();
    let address = Address::Unix(path.0.clone());
    println!("{}", errno(address.connect()));
    drop(UnixListener::bind(&path.0)?); // its file stays
    println!("{}", errno(address.connect()));
    Ok(())
}

fn sees_who_listens_at_a_path() -> Result<()> {
    let path = Path::new();
    let address = Address::Unix(path.0.clone());
    println!("{}", errno(address.is_served()));
    let listener = Listener::bind(&address, Options { backlog: 0, ..Options::default() })?;
    println!("{}", address.is_served()?);
    // The question itself has filled the queue: a connection stays there when its client has gone.
    println!("with its queue full: {}", address.is_served()?);
    drop(listener);
    println!("{}", address.is_served()?);
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "flags_of_descriptors" => flags_of_descriptors(),
        "accept_does_not_wait" => accept_does_not_wait(),
        "takes_a_port_in_time_wait" => takes_a_port_in_time_wait(),
        "refuses_a_port_in_use" => refuses_a_port_in_use(),
        "knows_its_address" => knows_its_address(),
        "leaves_a_sockets_file_alone" => leaves_a_sockets_file_alone(),
        "takes_over_a_listener" => takes_over_a_listener(),
        "refuses_what_does_not_listen" => refuses_what_does_not_listen(),
        "tells_of_no_descriptor_left" => tells_of_no_descriptor_left(),
        "lets_as_many_wait_as_it_is_told" => lets_as_many_wait_as_it_is_told(),
        "takes_any_backlog" => takes_any_backlog(),
        "sets_what_tcp_connections_inherit" => sets_what_tcp_connections_inherit(),
        "sets_buffers" => sets_buffers(),
        "keeps_to_ipv6_if_it_is_told" => keeps_to_ipv6_if_it_is_told(),
        "shares_a_port_only_with_its_like" => shares_a_port_only_with_its_like(),
        "gives_a_sockets_file_its_mode" => gives_a_sockets_file_its_mode(),
        "sets_options_of_one_that_listens" => sets_options_of_one_that_listens(),
        "says_which_are_readable" => says_which_are_readable(),
        "turns_away" => turns_away(),
        "keeps_the_time" => keeps_the_time(),
        "tells_of_signals" => tells_of_signals(),
        "refuses_what_a_set_has_no_bit_for" => refuses_what_a_set_has_no_bit_for(),
        "poll_tells_what_it_cant_watch" => poll_tells_what_it_cant_watch(),
        "connects_only_where_somebody_listens" => connects_only_where_somebody_listens(),
        "sees_who_listens_at_a_path" => sees_who_listens_at_a_path(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
