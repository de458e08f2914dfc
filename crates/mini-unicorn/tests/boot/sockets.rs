//! Where it listens, and where it refuses to.

use std::fs;
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;

use crate::server::{Server, folder, get, get_at};

#[test]
fn a_unix_socket_has_mode_0777_less_its_umask() {
    for (umask, mode) in [("0", 0o777), ("0o027", 0o750)] {
        let listen = format!("listen = {{addr = './sock', umask = {umask}}}");
        let server = Server::configured(&listen);
        let meta = fs::metadata(server.path("sock")).expect("it is there");
        assert_eq!(meta.mode() & 0o777, mode);
        assert_eq!(get_at(&server.path("sock"), "/"), "hello\n");
    }
}

#[test]
fn a_unix_socket_that_nobody_serves_is_replaced() {
    let folder = folder();
    let path = folder.path().join("sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists());
    let server = Server::configured_in(folder, "listen = './sock'");
    assert_eq!(get_at(&server.path("sock"), "/"), "hello\n");
}

#[test]
fn a_living_servers_unix_socket_is_never_taken() {
    let first = Server::configured("listen = './sock'");
    let inode = fs::metadata(first.path("sock")).expect("it is there").ino();
    let at = first.path("sock").display().to_string();
    let mut second = Server::configured_without_waiting(
        folder(),
        &format!("listen = {{addr = '{at}', tries = 1, delay = 0.01}}"),
    );
    let log = second.refused();
    assert!(log.contains(&format!("cannot listen on {at}: ")), "{log}");
    assert_eq!(fs::metadata(first.path("sock")).expect("it is there").ino(), inode);
    assert_eq!(get_at(&first.path("sock"), "/"), "hello\n");
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("sock"), "precious").expect("a file");
    let mut server = Server::configured_without_waiting(folder, "listen = './sock'");
    assert_eq!(server.finish().code(), Some(1));
    assert!(server.log().contains("./sock: a file that is no socket"), "{}", server.log());
    assert_eq!(fs::read_to_string(server.path("sock")).expect("it is there"), "precious");
}

#[test]
fn it_listens_at_several_places_at_once_and_over_ipv6() {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(); // not every machine has it
    let places = if v6 { ", '[::1]:0'" } else { "" };
    let server =
        Server::configured(&format!("listen = ['127.0.0.1:0', '127.0.0.1:0', './sock'{places}]"));
    let log = server.log();
    let addresses: Vec<_> =
        log.split("listening on ").skip(1).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(addresses.len(), if v6 { 4 } else { 3 }, "{log}");
    for address in addresses.iter().filter(|address| address.contains(':')) {
        assert_eq!(get(address, "/").text(), "hello\n", "{address}");
    }
    assert_eq!(get_at(&server.path("sock"), "/"), "hello\n");
    assert_eq!(addresses.iter().filter(|address| address.starts_with("[::1]:")).count(), v6.into());
}
