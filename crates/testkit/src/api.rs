//! The daemon's API without a client in between: for what no client shows, and for how fast it answers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::daemon::Daemon;
use crate::eventually::STEP;

impl Daemon {
    /// Sends a request without a body on a connection of its own; gives the status and the body.
    ///
    /// # Panics
    /// When the daemon cannot be reached or does not answer.
    pub fn request(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.path("sock")).expect("the daemon's socket");
        stream.set_read_timeout(Some(STEP)).expect("a time-out");
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: test\r\nContent-Length: 0\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
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
