//! The daemon's API without a client in between: for what no client shows, and for how fast it answers.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::eventually::step;

/// Sends a request to the daemon with this socket, whoever holds it, and waits so long at most for each piece of the answer.
///
/// # Errors
/// As [`Daemon::exchange`].
pub fn exchange_at(
    socket: &Path,
    patience: Duration,
    method: &str,
    path: &str,
    body: &[u8],
) -> io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let (kind, length) = ("Content-Type: application/json", body.len());
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: test\r\n{kind}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let parts = answer.split_once("\r\n\r\n").and_then(|(head, body)| {
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    });
    parts.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

impl Daemon {
    /// Sends a request without a body on a connection of its own; gives the status and the body.
    ///
    /// # Panics
    /// When the daemon cannot be reached or does not answer.
    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        self.exchange(method, path, b"").expect("the daemon answers")
    }

    /// Sends a request with a body, of JSON or an archive or empty; gives the status and the body.
    ///
    /// # Errors
    /// When the daemon cannot be reached, or breaks off before its answer is whole.
    pub fn exchange(&self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, String)> {
        exchange_at(&self.path("sock"), step(), method, path, body)
    }

    /// Gets a JSON value.
    ///
    /// # Panics
    /// When the answer is not 200 or no JSON.
    pub fn get(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.request("GET", path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }
}
