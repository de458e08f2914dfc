//! Answers that take long, or end otherwise than they should, and clients that do.

use super::*;

/// Gives what is sent to it, and then fails.
struct Pieces(mpsc::Receiver<&'static str>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.recv_timeout(PATIENCE).map_err(|_| io::Error::other("no more"))?;
        piece.as_bytes().read(into)
    }
}

#[test]
fn a_stream_goes_out_piece_by_piece_and_its_failure_is_no_end() {
    let (mut client, server) = connection();
    let (pieces, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let mut receiver = Some(receiver);
        serve(server, |_| Ok(Response::new(Reply::stream(Pieces(receiver.take().ok_or("once")?)))));
    });
    client.write_all(GET).expect("room for it");
    let mut seen = Vec::new();
    for piece in ["one", "two"] {
        pieces.send(piece).expect("a reader");
        while !seen.ends_with(piece.as_bytes()) {
            let mut byte = [0];
            client.read_exact(&mut byte).expect("the piece before the next is there");
            seen.push(byte[0]);
        }
    }
    drop(pieces);
    let error = client.read(&mut [0]).expect_err("more than the end of a whole answer");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    worker.join().expect("no panic");
}

#[test]
fn a_file_goes_out_from_where_it_stands_and_a_shorter_one_is_no_answer() {
    let file = |length| -> Result<Response<Reply>, Error> {
        let mut file = tempfile::tempfile()?;
        file.write_all(&large(1_000_000))?;
        file.seek(SeekFrom::Start(400_000))?;
        Ok(Response::new(Reply::File(file, length)))
    };
    let (mut client, server) = connection();
    let worker = thread::spawn(move || serve(server, |_| file(600_000)));
    client.write_all(GET).expect("room for it");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an orderly end");
    assert!(split(&answer).1 == large(1_000_000)[400_000..]);
    worker.join().expect("no panic");

    let (mut client, server) = connection();
    let worker = thread::spawn(move || serve(server, |_| file(600_001)));
    client.write_all(GET).expect("room for it");
    client.read_to_end(&mut Vec::new()).expect_err("a reset");
    worker.join().expect("no panic");

    // The kernel can't send this one by itself.
    let app =
        |_: Request<Body<'_>>| Ok(Response::new(Reply::File(File::open("/proc/self/stat")?, 4)));
    assert_eq!(ask(GET, app).1.len(), 4);
}

#[test]
fn an_answer_arrives_though_nobody_read_what_the_client_went_on_sending() {
    let (mut client, server) = connection();
    let worker = thread::spawn(move || serve(server, |_| says("no, thanks")));
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n";
    client.write_all(head).expect("room for it");
    client.write_all(&large(5_000_000)).expect("somebody takes it");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an orderly end");
    assert_eq!(split(&answer).1, b"no, thanks");
    worker.join().expect("no panic");
}

#[test]
fn a_client_that_does_not_stop_is_left_after_a_second() {
    let (mut client, server) = connection();
    client.write_all(b"nonsense\r\n").expect("room for it");
    let start = Instant::now();
    serve(server, |_| says(""));
    let lingered = start.elapsed();
    assert!(lingered >= Duration::from_millis(900) && lingered < PATIENCE / 2, "{lingered:?}");
}

#[test]
fn a_client_may_leave_at_any_moment() {
    let bytes = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for end in 0..=bytes.len() {
        for reset in [false, true] {
            let (mut client, server) = connection();
            client.write_all(&bytes[..end]).expect("room for it");
            if reset {
                let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
                setsockopt(&client, sockopt::Linger, &at_once).expect("SO_LINGER");
            }
            drop(client);
            serve(server, |mut request| {
                let mut body = Vec::new();
                request.body_mut().read_to_end(&mut body)?;
                Ok(Response::new(large(200_000).into()))
            });
        }
    }
}
