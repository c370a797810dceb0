//! A queue of messages before a log server's socket, or before the child that writes the log file.
//!
//! The server may be slow, dead, or away for a while. In Docker's mode `blocking` the container waits when the queue is full until
//! the server has taken half of it, but not longer than [`MAX_STALL`]: then lines are dropped until it has. In the mode
//! `non-blocking` they are dropped at once when the buffer is full. Drops are counted, and told to the server when it is back.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use ::shim::{LogFile, Peer, Sink, Syslog};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use super::dial::{self, Socket};
use super::journald::Journal;
use super::{Line, Moment, Stream, syslog, writer};
use crate::time;

/// How long a start waits for the server.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a server may hold up the container each time the queue is full.
const MAX_STALL: Duration = Duration::from_secs(2);
/// Between two attempts to reach a server that is away.
const REDIAL_EVERY: Duration = Duration::from_secs(1);
/// At the container's end, how long the server may take for what is queued.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// The same for the child that writes the file.
const FINISH_LIMIT: Duration = Duration::from_secs(2);
/// What waits for the server in the mode `blocking`.
const QUEUE_BYTES: u64 = 256 * 1024;

/// A server and what waits for it.
pub(super) struct Wire {
    shape: Shape,
    socket: Option<Socket>,
    queue: VecDeque<Vec<u8>>,
    queued_bytes: u64,
    max_queued_bytes: u64,
    /// Of the first message, what the server has got. Only with a stream.
    sent_bytes: usize,
    non_blocking: bool,
    /// When the queue became full, until half of it is free.
    full_since: Option<Instant>,
    /// Nothing before then: the server could not be reached.
    redial_at: Option<Instant>,
    dropped_lines: u64,
    /// Of these, how many nobody has been told of.
    untold_lines: u64,
    note: Option<String>,
}

/// Who is to get the lines.
pub(super) enum Target {
    Server(Sink),
    /// A child, which writes this file.
    Writer(LogFile),
}

/// Who the server is, and what messages for it look like.
enum Shape {
    Syslog(Syslog),
    Journald { socket: std::path::PathBuf, journal: Journal },
    Writer(LogFile),
}

impl Wire {
    /// Reaches the server.
    pub(super) fn open(target: Target, buffer_bytes: Option<u64>, id: &str) -> io::Result<Wire> {
        let shape = match target {
            Target::Writer(file) => Shape::Writer(file),
            Target::Server(Sink::Syslog(syslog)) => Shape::Syslog(syslog),
            Target::Server(Sink::Journald { socket, fields }) => {
                let short = id.get(..12).unwrap_or(id);
                let journal = Journal::new(fields, format!("{short}-{:x}", time::now_ns()));
                Shape::Journald { socket, journal }
            }
        };
        let socket = shape.dial().and_then(|socket| socket.connected(CONNECT_LIMIT)).and_then(|socket| {
            if let Shape::Writer(_) = shape {
                writer::opened(&socket, CONNECT_LIMIT)?;
            }
            Ok(socket)
        });
        let socket = socket.map_err(|error| shape.unreachable(&error))?;
        Ok(Wire {
            shape,
            socket: Some(socket),
            queue: VecDeque::new(),
            queued_bytes: 0,
            max_queued_bytes: buffer_bytes.unwrap_or(QUEUE_BYTES),
            sent_bytes: 0,
            non_blocking: buffer_bytes.is_some(),
            full_since: None,
            redial_at: None,
            dropped_lines: 0,
            untold_lines: 0,
            note: None,
        })
    }

    pub(super) fn dropped_lines(&self) -> u64 {
        self.dropped_lines
    }

    /// Queues a line, or drops it.
    pub(super) fn add(&mut self, line: Line<'_>) {
        if self.queued_bytes >= self.max_queued_bytes {
            self.send();
        }
        // While the container waits it may write a little more than fits: what was read already.
        let full = self.queued_bytes >= self.max_queued_bytes;
        if full && (self.non_blocking || self.is_stalled()) {
            self.drop_line();
            return;
        }
        let message = self.shape.message(&line);
        self.push(message);
    }

