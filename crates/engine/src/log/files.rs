//! The files of one log: the current one and those rotated away, plain or compressed.

use super::block::Blocks;
use flate2::read::MultiGzDecoder;
use shim::LogFormat;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How often the files are listed again because a rotation has renamed them meanwhile.
const ATTEMPTS: usize = 8;
/// The kernel's time of a change is a little older than the time that the writer read before it.
const CLOCK_SLACK_NS: i64 = 1_000_000_000;
/// What the comment of a compressed file's header begins with, as the shim writes it.
const INODE: &str = "inode ";

/// One file of a log, opened.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) source: Source,
    /// Inode it was written under, also before it was compressed.
    pub(super) inode: u64,
    /// Lines to be passed over.
    pub(super) skip: u64,
    /// Inode it has now. As long as it is open, nobody else gets it.
    own_inode: u64,
    /// Seconds and nanoseconds of its last change.
    changed: (i64, i64),
}

impl Part {
    /// Whether both are the same file, seen under two names because a rotation came between. The inode that a compressed
    /// file names may belong to another by now: that one was written after the compressed file was made.
    fn is_same(&self, other: &Part) -> bool {
        match (self.is_plain(), other.is_plain()) {
            (true, true) | (false, false) => self.own_inode == other.own_inode,
            (true, false) => self.inode == other.inode && self.changed <= other.changed,
            (false, true) => other.is_same(self),
        }
    }

    /// Whether every line of it is from before `since_ns`: nothing was written to it any more then.
    pub(super) fn is_older_than(&self, since_ns: i64) -> bool {
        let changed_ns = self.changed.0.saturating_mul(1_000_000_000).saturating_add(self.changed.1);
        changed_ns.saturating_add(CLOCK_SLACK_NS) < since_ns
    }

    fn is_plain(&self) -> bool {
        matches!(self.source, Source::Plain(_))
    }
}

/// Where the text or the records of a file come from.
#[derive(Debug)]
pub(super) enum Source {
    Plain(File),
    Gzip(Box<MultiGzDecoder<File>>),
    Blocks(Blocks),
}

impl Source {
    /// Reads on. A compressed file that is damaged ends where the damage begins.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Plain(file) => file.read(buffer),
            Source::Gzip(decoder) => Ok(decoder.read(buffer).unwrap_or(0)),
            Source::Blocks(blocks) => Ok(blocks.read(buffer)),
        }
    }
}

/// All files, oldest first; that there are none is no error. Opened from the newest on: a rotation meanwhile shows a file
/// twice, and one of the two is dropped.
pub(super) fn open_all(path: &Path, format: LogFormat) -> io::Result<VecDeque<Part>> {
    let mut names = list(path, format)?;
    for _ in 0..ATTEMPTS {
        let (parts, missing) = open_each(&names, format)?;
        let now = list(path, format)?;
        if !missing && now == names {
            return Ok(parts);
        }
        names = now;
    }
    Ok(open_each(&names, format)?.0)
}

fn open_each(names: &Names, format: LogFormat) -> io::Result<(VecDeque<Part>, bool)> {
    let mut parts: VecDeque<Part> = VecDeque::new();
    let mut missing = false;
    for (name, squeezed) in names.values() {
        match open(name, *squeezed, format) {
            Ok(Some(part)) if !parts.iter().any(|known| known.is_same(&part)) => parts.push_front(part),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing = true,
            Err(error) => return Err(error),
        }
    }
    Ok((parts, missing))
}

/// By number, the current file being 0: where it is, and whether it is compressed.
type Names = BTreeMap<u32, (PathBuf, bool)>;

fn list(path: &Path, format: LogFormat) -> io::Result<Names> {
    let mut names = Names::new();
    let (Some(dir), Some(base)) = (path.parent(), path.file_name()) else { return Ok(names) };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let name = entry?.file_name();
        let Some(rest) = name.as_bytes().strip_prefix(base.as_bytes()) else { continue };
        let Ok(rest) = std::str::from_utf8(rest) else { continue };
        let (number, squeezed) = match rest.strip_suffix(format.squeezed()) {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let number = match number.strip_prefix('.') {
            Some(digits) => digits.parse().ok().filter(|number| *number > 0),
            None => (number.is_empty() && !squeezed).then_some(0),
        };
        let Some(number) = number else { continue };
        // Of a file that has just been compressed both are there, and both are whole: the plain one is read faster.
        if !squeezed || !names.contains_key(&number) {
            names.insert(number, (dir.join(&name), squeezed));
        }
    }
    Ok(names)
}

/// Never waits and never follows a link: whoever restores a data root does not choose what is read. `None` for what is no
/// file.
fn open(name: &Path, squeezed: bool, format: LogFormat) -> io::Result<Option<Part>> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = match File::options().read(true).custom_flags(flags).open(name) {
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let (source, inode) = match (squeezed, format) {
        (false, _) => (Source::Plain(file), metadata.ino()),
        (true, LogFormat::Json) => {
            let decoder = MultiGzDecoder::new(file);
            let comment = decoder.header().and_then(|header| header.comment());
            let inode = comment
                .and_then(|comment| std::str::from_utf8(comment).ok()?.strip_prefix(INODE)?.parse().ok());
            (Source::Gzip(Box::new(decoder)), inode.unwrap_or(metadata.ino()))
        }
        (true, LogFormat::Local) => {
            let blocks = Blocks::new(file);
            let inode = blocks.inode().unwrap_or(metadata.ino());
            (Source::Blocks(blocks), inode)
        }
    };
    let changed = (metadata.mtime(), metadata.mtime_nsec());
    Ok(Some(Part { source, inode, skip: 0, own_inode: metadata.ino(), changed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel gives the inode of what was compressed and removed to the next file.
    #[test]
    fn an_inode_that_is_used_again_hides_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "new").unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        for number in [1, 2] {
            let file = File::create(format!("{}.{number}.gz", path.display())).unwrap();
            let mut gzip = flate2::GzBuilder::new()
                .comment(format!("{INODE}{inode}"))
                .write(file, flate2::Compression::fast());
            std::io::Write::write_all(&mut gzip, b"old").unwrap();
            gzip.finish().unwrap().set_modified(old).unwrap();
        }
        assert_eq!(open_all(&path, LogFormat::Json).unwrap().len(), 3);
        // The file that was compressed, seen before it was removed.
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert_eq!(open_all(&path, LogFormat::Json).unwrap().len(), 1);
    }

    #[test]
    fn only_files_of_the_log_are_found_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["log", "log.2", "log.10", "log.1.gz", "log.2.gz", "log.squeeze", "log.0", "logs", "log.x.gz"]
        {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("log.3")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("log.4"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let path = dir.path().join("log");
        let names: Vec<_> =
            list(&path, LogFormat::Json).unwrap().into_iter().map(|(n, (_, z))| (n, z)).collect();
        assert_eq!(names, [(0, false), (1, true), (2, false), (3, false), (4, false), (10, false)]);
        let parts = open_all(&path, LogFormat::Json).unwrap();
        let texts: Vec<String> = parts
            .into_iter()
            .filter_map(|part| match part.source {
                Source::Plain(mut file) => {
                    let mut text = String::new();
                    file.read_to_string(&mut text).unwrap();
                    Some(text)
                }
                _ => None,
            })
            .collect();
        assert_eq!(texts, ["log.10", "log.2", "log"]);
    }
}
