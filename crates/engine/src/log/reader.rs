//! From log files to chunks of output. Blocks on the disk, never on a writer: at the end of what is written it says so,
//! and can be asked again.

use super::{line, tail};
use crate::container::LogOptions;
use bytes::Bytes;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How much output a chunk has at the least, unless the log ends.
const CHUNK: usize = 64 * 1024;
/// How much is read at a time, in bytes.
const BLOCK: usize = 64 * 1024;
/// The longest line; the shim cuts output at 16 KiB, which escapes can make six times longer.
const LINE_MAX: usize = 1 << 20;
/// How many rotated files are looked for.
const ROTATED_MAX: u32 = 1000;

/// Reads a log from its oldest wanted line on.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    /// Oldest first; the first one is being read.
    files: VecDeque<File>,
    block: Vec<u8>,
    /// The beginning of a line whose end is not written or not read yet.
    partial: Vec<u8>,
    tty: bool,
    options: LogOptions,
    past_until: bool,
}

impl Reader {
    /// Opens all files of the log; that it was never written is no error.
    pub(super) fn open(path: &Path, tty: bool, options: &LogOptions) -> io::Result<Reader> {
        let mut files = open_all(path)?;
        if let Some(wanted) = options.tail {
            start_at_tail(&mut files, wanted)?;
        }
        let block = vec![0; BLOCK];
        let (path, options) = (path.to_owned(), *options);
        Ok(Reader { path, files, block, partial: Vec::new(), tty, options, past_until: false })
    }

    /// The next chunk of whole lines; `None` at the end of what is written so far.
    pub(super) fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        let mut out = Vec::new();
        while out.len() < CHUNK && !self.past_until {
            if self.files.is_empty() {
                self.files = open_all(&self.path)?;
            }
            let Some(file) = self.files.front_mut() else { break };
            let count = file.read(&mut self.block)?;
            if count > 0 {
                self.take(count, &mut out);
            } else if self.files.len() > 1 {
                // A rotated file ends with a whole line, or its writer died in the middle of one.
                self.files.pop_front();
                self.partial.clear();
            } else if !self.follow_rotation()? {
                break;
            }
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// Whether a line later than wanted was met: nothing that follows is wanted.
    pub(super) fn is_past_until(&self) -> bool {
        self.past_until
    }

    fn take(&mut self, count: usize, out: &mut Vec<u8>) {
        let block = std::mem::take(&mut self.block);
        for piece in block[..count].split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = piece.strip_suffix(b"\n") else {
                // Too long a line is no line of a shim's; its rest is no line either and is skipped as such.
                if self.partial.len() + piece.len() > LINE_MAX {
                    self.partial.clear();
                }
                self.partial.extend_from_slice(piece);
                break;
            };
            if self.partial.is_empty() {
                self.emit(line, out);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.emit(&whole, out);
                whole.clear();
                self.partial = whole;
            }
        }
        self.block = block;
    }

    fn emit(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let Some(line) = line::parse(text) else { return };
        if self.options.since_ns.is_some() || self.options.until_ns.is_some() {
            let time = line::time_ns(&line.time).unwrap_or(0);
            if self.options.until_ns.is_some_and(|until| time > until) {
                self.past_until = true;
            }
            if self.past_until || self.options.since_ns.is_some_and(|since| time < since) {
                return;
            }
        }
        let wanted = if line.stream == 1 { self.options.stdout } else { self.options.stderr };
        // Neither means both where a stream of the log alone is asked for; that is the caller's to say.
        if !wanted {
            return;
        }
        let frame = out.len();
        if !self.tty {
            out.extend_from_slice(&[line.stream, 0, 0, 0, 0, 0, 0, 0]);
        }
        let start = out.len();
        if self.options.timestamps {
            line::push_timestamp(&line.time, out);
        }
        out.extend_from_slice(&line.log);
        if !self.tty {
            let length = (out.len() - start) as u32;
            out[frame + 4..frame + 8].copy_from_slice(&length.to_be_bytes());
        }
    }

    /// At the end of the newest known file: finds those that are newer. False if there is none.
    fn follow_rotation(&mut self) -> io::Result<bool> {
        let Some(last) = self.files.front() else { return Ok(false) };
        let last = identity(last)?;
        let mut now = open_all(&self.path)?;
        let known = now.iter().map(identity).collect::<io::Result<Vec<_>>>()?;
        // Not there any more: so much was written that it was rotated away, and all that is there is newer.
        if let Some(at) = known.iter().position(|file| *file == last) {
            now.drain(..=at);
        }
        if now.is_empty() {
            return Ok(false);
        }
        // The old file may have got its last lines between our reading its end and its rotation.
        self.files.extend(now);
        Ok(true)
    }
}

type Identity = (u64, u64);

fn identity(file: &File) -> io::Result<Identity> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// All files, oldest first. Opened from the newest on: a rotation meanwhile shows a file twice, never hides one.
fn open_all(path: &Path) -> io::Result<VecDeque<File>> {
    let mut files: VecDeque<File> = VecDeque::new();
    let mut seen: Vec<Identity> = Vec::new();
    for number in 0..ROTATED_MAX {
        let mut name = OsString::from(path);
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let file = match File::open(name) {
            Ok(file) => file,
            // Between two renames of a rotation the current file is missing for a moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let this = identity(&file)?;
        if !seen.contains(&this) {
            seen.push(this);
            files.push_front(file);
        }
    }
    Ok(files)
}

/// Drops files before the last lines, and seeks in the first that has some.
fn start_at_tail(files: &mut VecDeque<File>, wanted: usize) -> io::Result<()> {
    let mut left = wanted;
    for at in (0..files.len()).rev() {
        let (start, found) = tail::start_of_last(&files[at], left)?;
        files[at].seek(SeekFrom::Start(start))?;
        left -= found;
        if left == 0 {
            files.drain(..at);
            break;
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
        let read = |tty, options: LogOptions| read_all(&mut Reader::open(&path, tty, &options).unwrap());
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
    fn half_a_line_waits_for_its_other_half() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut reader = Reader::open(&path, true, &ALL).unwrap();
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
        let mut reader = Reader::open(&path, true, &ALL).unwrap();
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
            let seen = numbers(&read_all(&mut Reader::open(&path, true, &options).unwrap()));
            let expected: Vec<usize> = (total.saturating_sub(wanted)..total).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