    /// Sends until the server takes no more.
    pub(super) fn send(&mut self) {
        if self.queue.is_empty() || self.redial_at.is_some_and(|at| at > Instant::now()) {
            return;
        }
        if self.socket.is_none() {
            match self.shape.dial() {
                Ok(socket) => self.socket = Some(socket),
                Err(_) => return self.lose_socket(),
            }
        }
        self.redial_at = None;
        while let (Some(socket), Some(message)) = (&self.socket, self.queue.front()) {
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            match send(socket.fd.as_raw_fd(), &message[self.sent_bytes..], flags) {
                Ok(count) if socket.stream && self.sent_bytes + count < message.len() => {
                    self.sent_bytes += count;
                }
                Ok(_) => {
                    self.pop();
                    self.tell_drops();
                }
                Err(Errno::EINTR) => {}
                // The answer to an earlier datagram: nobody was there then.
                Err(Errno::ECONNREFUSED) if self.shape.is_udp() => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOTCONN) => return,
                // Longer than any datagram: the next may fit.
                Err(Errno::EMSGSIZE) => {
                    self.pop();
                    self.drop_line();
                }
                Err(_) => return self.lose_socket(),
            }
        }
    }

    /// Whether the container must wait.
    pub(super) fn holds_up(&self) -> bool {
        !self.non_blocking && self.full_since.is_some() && !self.is_stalled()
    }

    pub(super) fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().filter(|_| !self.queue.is_empty()).map(|socket| socket.fd.as_fd())
    }

    /// When to call [`Wire::send`] again though the socket does not call.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let redial = if self.queue.is_empty() { None } else { self.redial_at };
        let stall = self.full_since.filter(|_| self.holds_up()).map(|since| since + MAX_STALL);
        [redial, stall].into_iter().flatten().min()
    }

    /// What is to be told in the container's own log, once.
    pub(super) fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// Waits a little for the server to take what is queued; the rest is dropped.
    pub(super) fn drain(&mut self) {
        let end = Instant::now() + DRAIN_LIMIT;
        loop {
            self.send();
            let left = end.saturating_duration_since(Instant::now());
            let waited = self.socket.as_ref().map(|socket| socket.wait(left));
            if self.queue.is_empty() || left.is_zero() || !matches!(waited, Some(Ok(true))) {
                break;
            }
        }
        let left = self.queue.len() as u64;
        if left > 0 {
            self.dropped_lines += left;
            self.untold_lines += left;
            self.queue.clear();
            self.note = Some(self.shape.note(self.untold_lines));
        }
    }

    /// Nothing is queued any more: lets the child that writes come to its end.
    pub(super) fn finish(&mut self) {
        if let (Shape::Writer(_), Some(socket)) = (&self.shape, self.socket.take()) {
            writer::finish(socket, FINISH_LIMIT);
        }
    }

    fn is_stalled(&self) -> bool {
        self.full_since.is_some_and(|since| since.elapsed() >= MAX_STALL)
    }

    fn push(&mut self, message: Vec<u8>) {
        self.queued_bytes += message.len() as u64;
        self.queue.push_back(message);
        if self.queued_bytes >= self.max_queued_bytes {
            self.full_since.get_or_insert_with(Instant::now);
        }
    }

    fn pop(&mut self) {
        if let Some(message) = self.queue.pop_front() {
            self.queued_bytes -= message.len() as u64;
        }
        self.sent_bytes = 0;
        if self.queued_bytes < self.max_queued_bytes / 2 {
            self.full_since = None;
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    fn drop_line(&mut self) {
        self.dropped_lines += 1;
        self.untold_lines += 1;
    }

    /// The server takes lines again: it and the container's own log hear of those that are missing.
    fn tell_drops(&mut self) {
        if self.untold_lines == 0 || self.queued_bytes >= self.max_queued_bytes {
            return;
        }
        let text = self.shape.note(std::mem::take(&mut self.untold_lines));
        let at = Moment::now();
        let line = Line { stream: Stream::Stderr, text: text.as_bytes(), whole: true, at: &at };
        let message = self.shape.message(&line);
        self.push(message);
        self.note = Some(text);
    }

    /// The connection is gone. A message of which a part was sent is sent again whole.
    fn lose_socket(&mut self) {
        self.socket = None;
        self.sent_bytes = 0;
        self.redial_at = Some(Instant::now() + REDIAL_EVERY);
    }
}

impl Shape {
    fn dial(&self) -> io::Result<Socket> {
        match self {
            Shape::Syslog(syslog) => dial::dial(&syslog.peer),
            Shape::Journald { socket, .. } => dial::unixgram(socket),
            Shape::Writer(file) => writer::dial(file),
        }
    }

    fn is_udp(&self) -> bool {
        matches!(self, Shape::Syslog(Syslog { peer: Peer::Udp(_), .. }))
    }

    fn message(&mut self, line: &Line<'_>) -> Vec<u8> {
        match self {
            Shape::Syslog(syslog) => syslog::message(syslog, line.stream, line.at.ns, line.text),
            Shape::Journald { journal, .. } => journal.entry(line),
            Shape::Writer(_) => writer::message(line),
        }
    }

    /// What is told of lines that are missing.
    fn note(&self, lines: u64) -> String {
        let who = match self {
            Shape::Syslog(_) | Shape::Journald { .. } => "log server",
            Shape::Writer(_) => "disk",
        };
        format!("shoal: {lines} log lines were dropped: the {who} did not take them in time")
    }

    /// Docker's words.
    fn unreachable(&self, error: &io::Error) -> io::Error {
        let text = match self {
            Shape::Syslog(_) | Shape::Writer(_) => format!("failed to initialize logging driver: {error}"),
            Shape::Journald { .. } => {
                format!("failed to initialize logging driver: journald is not enabled on this host ({error})")
            }
        };
        io::Error::new(error.kind(), text)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use ::shim::SyslogFormat;

    use super::*;

    fn wire(dir: &std::path::Path, buffer_bytes: Option<u64>) -> Wire {
        let syslog = Syslog {
            peer: Peer::Unixgram(dir.join("log")),
            format: SyslogFormat::Unix,
            facility: 3,
            tag: "t".into(),
            hostname: "h".into(),
        };
        Wire::open(Target::Server(Sink::Syslog(syslog)), buffer_bytes, "id").unwrap()
    }

    fn add(wire: &mut Wire) {
        let at = Moment { ns: 0, rfc3339: String::new() };
        wire.add(Line { stream: Stream::Stdout, text: &[b'x'; 1000], whole: true, at: &at });
        wire.send();
    }

    #[test]
    fn a_full_buffer_drops_counts_and_tells() {
        let dir = tempfile::tempdir().unwrap();
        let server = UnixDatagram::bind(dir.path().join("log")).unwrap();
        let mut wire = wire(dir.path(), Some(10_000));
        for _ in 0..2000 {
            add(&mut wire);
            assert!(!wire.holds_up());
        }
        let dropped = wire.dropped_lines();
        assert!(dropped > 500 && dropped < 2000, "{dropped}");
        assert!(wire.queued_bytes < 12_000);
        server.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2000];
        let (mut got, mut told) = (0, false);
        while let Ok(count) = server.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if text.contains(&format!("{dropped} log lines were dropped")) {
                told = true
            } else {
                got += 1
            }
            wire.send();
        }
        assert_eq!((got + dropped, told), (2000, true));
        assert!(wire.take_note().is_some() && wire.queue.is_empty());
    }

    #[test]
    fn a_server_that_went_away_is_found_again_and_holds_nobody_up_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let server = UnixDatagram::bind(dir.path().join("log")).unwrap();
        let mut wire = wire(dir.path(), None);
        drop(server);
        std::fs::remove_file(dir.path().join("log")).unwrap();
        while !wire.holds_up() {
            add(&mut wire);
        }
        wire.full_since = Instant::now().checked_sub(MAX_STALL);
        assert!(!wire.holds_up());
        add(&mut wire);
        assert_eq!(wire.dropped_lines(), 1);
        let server = UnixDatagram::bind(dir.path().join("log")).unwrap();
        wire.redial_at = None;
        wire.send();
        assert!(server.recv(&mut [0; 2000]).unwrap() > 1000);
    }
}
