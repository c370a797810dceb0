//! A container's connection: questions in, answers out, each behind its length in two bytes (RFC 7766).

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Instant;

/// A longer question is none.
const QUESTION_LIMIT: usize = 4096;
/// Who does not read its answers is hung up on when so many bytes wait.
const PENDING_LIMIT: usize = 128 * 1024;
/// Reads before others have their turn.
const TURN: usize = 4;
const LENGTH_LEN: usize = 2;

/// What a connection wants to be woken for from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Unchanged,
    Read,
    Write,
    End,
}

/// One connection.
pub(crate) struct Stream {
    container: Rc<str>,
    socket: TcpStream,
    received: Vec<u8>,
    pending: Vec<u8>,
    used: Instant,
    /// Whether it is watched for room to write.
    is_blocked: bool,
}

impl Stream {
    pub(crate) fn new(container: Rc<str>, socket: TcpStream, now: Instant) -> Stream {
        Stream { container, socket, received: Vec::new(), pending: Vec::new(), used: now, is_blocked: false }
    }

    pub(crate) fn container(&self) -> &Rc<str> {
        &self.container
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn used(&self) -> Instant {
        self.used
    }

    /// Takes what has arrived, as whole questions. An error is the end of the connection.
    pub(crate) fn receive(&mut self, scratch: &mut [u8], now: Instant) -> io::Result<Vec<Vec<u8>>> {
        let mut questions = Vec::new();
        // No more at a time than one question, so that what is kept of a slow one stays small.
        let len = scratch.len().min(LENGTH_LEN + QUESTION_LIMIT);
        let scratch = &mut scratch[..len];
        for _ in 0..TURN {
            match self.socket.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.received.extend_from_slice(&scratch[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(question) = take(&mut self.received)? {
                self.used = now;
                questions.push(question);
            }
        }
        Ok(questions)
    }

    /// Writes what waits, and a message behind it, as far as there is room.
    pub(crate) fn write(&mut self, message: Option<&[u8]>) -> Wish {
        if let Some(message) = message {
            let Ok(len) = u16::try_from(message.len()) else { return Wish::End };
            self.pending.extend_from_slice(&len.to_be_bytes());
            self.pending.extend_from_slice(message);
        }
        while !self.pending.is_empty() {
            match self.socket.write(&self.pending) {
                Ok(len) => drop(self.pending.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Wish::End,
            }
        }
        if self.pending.len() > PENDING_LIMIT {
            return Wish::End;
        }
        let is_blocked = !self.pending.is_empty();
        if is_blocked == std::mem::replace(&mut self.is_blocked, is_blocked) {
            Wish::Unchanged
        } else if is_blocked {
            Wish::Write
        } else {
            Wish::Read
        }
    }
}

/// Takes one whole message off the front.
fn take(received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(len) = received.first_chunk::<LENGTH_LEN>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(*len));
    if len > QUESTION_LIMIT {
        return Err(ErrorKind::InvalidData.into());
    }
    let Some(message) = received.get(LENGTH_LEN..LENGTH_LEN + len) else { return Ok(None) };
    let message = message.to_vec();
    received.drain(..LENGTH_LEN + len);
    Ok(Some(message))
}
