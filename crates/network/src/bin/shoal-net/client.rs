//! The daemon's connection: bytes in, whole requests out, answers back.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use network::hold::{Answer, Request, read_with_files, take_message, write_message};

/// A daemon that does not take its answer in this time loses its connection: flows must not wait for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
const READ_LEN: usize = 4096;

/// One connection.
pub(crate) struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    /// Open files that came with what has been received.
    files: Vec<OwnedFd>,
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Client> {
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Client { stream, received: Vec::new(), files: Vec::new() })
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Takes what has arrived. An error is the end of the connection. Called when there is something to read, so
    /// that it does not wait.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<Request>> {
        let mut bytes = [0; READ_LEN];
        let len = read_with_files(&self.stream, &mut bytes, &mut self.files)?;
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

    /// The files that came with the request just received. The daemon waits for each answer, so they are its own.
    pub(crate) fn take_files(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.files)
    }

    pub(crate) fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        write_message(&mut self.stream, answer)
    }
}
