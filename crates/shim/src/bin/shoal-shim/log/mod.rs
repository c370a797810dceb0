//! The container's log: a file, a server, both or nothing; never an obstacle for the container.
//!
//! - [`file`]: json-file and [`local`], rotated · [`squeeze`]: a short-lived child compresses what was rotated
//! - [`wire`]: a queue before a socket · [`dial`]: the socket · [`syslog`], [`journald`]: messages · [`writer`]: a child
//!   that writes the file, where not even the disk may hold the container up
//!
//! What cannot be written (a full disk, a dead server) is counted and given up.

mod dial;
mod file;
mod journald;
mod json;
mod local;
mod squeeze;
mod syslog;
mod wire;
mod writer;

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use ::shim::LogSpec;

use crate::time;
use file::FileLog;
pub(crate) use squeeze::{ARGUMENT as SQUEEZE, squeeze};
use wire::{Target, Wire};
pub(crate) use writer::{ARGUMENT as WRITE_LOG, write_log};

/// A stream of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// In the header of a frame.
    pub(crate) fn number(self) -> u8 {
        match self {
            Stream::Stdout => 1,
            Stream::Stderr => 2,
        }
    }
}

/// One line, or a piece of a long one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) stream: Stream,
    pub(crate) text: &'a [u8],
    /// A line end followed it; else more of the same line comes, or the end of the stream.
    pub(crate) whole: bool,
    pub(crate) at: &'a Moment,
}

/// When something was read, in the two shapes logs want.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) ns: i64,
    pub(crate) rfc3339: String,
}

impl Moment {
    pub(crate) fn now() -> Moment {
        Moment::at(time::now_ns())
    }

    pub(crate) fn at(ns: i64) -> Moment {
        Moment { ns, rfc3339: time::rfc3339(ns) }
    }
}

/// The log of one container.
pub(crate) struct Log {
    file: Option<FileLog>,
    wire: Option<Wire>,
}

impl Log {
    /// Opens files for appending, and reaches the server.
    ///
    /// # Errors
    /// If either cannot be done: such a container is not started.
    pub(crate) fn open(spec: LogSpec, id: &str) -> io::Result<Log> {
        let LogSpec { file, sink, buffer_bytes } = spec;
        let (file, target) = match (file, sink) {
            (file, Some(sink)) => (file, Some(Target::Server(sink))),
            (Some(file), None) if buffer_bytes.is_some() => (None, Some(Target::Writer(file))),
            (file, None) => (file, None),
        };
        let wire = target.map(|target| Wire::open(target, buffer_bytes, id)).transpose()?;
        let file = file.map(FileLog::open).transpose()?;
        Ok(Log { file, wire })
    }

    /// Whether there is anything to write to.
    pub(crate) fn is_kept(&self) -> bool {
        self.file.is_some() || self.wire.is_some()
    }

    /// Bytes the disk did not take.
    pub(crate) fn lost_bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, FileLog::lost_bytes)
    }

    /// Lines the server, or the child that writes, did not take.
    pub(crate) fn dropped_lines(&self) -> u64 {
        self.wire.as_ref().map_or(0, Wire::dropped_lines)
    }

    /// Adds one line.
    pub(crate) fn add(&mut self, line: Line<'_>) {
        if let Some(wire) = &mut self.wire {
            wire.add(line);
        }
        if let Some(file) = &mut self.file {
            file.add(line);
        }
    }

    /// Writes what has been added, as far as nothing has to be waited for.
    pub(crate) fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            file.flush();
        }
        self.send();
    }

    /// Sends what waits for the server, as far as it takes it.
    pub(crate) fn send(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.send();
            // What the file tells beside the server: that something is missing there.
            if let (Some(note), Some(file)) = (wire.take_note(), &mut self.file) {
                let at = Moment::now();
                file.add(Line { stream: Stream::Stderr, text: note.as_bytes(), whole: true, at: &at });
                file.flush();
            }
        }
    }

    /// Gives memory back.
    pub(crate) fn release(&mut self) {
        if let Some(file) = &mut self.file {
            file.release();
        }
    }

    /// Whether the container's output must wait for the server.
    pub(crate) fn holds_up(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::holds_up)
    }

    /// The server's socket, while something waits for it to be writable.
    pub(crate) fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        self.wire.as_ref().and_then(Wire::wants_to_write)
    }

    /// When [`Log::send`] has something to do even if the socket does not call.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.wire.as_ref().and_then(Wire::deadline)
    }

    /// A child of ours has ended; it may be the compressor.
    pub(crate) fn reaped(&mut self, pid: i32, succeeded: bool) {
        if let Some(file) = &mut self.file {
            file.reaped(pid, succeeded);
        }
    }

    /// Everything is added: gives the server a last, bounded chance, and ends the compressor.
    pub(crate) fn close(&mut self) {
        self.flush();
        if let Some(wire) = &mut self.wire {
            wire.drain();
        }
        self.send();
        if let Some(wire) = &mut self.wire {
            wire.finish();
        }
        if let Some(file) = &mut self.file {
            file.close();
        }
    }
}
