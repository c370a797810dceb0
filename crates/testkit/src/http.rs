//! The smallest HTTP client and server: enough to see who answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::eventually::step;

/// How long one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A request for `/`, in two parts.
const REQUEST: (&[u8], &[u8]) = (b"GET / HTTP/1.0\r\n", b"Host: test\r\n\r\n");

/// Fetches `/` and returns the body without the white space around it.
///
/// # Errors
/// When nobody answers in time, or with anything but 200.
pub fn fetch(address: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    fetch_over(stream)
}

/// The same over a connection that stands, with its own time-outs.
///
/// # Errors
/// When the answer does not come in time, or is anything but 200.
pub fn fetch_over(mut stream: TcpStream) -> io::Result<String> {
    // At once: who answers after one read may be gone before there is more.
    stream.write_all(&[REQUEST.0, REQUEST.1].concat())?;
    answer(stream)
}

/// The same, as a client does that pauses in the middle of what it asks.
///
/// # Errors
/// As [`fetch_over`].
pub fn fetch_slowly(mut stream: TcpStream, pause: Duration) -> io::Result<String> {
    stream.write_all(REQUEST.0)?;
    std::thread::sleep(pause);
    stream.write_all(REQUEST.1)?;
    answer(stream)
}

fn answer(mut stream: TcpStream) -> io::Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => Ok(body.trim().to_owned()),
        _ => Err(io::Error::other(format!("unexpected answer: {answer:?}"))),
    }
}

/// Answers one caller with `text`, and returns where the caller came from.
///
/// # Errors
/// When the connection fails.
pub fn answer_once(listener: &TcpListener, text: &str) -> io::Result<SocketAddr> {
    let (mut stream, from) = accept(listener)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    // Whatever was asked: one answer.
    let _ = stream.read(&mut [0; 1024]);
    write!(stream, "HTTP/1.0 200 OK\r\n\r\n{text}\n")?;
    Ok(from)
}

/// Waits for a caller, but not for ever.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let fd = nix::poll::PollFd::new(listener.as_fd(), nix::poll::PollFlags::POLLIN);
    let patience = nix::poll::PollTimeout::try_from(step()).map_err(io::Error::other)?;
    match nix::poll::poll(&mut [fd], patience)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => listener.accept(),
    }
}
