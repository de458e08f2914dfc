//! Clients that leave too early, in one of two ways: orderly (FIN) or not (RST).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use nix::sys::socket::{setsockopt, sockopt};
use story::wait_until;

use crate::server::{Answer, descriptors};
use crate::site::{Site, echo, large, request};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Fin,
    Rst,
}

/// Closes the connection. Where something is unread, either way ends as a reset.
fn leave(stream: TcpStream, way: Way) {
    if way == Way::Rst {
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&stream, sockopt::Linger, &at_once).expect("a socket");
    }
    drop(stream);
}

/// Sends these bytes, waits until the worker has read them and waits for more, and leaves.
#[track_caller]
fn leaves_after(site: &Site, bytes: &[u8]) {
    for way in [Way::Fin, Way::Rst] {
        let mut stream = site.connect();
        let before = site.bytes_read();
        stream.write_all(bytes).expect("somebody takes it");
        site.wait_until_read(before, bytes.len());
        leave(stream, way);
        site.goes_on_after((way, String::from_utf8_lossy(&bytes[..bytes.len().min(40)])));
    }
}

#[test]
fn a_client_may_leave_before_its_request() {
    let site = Site::start();
    leaves_after(&site, b"");
    for way in [Way::Fin, Way::Rst] {
        for _ in 0..20 {
            leave(site.connect(), way); // and here nobody waits for it
        }
        site.goes_on_after(way);
    }
}

#[test]
fn a_client_may_leave_in_the_midst_of_its_request() {
    let site = Site::start();
    let whole = echo("hello");
    leaves_after(&site, &whole[..3]);
    leaves_after(&site, &whole[..30]);
    leaves_after(&site, &whole[..whole.len() - 6]); // the head's last byte is missing
    leaves_after(&site, &whole[..whole.len() - 5]);
    leaves_after(&site, &whole[..whole.len() - 1]);
    leaves_after(&site, &echo(large(1_000_000))[..600_000]);
    leaves_after(&site, &request("POST /echo", "Transfer-Encoding: chunked\r\n", "5\r\nhel"));
    assert_eq!(site.temporary_files(), [""; 0]);
}

#[test]
fn a_client_may_leave_before_its_answer() {
    let site = Site::start();
    for way in [Way::Fin, Way::Rst] {
        let idle = descriptors(site.worker).len();
        let mut stream = site.connect();
        stream.write_all(&request("GET /sleep/0.2", "", "")).expect("room for it");
        wait_until("the worker has the connection, and sleeps", || {
            let sleeps = story::blocked_in(site.worker) == Some(libc::SYS_clock_nanosleep);
            (sleeps && descriptors(site.worker).len() > idle).then_some(())
        });
        leave(stream, way);
        site.goes_on_after(way);
    }
}

#[test]
fn a_client_may_leave_in_the_midst_of_a_large_answer() {
    let site = Site::start();
    let bytes = echo(large(5_000_000));
    for way in [Way::Fin, Way::Rst] {
        let mut stream = site.connect();
        stream.write_all(&bytes).expect("somebody takes it");
        stream.read_exact(&mut [0; 1000]).expect("the answer begins");
        leave(stream, way);
        site.goes_on_after(way);
    }
    let mut stream = site.connect_by_file();
    stream.write_all(&bytes).expect("somebody takes it");
    stream.read_exact(&mut [0; 1000]).expect("the answer begins");
    drop(stream);
    site.goes_on_after("a Unix socket");
    assert_eq!(site.temporary_files(), [""; 0]);
}

#[test]
fn who_says_that_it_has_no_more_to_say_gets_its_answer() {
    let site = Site::start();
    let mut stream = site.connect();
    let body = large(5_000_000);
    stream.write_all(&echo(&body)).expect("somebody takes it");
    stream.shutdown(Shutdown::Write).expect("a connection");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an orderly end");
    assert!(Answer::of(&answer).body == body);
    site.goes_on_after("half a close");
}
