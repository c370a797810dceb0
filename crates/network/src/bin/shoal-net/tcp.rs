//! One proxied connection: bytes both ways, each end closed when the other is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// How many reads one flow may do before others have their turn.
const TURN: usize = 16;

/// What a flow wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// To be woken by an event.
    Waiting,
    /// To go on as soon as others have had their turn.
    Busy,
    /// Nothing any more.
    Finished,
}

/// A client's connection and the one to its container.
pub(crate) struct Flow {
    client: TcpStream,
    backend: TcpStream,
    upward: Pipe,
    downward: Pipe,
}

/// One direction.
#[derive(Default)]
struct Pipe {
    /// Read but not yet written; empty but for a receiver that is slow.
    pending: Vec<u8>,
    /// The sender has closed.
    ended: bool,
    /// The receiver has been told.
    closed: bool,
}

impl Flow {
    pub(crate) fn new(client: TcpStream, backend: TcpStream) -> Flow {
        Flow { client, backend, upward: Pipe::default(), downward: Pipe::default() }
    }

    pub(crate) fn client(&self) -> &TcpStream {
        &self.client
    }

    pub(crate) fn backend(&self) -> &TcpStream {
        &self.backend
    }

    /// Moves what can be moved now.
    pub(crate) fn pump(&mut self, scratch: &mut [u8]) -> Progress {
        let upward = self.upward.pump(&mut &self.client, &mut &self.backend, scratch, &self.backend);
        let downward = self.downward.pump(&mut &self.backend, &mut &self.client, scratch, &self.client);
        match (upward, downward) {
            (Ok(upward), Ok(downward)) if self.upward.closed && self.downward.closed => {
                debug_assert!(!upward && !downward);
                Progress::Finished
            }
            (Ok(true), Ok(_)) | (Ok(_), Ok(true)) => Progress::Busy,
            (Ok(false), Ok(false)) => Progress::Waiting,
            // One end is broken: closing both tells the other.
            _ => Progress::Finished,
        }
    }
}

impl Pipe {
    /// Answers whether there may be more to move at once.
    fn pump(
        &mut self,
        from: &mut impl Read,
        to: &mut impl Write,
        scratch: &mut [u8],
        end: &TcpStream,
    ) -> io::Result<bool> {
        for _ in 0..TURN {
            if !self.pending.is_empty() {
                let written = write_some(to, &self.pending)?;
                self.pending.drain(..written);
                if !self.pending.is_empty() {
                    return Ok(false);
                }
                // Most flows never need it again.
                self.pending = Vec::new();
            }
            if self.ended {
                if !self.closed {
                    self.closed = true;
                    end.shutdown(Shutdown::Write)?;
                }
                return Ok(false);
            }
            match from.read(scratch) {
                Ok(0) => self.ended = true,
                Ok(len) => {
                    let written = write_some(to, &scratch[..len])?;
                    self.pending.extend_from_slice(&scratch[written..len]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Writes as much as the receiver takes now, which may be nothing.
fn write_some(to: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match to.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
