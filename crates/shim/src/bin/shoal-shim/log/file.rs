//! A log on the disk: lines in batches, rotated by size.
//!
//! Nothing is synced: a log line is not worth a container's wait for the disk. A batch that the disk takes only in part is
//! taken back, so that the next one begins on a line of its own.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ::shim::record::{self, MARK_EVERY, Mark, Record};
use ::shim::{LogFile, LogFormat};

use super::json::escape;
use super::local;
use super::squeeze::Squeeze;
use super::{Line, Stream};

/// A batch is written when it has grown to this.
const BATCH_BYTES: usize = 64 * 1024;

/// A rotated log on the disk.
pub(super) struct FileLog {
    spec: LogFile,
    file: Option<File>,
    /// Of the current file, what waits in `batch` included.
    size_bytes: u64,
    /// Of the current file, without it.
    written_bytes: u64,
    batch: Vec<u8>,
    /// `"attrs":{…},`, or nothing.
    attrs: String,
    /// Of the current file, if it is [`LogFormat::Local`].
    mark: Mark,
    lost_bytes: u64,
    squeeze: Option<Squeeze>,
}

impl FileLog {
    /// Opens the log for appending.
    pub(super) fn open(spec: LogFile) -> io::Result<FileLog> {
        if let Some(parent) = spec.path.parent() {
            fault::point("log: make directory");
            fs::create_dir_all(parent)?;
        }
        let attrs = if spec.attrs.is_empty() {
            String::new()
        } else {
            format!("\"attrs\":{},", serde_json::to_string(&spec.attrs)?)
        };
        // Of a compressor that was cut short.
        fault::point("log: remove half a compressed file");
        let _ = fs::remove_file(Squeeze::unfinished(&spec.path));
        let mut log = FileLog {
            file: None,
            size_bytes: 0,
            written_bytes: 0,
            batch: Vec::new(),
            attrs,
            mark: Mark::default(),
            lost_bytes: 0,
            squeeze: None,
            spec,
        };
        log.begin()?;
        log.squeeze_next();
        Ok(log)
    }

    pub(super) fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    /// Whether a child compresses a rotated file.
    pub(super) fn is_squeezing(&self) -> bool {
        self.squeeze.is_some()
    }

    pub(super) fn add(&mut self, line: Line<'_>) {
        if self.spec.max_size_bytes > 0 && self.size_bytes >= self.spec.max_size_bytes {
            self.flush();
            self.rotate();
        }
        let before = self.batch.len();
        match self.spec.format {
            LogFormat::Json => self.add_json(line),
            LogFormat::Local => self.add_record(line),
        }
        self.size_bytes += (self.batch.len() - before) as u64;
        if self.batch.len() >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Writes what has been added.
    pub(super) fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        // After a failed rotation there is no file: try again with each batch.
        if self.file.is_none() {
            let _ = self.begin();
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.batch),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        if written.is_ok() {
            self.written_bytes += self.batch.len() as u64;
        } else {
            self.lost_bytes += self.batch.len() as u64;
            self.take_back();
        }
        self.batch.clear();
    }

    /// Gives memory back.
    pub(super) fn release(&mut self) {
        self.batch = Vec::new();
    }

