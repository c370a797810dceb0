//! From log files to chunks of output. Blocks on the disk, never on a writer: at the end of what is written it says so,
//! and can be asked again.

use super::emit::Emit;
use super::files::{Part, Source, open_all};
use super::{json, line, local};
use crate::container::LogOptions;
use bytes::Bytes;
use shim::LogFormat;
use shim::record;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How much output a chunk has at the least, unless the log ends.
const CHUNK: usize = 64 * 1024;
/// How much is read at a time, in bytes.
const BLOCK: usize = 64 * 1024;
/// The longest line; the shim cuts output at 16 KiB, which escapes can make six times longer.
const LINE_MAX: usize = 1 << 20;

/// Reads a log from its oldest wanted line on.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    format: LogFormat,
    /// Oldest first; the first one is being read, and kept open to its end and beyond: its inode names it.
    parts: VecDeque<Part>,
    block: Vec<u8>,
    /// The beginning of a line or record whose end is not written or not read yet.
    partial: Vec<u8>,
    /// Nothing more can be read of the first part.
    damaged: bool,
    emit: Emit,
}

impl Reader {
    /// Opens all files of the log; that it was never written is no error.
    pub(super) fn open(
        path: &Path,
        format: LogFormat,
        tty: bool,
        options: &LogOptions,
    ) -> io::Result<Reader> {
        let mut parts = open_all(path, format)?;
        if let Some(wanted) = options.tail {
            start_at_tail(&mut parts, format, wanted as u64)?;
        }
        if let Some(since_ns) = options.since_ns {
            start_since(&mut parts, format, since_ns)?;
        }
        Ok(Reader {
            path: path.to_owned(),
            format,
            parts,
            block: vec![0; BLOCK],
            partial: Vec::new(),
            damaged: false,
            emit: Emit::new(tty, *options),
        })
    }

