//! Attaching by a WebSocket, as a browser does.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use testkit::Daemon;

/// How long the container may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_websocket_carries_input_and_output() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["run", "-d", "-i", "--network", "none", "--name", "box", "busybox", "cat"]).ok();
    let mut stream = UnixStream::connect(daemon.path("sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET /v1.45/containers/box/attach/ws?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\n\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");

    // A ping, then a message; the mask is all zeros, so that what is written is what is meant.
    stream.write_all(&[0x89, 0x82, 0, 0, 0, 0, b'p', b'q']).unwrap();
    stream.write_all(&[0x82, 0x83, 0, 0, 0, 0, b'h', b'i', b'\n']).unwrap();
    let mut said = [0; 9];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, &[0x8a, 2, b'p', b'q', 0x82, 3, b'h', b'i', b'\n']);

    daemon.docker(&["kill", "box"]).ok();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, [0x88, 2, 0x03, 0xe8], "a close in order");
}
