//! One client: requests, then perhaps an attachment.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ::shim::{Decoder, ErrorKind, Response};

use crate::log::Stream;

/// The container is held up while this much waits for an attachment…
const MAX_PENDING_BYTES: usize = 256 * 1024;
/// …but not longer than this without the client taking anything: then the client is dropped.
pub(crate) const MAX_STALL: Duration = Duration::from_secs(60);
/// Read from a client at once.
const CHUNK_BYTES: usize = 8 * 1024;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The next request may come.
    Requests,
    /// Answered when the container has ended.
    Waiting,
    /// Streams of the container.
    Attached { stdin: bool, stdout: bool, stderr: bool },
    /// Streams of the additional process with this number, from when it runs; until then its answer is due.
    Exec { number: u32, running: bool },
    /// Answered when there is a newer result of a health probe than this.
    WaitingForHealth { after: Option<u64> },
    /// Answered when the checkpoint that it has asked for is made.
    WaitingForCheckpoint,
    /// Answered when the additional process with this number has ended.
    WaitingForExec { number: u32 },
}

/// A client.
pub(crate) struct Connection {
    pub(crate) socket: UnixStream,
    pub(crate) mode: Mode,
    pub(crate) decoder: Decoder,
    /// The client sends nothing more.
    pub(crate) ended: bool,
    /// Close when everything is written.
    pub(crate) closing: bool,
    /// Of no use any more.
    pub(crate) broken: bool,
    pending: Vec<u8>,
    written: usize,
    /// When the client last took something, while something waited.
    stalled_since: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(socket: UnixStream) -> io::Result<Connection> {
        socket.set_nonblocking(true)?;
        Ok(Connection {
            socket,
            mode: Mode::Requests,
            decoder: Decoder::default(),
            ended: false,
            closing: false,
            broken: false,
            pending: Vec::new(),
            written: 0,
            stalled_since: None,
        })
    }

    /// Reads once; what it gives belongs to the mode.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let mut buffer = [0; CHUNK_BYTES];
        match self.socket.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                // Nobody sends a request and leaves before the answer.
                if self.mode == Mode::Requests && self.pending_bytes() == 0 {
                    self.broken = true;
                }
                Vec::new()
            }
            Ok(length) => buffer[..length].to_vec(),
            Err(error) if is_transient(&error) => Vec::new(),
            Err(_) => {
                self.broken = true;
                Vec::new()
            }
        }
    }

    /// Queues an answer.
    pub(crate) fn answer(&mut self, response: &Response) {
        match ::shim::encode(response) {
            Ok(bytes) => self.push(&bytes),
            Err(_) => self.broken = true,
        }
    }

    /// Queues an error.
    pub(crate) fn refuse(&mut self, kind: ErrorKind, message: impl Into<String>) {
        self.answer(&Response::Error { kind, message: message.into(), exit_code: runtime::EXIT_FAILED });
    }

    /// Queues output, if this client wants it.
    pub(crate) fn send(&mut self, stream: Stream, bytes: &[u8]) {
        if self.wants(stream) {
            self.send_frame(stream.number(), bytes);
        }
    }

    /// Queues one frame.
    pub(crate) fn send_frame(&mut self, number: u8, bytes: &[u8]) {
        let mut header = [number, 0, 0, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&(bytes.len() as u32).to_be_bytes());
        self.push(&header);
        self.push(bytes);
    }

    /// Whether `stream` must wait for this client.
    pub(crate) fn holds_up(&self, stream: Stream) -> bool {
        self.wants(stream) && self.is_full()
    }

    /// Whether as much waits for this client as may.
    pub(crate) fn is_full(&self) -> bool {
        self.pending_bytes() >= MAX_PENDING_BYTES
    }

    /// Since when the client takes nothing.
    pub(crate) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    pub(crate) fn wants_to_write(&self) -> bool {
        self.pending_bytes() > 0
    }

    /// Writes what the client takes now.
    pub(crate) fn write(&mut self) {
        while self.wants_to_write() {
            match self.socket.write(&self.pending[self.written..]) {
                Ok(length) => {
                    self.written += length;
                    self.stalled_since = Some(Instant::now());
                }
                Err(error) if is_transient(&error) => break,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        if !self.wants_to_write() {
            self.pending = Vec::new();
            self.written = 0;
            self.stalled_since = None;
        } else if self.written >= MAX_PENDING_BYTES {
            self.pending.drain(..self.written);
            self.written = 0;
        }
    }

    /// Done with: broken, or everything said that was to be said.
    pub(crate) fn is_over(&self) -> bool {
        self.broken || (self.closing && !self.wants_to_write())
    }

    fn wants(&self, stream: Stream) -> bool {
        match (self.mode, stream) {
            (Mode::Attached { stdout, .. }, Stream::Stdout) => stdout,
            (Mode::Attached { stderr, .. }, Stream::Stderr) => stderr,
            (Mode::WaitingForHealth { .. } | Mode::WaitingForCheckpoint, _) => false,
            (Mode::Requests | Mode::Waiting | Mode::Exec { .. } | Mode::WaitingForExec { .. }, _) => false,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.stalled_since.get_or_insert_with(Instant::now);
    }

    fn pending_bytes(&self) -> usize {
        self.pending.len() - self.written
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