    pub(super) fn reaped(&mut self, pid: i32, succeeded: bool) {
        if let Some(squeeze) = self.squeeze.take_if(|squeeze| squeeze.pid() == pid) {
            let done = squeeze.finish(&self.spec.path, self.spec.format, succeeded);
            // What could not be compressed stays as it is, and is tried again after the next rotation.
            if done.is_ok() {
                self.squeeze_next();
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.flush();
        if let Some(squeeze) = self.squeeze.take() {
            squeeze.cancel(&self.spec.path);
        }
    }

    fn add_json(&mut self, line: Line<'_>) {
        self.batch.extend_from_slice(b"{\"log\":\"");
        escape(line.text, &mut self.batch);
        if line.whole {
            self.batch.extend_from_slice(b"\\n");
        }
        self.batch.extend_from_slice(match line.stream {
            Stream::Stdout => b"\",\"stream\":\"stdout\",",
            Stream::Stderr => b"\",\"stream\":\"stderr\",",
        });
        self.batch.extend_from_slice(self.attrs.as_bytes());
        self.batch.extend_from_slice(b"\"time\":\"");
        self.batch.extend_from_slice(line.at.rfc3339.as_bytes());
        self.batch.extend_from_slice(b"\"}\n");
    }

    fn add_record(&mut self, line: Line<'_>) {
        if self.size_bytes >= self.mark.previous + MARK_EVERY {
            record::encode(&Record::Mark(self.mark), &mut self.batch);
            self.mark.previous = self.size_bytes;
        }
        let stderr = line.stream == Stream::Stderr;
        let record = Record::Line { stderr, partial: !line.whole, at_ns: line.at.ns, text: line.text };
        record::encode(&record, &mut self.batch);
        self.mark.lines += 1;
        self.mark.latest_ns = self.mark.latest_ns.max(line.at.ns);
    }

    /// Opens the current file, and makes good what a death in the middle of a write has left at its end.
    fn begin(&mut self) -> io::Result<()> {
        fault::point("log: open file");
        let mut file = open(&self.spec.path)?;
        self.size_bytes = file.metadata()?.len();
        self.mark = Mark::default();
        if self.size_bytes > 0 {
            match self.spec.format {
                LogFormat::Json => self.end_last_line(&mut file)?,
                LogFormat::Local => {
                    let mended = local::mend(&file)?;
                    (self.mark, self.size_bytes) = (mended.mark, mended.size_bytes);
                }
            }
        }
        self.written_bytes = self.size_bytes;
        self.file = Some(file);
        Ok(())
    }

    /// Half a line becomes a line of its own, which readers pass over.
    fn end_last_line(&mut self, file: &mut File) -> io::Result<()> {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            self.size_bytes += 1;
        }
        Ok(())
    }

    /// After half a batch: the file ends where the batch before ended. Shortening needs no room on the disk.
    fn take_back(&mut self) {
        if let Some(file) = self.file.take() {
            // What is no file of a disk cannot be shortened, nor has it anything to take back.
            let _ = file.set_len(self.written_bytes);
        }
        // Looks again at what is there: the batch may have held marks.
        let _ = self.begin();
    }

    /// Renames `log.1` to `log.2` and so on, `log` to `log.1`, and begins a new file. A death in between leaves a gap in
    /// the numbers, which readers skip and the next rotation closes.
    fn rotate(&mut self) {
        self.file = None;
        let last = self.spec.max_files.max(1) - 1;
        let path = &self.spec.path;
        let squeezed = self.spec.format.squeezed();
        fault::point("log: remove oldest file");
        if last == 0 {
            let _ = fs::remove_file(path);
        } else {
            if let Some(squeeze) = self.squeeze.take_if(|squeeze| squeeze.number() >= last) {
                squeeze.cancel(path);
            }
            // Of each number one of the two is missing.
            for suffix in ["", squeezed] {
                let _ = fs::remove_file(numbered(path, last, suffix));
            }
            fault::point("log: rename files");
            for number in (1..last).rev() {
                for suffix in ["", squeezed] {
                    let _ = fs::rename(numbered(path, number, suffix), numbered(path, number + 1, suffix));
                }
            }
            if let Some(squeeze) = &mut self.squeeze {
                squeeze.rotated();
            }
            // If it cannot be moved it goes on growing, and is tried again with the next line.
            let _ = fs::rename(path, numbered(path, 1, ""));
        }
        (self.size_bytes, self.written_bytes) = (0, 0);
        let _ = self.begin();
        self.squeeze_next();
    }

    /// Has the oldest rotated file compressed that is not, one at a time.
    fn squeeze_next(&mut self) {
        if !self.spec.compress || self.squeeze.is_some() {
            return;
        }
        let last = self.spec.max_files.max(1) - 1;
        let plain = (1..=last).rev().find(|number| numbered(&self.spec.path, *number, "").exists());
        if let Some(number) = plain {
            // Without it the file stays as it is.
            self.squeeze = Squeeze::start(&self.spec.path, self.spec.format, number).ok();
        }
    }
}

/// The name of a rotated file.
pub(super) fn numbered(path: &Path, number: u32, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(format!(".{number}{suffix}"));
    name.into()
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create(true).mode(0o640).custom_flags(libc::O_NOFOLLOW).open(path)
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::*;

    fn log(dir: &Path, max_size_bytes: u64, max_files: u32) -> FileLog {
        let path = dir.join("log");
        let (format, attrs) = (LogFormat::Json, Default::default());
        FileLog::open(LogFile { format, path, max_size_bytes, max_files, compress: false, attrs }).unwrap()
    }

    fn add(log: &mut FileLog, stream: Stream, text: &str, whole: bool) {
        let at = Moment { ns: 0, rfc3339: "T".into() };
        log.add(Line { stream, text: text.as_bytes(), whole, at: &at });
    }

    #[test]
    fn lines_are_dockers() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 0, 1);
        add(&mut log, Stream::Stdout, "a \"b\"", true);
        add(&mut log, Stream::Stderr, "half", false);
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
            add(&mut log, Stream::Stdout, &number.to_string(), true);
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
        add(&mut log, Stream::Stdout, "lost", true);
        log.flush();
        assert!(log.lost_bytes() > 0);
        add(&mut log, Stream::Stdout, "kept", true);
        log.flush();
        assert!(fs::read_to_string(dir.path().join("log")).unwrap().starts_with("{\"log\":\"kept"));
    }

    #[test]
    fn half_a_line_of_an_earlier_run_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("log"), "{\"log\":\"hal").unwrap();
        let mut log = log(dir.path(), 0, 1);
        add(&mut log, Stream::Stdout, "whole", true);
        log.flush();
        let text = fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(text.lines().nth(1).unwrap().starts_with("{\"log\":\"whole"), "{text}");
    }
}
