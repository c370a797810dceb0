//! The daemon's connection: bytes in, whole requests out, answers back.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use network::hold::{Answer, Request, take_message, write_message};

/// A daemon that does not take its answer in this time loses its connection: flows must not wait for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const READ_LEN: usize = 4096;

/// One connection.
pub(crate) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Client> {
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Client { stream, received: Vec::new() })
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Takes what has arrived. An error is the end of the connection. Called when there is something to read, so
    /// that it does not wait.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<Request>> {
        let mut bytes = [0; READ_LEN];
        let len = self.stream.read(&mut bytes)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&bytes[..len]);
        let mut requests = Vec::new();
        while let Some(request) = take_message(&mut self.received)? {
            requests.push(request);
        }
        Ok(requests)
    }

    pub(crate) fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        write_message(&mut self.stream, answer)
    }
}