    /// The next chunk of whole lines; `None` at the end of what is written so far.
    pub(super) fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let mut out = Vec::new();
        while out.len() < CHUNK && !self.is_past_until() {
            if self.parts.is_empty() {
                self.parts = open_all(&self.path, self.format)?;
            }
            let Some(part) = self.parts.front_mut() else { break };
            let count = if self.damaged { 0 } else { part.source.read(&mut self.block)? };
            if count > 0 {
                match self.format {
                    LogFormat::Json => self.take_lines(count, &mut out),
                    LogFormat::Local => self.take_records(count, &mut out),
                }
            } else if self.parts.len() > 1 {
                // A rotated file ends with a whole line, or its writer died in the middle of one.
                self.parts.pop_front();
                self.partial.clear();
                self.damaged = false;
            } else if !self.follow_rotation()? {
                break;
            }
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// Whether a line later than wanted was met: nothing that follows is wanted.
    pub(super) fn is_past_until(&self) -> bool {
        self.emit.is_past_until()
    }

    fn take_lines(&mut self, count: usize, out: &mut Vec<u8>) {
        let block = std::mem::take(&mut self.block);
        for piece in block[..count].split_inclusive(|byte| *byte == b'\n') {
            let Some(text) = piece.strip_suffix(b"\n") else {
                // Too long a line is no line of a shim's; its rest is no line either and is skipped as such.
                if self.partial.len() + piece.len() > LINE_MAX {
                    self.partial.clear();
                }
                self.partial.extend_from_slice(piece);
                break;
            };
            if self.partial.is_empty() {
                self.line(text, out);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(text);
                self.line(&whole, out);
                whole.clear();
                self.partial = whole;
            }
        }
        self.block = block;
    }

    fn line(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if self.skips() {
            return;
        }
        if let Some(line) = line::parse(text) {
            self.emit.json(&line, out);
        }
    }

    fn take_records(&mut self, count: usize, out: &mut Vec<u8>) {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(&self.block[..count]);
        let mut used = 0;
        loop {
            match record::decode(&bytes[used..]) {
                Ok(Some((record, length))) => {
                    used += length;
                    if matches!(record, record::Record::Line { .. }) && !self.skips() {
                        self.emit.record(&record, out);
                    }
                }
                Ok(None) => break,
                Err(record::NotARecord) => {
                    self.damaged = true;
                    break;
                }
            }
        }
        bytes.drain(..used);
        self.partial = bytes;
    }

    /// Whether the next line is one to be passed over.
    fn skips(&mut self) -> bool {
        match self.parts.front_mut() {
            Some(part) if part.skip > 0 => {
                part.skip -= 1;
                true
            }
            _ => false,
        }
    }

    /// At the end of the newest known file: finds those that are newer. False if there is none.
    fn follow_rotation(&mut self) -> io::Result<bool> {
        let Some(last) = self.parts.front().map(|part| part.inode) else { return Ok(false) };
        let mut now = open_all(&self.path, self.format)?;
        // Not there any more: so much was written that it was rotated away, and all that is there is newer. The newest that
        // is found counts: an older one may have had the same inode, which is ours as long as we have it open.
        if let Some(at) = now.iter().rposition(|part| part.inode == last) {
            now.drain(..=at);
        }
        if now.is_empty() {
            return Ok(false);
        }
        // The old file may have got its last lines between our reading its end and its rotation.
        self.parts.extend(now);
        Ok(true)
    }
}

/// Drops files before the last lines, and finds the place of the first wanted one.
fn start_at_tail(parts: &mut VecDeque<Part>, format: LogFormat, wanted: u64) -> io::Result<()> {
    let mut left = wanted;
    for at in (0..parts.len()).rev() {
        let part = &mut parts[at];
        let found = match (&mut part.source, format) {
            (Source::Plain(file), LogFormat::Json) => {
                let (start, found) = json::start_of_last(file, left as usize)?;
                file.seek(SeekFrom::Start(start))?;
                found as u64
            }
            (Source::Plain(file), LogFormat::Local) => {
                let index = local::Index::of(file)?;
                let (start, skip) = index.line(index.lines.saturating_sub(left));
                file.seek(SeekFrom::Start(start))?;
                part.skip = skip;
                index.lines.min(left)
            }
            (Source::Gzip(decoder), _) => {
                let lines = json::count(decoder);
                rewind(decoder)?;
                part.skip = lines.saturating_sub(left);
                lines.min(left)
            }
            (Source::Blocks(blocks), _) => {
                let lines = blocks.lines();
                part.skip = blocks.skip(lines.saturating_sub(left));
                lines.min(left)
            }
        };
        left -= found;
        if left == 0 {
            parts.drain(..at);
            break;
        }
    }
    Ok(())
}

fn rewind(decoder: &mut flate2::read::MultiGzDecoder<File>) -> io::Result<()> {
    let mut file = decoder.get_ref().try_clone()?;
    file.rewind()?;
    *decoder = flate2::read::MultiGzDecoder::new(file);
    Ok(())
}

/// Passes over what is too old, where that can be told without reading it.
fn start_since(parts: &mut VecDeque<Part>, format: LogFormat, since_ns: i64) -> io::Result<()> {
    // The newest stays: what comes is written there.
    while parts.len() > 1 && parts.front().is_some_and(|part| part.is_older_than(since_ns)) {
        parts.pop_front();
    }
    for part in parts {
        match &mut part.source {
            // What is passed over by number is counted from where reading begins.
            _ if part.skip > 0 => {}
            Source::Plain(file) if format == LogFormat::Local => {
                let start = local::Index::of(file)?.since(since_ns);
                if start > file.stream_position()? {
                    file.seek(SeekFrom::Start(start))?;
                }
            }
            Source::Plain(file) => {
                let start = json::start_since(file, since_ns)?;
                if start > file.stream_position()? {
                    file.seek(SeekFrom::Start(start))?;
                }
            }
            Source::Blocks(blocks) => blocks.only_since(since_ns),
            Source::Gzip(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::io::Write;

    const ALL: LogOptions = LogOptions {
        stdout: true,
        stderr: true,
        follow: false,
        tail: None,
        since_ns: None,
        until_ns: None,
        timestamps: false,
        details: false,
    };

    fn line_of(number: usize) -> String {
        let stream = if number.is_multiple_of(2) { "stdout" } else { "stderr" };
        format!(
            "{{\"log\":\"{number}\\n\",\"stream\":\"{stream}\",\"time\":\"2026-11-21T09:00:{:02}Z\"}}\n",
            number % 60
        )
    }

    fn read_all(reader: &mut Reader) -> String {
        let mut all = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            all.extend_from_slice(&chunk);
        }
        String::from_utf8(all).unwrap()
    }

    fn numbers(text: &str) -> Vec<usize> {
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// Files of the given sizes, the oldest first, their lines numbered on.
    fn write_files(path: &Path, sizes: &[usize]) -> usize {
        let mut next = 0;
        for (at, size) in sizes.iter().enumerate() {
            let number = sizes.len() - 1 - at;
            let name = if number == 0 {
                path.to_owned()
            } else {
                PathBuf::from(format!("{}.{number}", path.display()))
            };
            let text: String = (next..next + size).map(line_of).collect();
            fs::write(name, text).unwrap();
            next += size;
        }
        next
    }

    #[test]
    fn streams_frames_and_times() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        write_files(&path, &[4]);
        let read = |tty, options: LogOptions| {
            read_all(&mut Reader::open(&path, LogFormat::Json, tty, &options).unwrap())
        };
        assert_eq!(read(true, LogOptions { stdout: false, ..ALL }), "1\n3\n");
        let framed = read(false, LogOptions { tail: Some(1), ..ALL });
        assert_eq!(framed.as_bytes(), [2, 0, 0, 0, 0, 0, 0, 2, b'3', b'\n']);
        let second = 1_000_000_000;
        let base = line::time_ns("2026-11-21T09:00:00Z").unwrap();
        let between = LogOptions { since_ns: Some(base + second), until_ns: Some(base + 2 * second), ..ALL };
        assert_eq!(read(true, between), "1\n2\n");
        let stamped = LogOptions { timestamps: true, tail: Some(1), ..ALL };
        assert_eq!(read(true, stamped), "2026-11-21T09:00:03.000000000Z 3\n");
    }

    #[test]
    fn what_is_too_old_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let base = line::time_ns("2026-11-21T09:00:00Z").unwrap();
        let second = 1_000_000_000;
        let text = |from: i64, to: i64| -> String {
            let line =
                |at| format!("{{\"log\":\"{at}\\n\",\"stream\":\"stdout\",\"time\":\"{}\"}}\n", stamp(at));
            (from..to).map(line).collect()
        };
        fn stamp(at: i64) -> String {
            format!("2026-11-21T{:02}:{:02}:{:02}Z", 9 + at / 3600, at / 60 % 60, at % 60)
        }
        // As long as many blocks, and an older file that would spoil the answer if it were read.
        fs::write(PathBuf::from(format!("{}.1", path.display())), line_of(0).repeat(3)).unwrap();
        let old = File::options().write(true).open(dir.path().join("log.1")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        fs::write(&path, text(0, 9000)).unwrap();
        for since in [0, 1, 77, 4500, 8999, 9000] {
            let options = LogOptions { since_ns: Some(base + since * second), ..ALL };
            let mut reader = Reader::open(&path, LogFormat::Json, true, &options).unwrap();
            assert_eq!(reader.parts.len(), 1, "the file that ended before is not read");
            if let Source::Plain(file) = &mut reader.parts[0].source {
                let left = file.metadata().unwrap().len() - file.stream_position().unwrap();
                let wanted = text(since, 9000).len() as u64;
                assert!(left >= wanted && left <= wanted + 2 * BLOCK as u64, "{left} for {wanted}");
            }
            let expected: Vec<usize> = (since as usize..9000).collect();
            assert_eq!(numbers(&read_all(&mut reader)), expected);
        }
    }

    #[test]
    fn half_a_line_waits_for_its_other_half() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut reader = Reader::open(&path, LogFormat::Json, true, &ALL).unwrap();
        assert_eq!(read_all(&mut reader), "");
        let text = line_of(7);
        let (first, second) = text.split_at(10);
        let mut file = File::create(&path).unwrap();
        file.write_all(first.as_bytes()).unwrap();
        assert_eq!(read_all(&mut reader), "");
        file.write_all(second.as_bytes()).unwrap();
        assert_eq!(read_all(&mut reader), "7\n");
    }

    #[test]
    fn rotations_while_reading_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, line_of(0)).unwrap();
        let mut reader = Reader::open(&path, LogFormat::Json, true, &ALL).unwrap();
        assert_eq!(numbers(&read_all(&mut reader)), [0]);
        // The last line of the old file comes after its end was read; then two rotations.
        let mut old = File::options().append(true).open(&path).unwrap();
        old.write_all(line_of(1).as_bytes()).unwrap();
        let rotated = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
        fs::rename(&path, rotated(2)).unwrap();
        fs::write(rotated(1), line_of(2)).unwrap();
        fs::write(&path, line_of(3)).unwrap();
        assert_eq!(numbers(&read_all(&mut reader)), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn the_tail_crosses_files(sizes in prop::collection::vec(0usize..8, 1..5), wanted in 0usize..40) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let total = write_files(&path, &sizes);
            let options = LogOptions { tail: Some(wanted), ..ALL };
            let seen = numbers(&read_all(&mut Reader::open(&path, LogFormat::Json, true, &options).unwrap()));
            let expected: Vec<usize> = (total.saturating_sub(wanted)..total).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
