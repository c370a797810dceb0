//! The smallest HTTP client and server: enough to see who answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use crate::eventually::step;

/// How long one exchange may take.
const TIMEOUT: Duration = Duration::from_secs(2);

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
pub fn fetch_over(stream: TcpStream) -> io::Result<String> {
    fetch_slowly(stream, Duration::ZERO)
}

/// The same, as a client does that pauses in the middle of what it asks.
///
/// # Errors
/// As [`fetch_over`].
pub fn fetch_slowly(mut stream: TcpStream, pause: Duration) -> io::Result<String> {
    stream.write_all(b"GET / HTTP/1.0\r\n")?;
    std::thread::sleep(pause);
    stream.write_all(b"Host: test\r\n\r\n")?;
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
