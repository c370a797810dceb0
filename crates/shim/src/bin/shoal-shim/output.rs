//! Reading what the container writes, and cutting it into lines for the log.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;

use crate::log::{Line, Log, Moment, Stream};

/// A longer line is logged in pieces, as Docker's.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// One output stream of the container.
pub(crate) struct Output {
    pub(crate) fd: OwnedFd,
    pub(crate) stream: Stream,
    /// It has been read to its end.
    pub(crate) ended: bool,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
}

/// What a read has given.
pub(crate) enum Read {
    /// That many bytes.
    Some(usize),
    /// Nothing for now.
    None,
    /// Nothing ever again.
    End,
}

impl Output {
    pub(crate) fn new(fd: OwnedFd, stream: Stream) -> Output {
        Output { fd, stream, ended: false, partial: Vec::new() }
    }

    /// Reads once, without waiting.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Read {
        match nix::unistd::read(self.fd.as_fd(), buffer) {
            Ok(0) => Read::End,
            Ok(length) => Read::Some(length),
            Err(Errno::EAGAIN | Errno::EINTR) => Read::None,
            // EIO: nobody has the terminal open any more.
            Err(_) => Read::End,
        }
    }

    /// Logs `bytes`, which were read then.
    pub(crate) fn log(&mut self, mut bytes: &[u8], at: &Moment, log: &mut Log) {
        if !log.is_kept() {
            return;
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            if self.partial.is_empty() && line.len() <= MAX_LINE_BYTES {
                log.add(Line { stream: self.stream, text: line, whole: true, at });
            } else {
                self.extend(line, at, log);
                log.add(Line { stream: self.stream, text: &self.partial, whole: true, at });
                self.partial = Vec::new();
            }
        }
        self.extend(bytes, at, log);
    }

    /// The stream has ended: what is left of a line is logged without a line end.
    pub(crate) fn finish(&mut self, at: &Moment, log: &mut Log) {
        if !self.partial.is_empty() && log.is_kept() {
            log.add(Line { stream: self.stream, text: &self.partial, whole: false, at });
        }
        self.partial = Vec::new();
        log.flush();
    }

    fn extend(&mut self, mut bytes: &[u8], at: &Moment, log: &mut Log) {
        loop {
            let room = MAX_LINE_BYTES - self.partial.len();
            if bytes.len() <= room {
                self.partial.extend_from_slice(bytes);
                return;
            }
            let (now, later) = bytes.split_at(room);
            self.partial.extend_from_slice(now);
            log.add(Line { stream: self.stream, text: &self.partial, whole: false, at });
            self.partial.clear();
            bytes = later;
        }
    }
}

/// Makes reads and writes return at once. Of a pipe, only this end is changed.
pub(crate) fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of each log line, for output that arrives in these pieces.
    fn logged(pieces: &[&[u8]]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let file = ::shim::LogFile {
            format: ::shim::LogFormat::Json,
            path: dir.path().join("log"),
            max_size_bytes: 0,
            max_files: 1,
            compress: false,
            attrs: Default::default(),
        };
        let spec = ::shim::LogSpec { file: Some(file), ..Default::default() };
        let mut log = Log::open(spec, "id").unwrap();
        let at = Moment { ns: 0, rfc3339: "T".into() };
        let null = std::fs::File::open("/dev/null").unwrap();
        let mut output = Output::new(null.into(), Stream::Stdout);
        for piece in pieces {
            output.log(piece, &at, &mut log);
        }
        output.finish(&at, &mut log);
        let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["log"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(logged(&[b"a\nb", b"c\n", b"\n", b"end"]), ["a\n", "bc\n", "\n", "end"]);
    }

    #[test]
    fn long_lines_come_in_pieces_and_only_the_last_ends() {
        let long = vec![b'x'; MAX_LINE_BYTES * 2 + 10];
        let lines = logged(&[&long, b"y\nz\n"]);
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [MAX_LINE_BYTES, MAX_LINE_BYTES, 12, 2]);
        let exact = logged(&[&long[..MAX_LINE_BYTES], b"\n"]);
        assert_eq!(exact.concat().len(), MAX_LINE_BYTES + 1);
    }
}
