//! The json-file log: lines in batches, rotated by size, never an obstacle for the container.
//!
//! What cannot be written (a full disk) is counted and given up. Nothing is synced: a log line is not worth a
//! container's wait for the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ::shim::{LogDriver, LogSpec};

use crate::json::escape;

/// A batch is written when it has grown to this.
const BATCH_BYTES: usize = 64 * 1024;

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

/// The log of one container.
pub(crate) struct Log {
    spec: LogSpec,
    file: Option<File>,
    /// Of the current file, what waits in `batch` included.
    size_bytes: u64,
    batch: Vec<u8>,
    /// `"attrs":{…},`, or nothing.
    attrs: String,
    lost_bytes: u64,
}

impl Log {
    /// Opens the log for appending.
    pub(crate) fn open(spec: LogSpec) -> io::Result<Log> {
        let file = match spec.driver {
            LogDriver::None => None,
            LogDriver::JsonFile => Some(open(&spec.path)?),
        };
        let size_bytes = match &file {
            Some(file) => file.metadata()?.len(),
            None => 0,
        };
        let attrs = if spec.attrs.is_empty() {
            String::new()
        } else {
            format!("\"attrs\":{},", serde_json::to_string(&spec.attrs)?)
        };
        Ok(Log { spec, file, size_bytes, batch: Vec::new(), attrs, lost_bytes: 0 })
    }

    /// Whether there is anything to write to.
    pub(crate) fn is_kept(&self) -> bool {
        self.spec.driver != LogDriver::None
    }

    /// Bytes given up so far.
    pub(crate) fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    /// Adds one line. `whole`: a line end followed it; else more of the same line comes, or the end of the stream.
    pub(crate) fn add(&mut self, stream: Stream, line: &[u8], whole: bool, time: &str) {
        let full = self.spec.max_size_bytes > 0 && self.size_bytes >= self.spec.max_size_bytes;
        if full {
            self.flush();
            self.rotate();
        }
        let before = self.batch.len();
        self.batch.extend_from_slice(b"{\"log\":\"");
        escape(line, &mut self.batch);
        if whole {
            self.batch.extend_from_slice(b"\\n");
        }
        self.batch.extend_from_slice(match stream {
            Stream::Stdout => b"\",\"stream\":\"stdout\",",
            Stream::Stderr => b"\",\"stream\":\"stderr\",",
        });
        self.batch.extend_from_slice(self.attrs.as_bytes());
        self.batch.extend_from_slice(b"\"time\":\"");
        self.batch.extend_from_slice(time.as_bytes());
        self.batch.extend_from_slice(b"\"}\n");
        self.size_bytes += (self.batch.len() - before) as u64;
        if self.batch.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Writes what has been added.
    pub(crate) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        // After a failed rotation there is no file: try again with each batch.
        if self.file.is_none() {
            self.file = open(&self.spec.path).ok();
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.batch),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        if written.is_err() {
            self.lost_bytes += self.batch.len() as u64;
        }
        self.batch.clear();
    }

    /// Gives memory back.
    pub(crate) fn release(&mut self) {
        self.batch = Vec::new();
    }

    /// Renames `log.1` to `log.2` and so on, `log` to `log.1`, and begins a new file. A death in between leaves a gap in
    /// the numbers, which readers skip and the next rotation closes.
    fn rotate(&mut self) {
        self.file = None;
        let last = self.spec.max_files.max(1) - 1;
        let renamed = if last == 0 {
            fs::remove_file(&self.spec.path)
        } else {
            for number in (1..last).rev() {
                // A number may be missing.
                let _ = fs::rename(self.rotated(number), self.rotated(number + 1));
            }
            fs::rename(&self.spec.path, self.rotated(1))
        };
        self.file = open(&self.spec.path).ok();
        // If the old file could not be moved it goes on growing; it is tried again after as much again.
        let _ = renamed;
        self.size_bytes = 0;
    }

    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.spec.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(dir: &Path, max_size_bytes: u64, max_files: u32) -> Log {
        Log::open(LogSpec {
            driver: LogDriver::JsonFile,
            path: dir.join("log"),
            max_size_bytes,
            max_files,
            attrs: Default::default(),
        })
        .unwrap()
    }

    #[test]
    fn lines_are_dockers() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 0, 1);
        log.add(Stream::Stdout, b"a \"b\"", true, "T");
        log.add(Stream::Stderr, b"half", false, "T");
        log.flush();
        assert_eq!(
            fs::read_to_string(dir.path().join("log")).unwrap(),
            "{\"log\":\"a \\\"b\\\"\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n\
             {\"log\":\"half\",\"stream\":\"stderr\",\"time\":\"T\"}\n"
        );
    }

    #[test]
    fn files_are_rotated_and_capped_without_losing_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 100, 3);
        for number in 0..20 {
            log.add(Stream::Stdout, number.to_string().as_bytes(), true, "T");
        }
        log.flush();
        let mut all = String::new();
        for name in ["log.2", "log.1", "log"] {
            let text = fs::read_to_string(dir.path().join(name)).unwrap();
            assert!(text.len() < 150, "{name} has {} bytes", text.len());
            all += &text;
        }
        assert!(!dir.path().join("log.3").exists());
        let numbers: Vec<u32> = all
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["log"].as_str().unwrap().trim().parse().unwrap())
            .collect();
        assert_eq!(numbers.last(), Some(&19));
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 0, 1);
        log.file = Some(File::options().write(true).open("/dev/full").unwrap());
        log.add(Stream::Stdout, b"lost", true, "T");
        log.flush();
        assert!(log.lost_bytes() > 0);
    }
}
