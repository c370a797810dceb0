//! Reading a tar stream entry by entry, with bounded memory whatever the stream says.
//!
//! Inputs: any `BufRead`. Outputs: [`Entry`] values and their data. Fields of headers are decoded by the tar crate; the walk
//! from header to header is ours, since extended headers are read into memory and must be bounded.
//! Formats: ustar, POSIX extended headers, GNU long names. Sparse files are refused.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use tar::{EntryType, Header};

use super::{Chunks, pax::Extended};
use crate::{Error, Result};

const BLOCK: usize = 512;
/// Largest extended header or long name, in bytes.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// Most entries of one archive.
const MAX_ENTRIES: u64 = 2_000_000;

/// What an entry makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Target, any bytes.
    Symlink(Vec<u8>),
    /// Name of an entry of the same archive.
    Hardlink(Vec<u8>),
    /// Major and minor number.
    CharDevice(u32, u32),
    /// Major and minor number.
    BlockDevice(u32, u32),
    /// A named pipe.
    Fifo,
}

/// One entry, without its data.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name as the archive has it, any bytes.
    pub path: Vec<u8>,
    /// What it makes.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds and nanoseconds since the epoch.
    pub mtime: (i64, u32),
    /// Extended attributes: name and value.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A tar stream being read.
#[derive(Debug)]
pub(crate) struct TarReader<R> {
    input: R,
    /// Data of the current entry that was not read yet, and the padding after it.
    unread: u64,
    padding: u64,
    entries: u64,
}

impl<R: BufRead> TarReader<R> {
    pub(crate) fn new(input: R) -> TarReader<R> {
        TarReader { input, unread: 0, padding: 0, entries: 0 }
    }

    /// The next entry; what was not read of the last one is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        // Which header wins is as in Go's archive/tar: another reading of the same bytes would be another image.
        let (mut extended, mut long_name, mut long_link) = (Extended::default(), None, None);
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(broken(format!("more than {MAX_ENTRIES} entries")));
            }
            let size = number(&header.as_old().size, header.entry_size())?;
            match header.entry_type() {
                EntryType::XHeader => {
                    extended = Extended::default();
                    extended.read(&self.extension(size)?)?;
                }
                EntryType::XGlobalHeader => {
                    drop(self.extension(size)?);
                    (extended, long_name, long_link) = (Extended::default(), None, None);
                }
                EntryType::GNULongName => long_name = until_zero(self.extension(size)?),
                EntryType::GNULongLink => long_link = until_zero(self.extension(size)?),
                _ => {
                    extended.path = long_name.or(extended.path);
                    extended.link = long_link.or(extended.link);
                    return self.entry(&header, size, extended).map(Some);
                }
            }
        }
    }

    /// Bytes that are left of the current entry.
    pub(crate) fn left(&self) -> u64 {
        self.unread
    }

    /// Reads data of the current entry; 0 at its end.
    pub(crate) fn read_data(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.data()?.read(buffer).map_err(Error::Input)?;
        self.consume_data(read);
        Ok(read)
    }

    /// Data of the current entry as it lies in the input's buffer; empty at its end.
    pub(crate) fn data(&mut self) -> Result<&[u8]> {
        if self.unread == 0 {
            return Ok(&[]);
        }
        let data = fill(&mut self.input)?;
        if data.is_empty() {
            return Err(truncated());
        }
        Ok(&data[..data.len().min(usize::try_from(self.unread).unwrap_or(usize::MAX))])
    }

    /// Marks so much of what [`data`](Self::data) gave as read.
    pub(crate) fn consume_data(&mut self, bytes: usize) {
        self.input.consume(bytes);
        self.unread -= bytes as u64;
    }

    /// Reads to the end of the stream, so that a checksum at its end is checked and whoever writes it is done.
    pub(crate) fn drain(&mut self) -> Result<()> {
        loop {
            let rest = fill(&mut self.input)?.len();
            if rest == 0 {
                return Ok(());
            }
            self.input.consume(rest);
        }
    }

    fn entry(&mut self, header: &Header, size: u64, extended: Extended) -> Result<Entry> {
        let old = header.as_old();
        let field = |e: io::Error| broken(e.to_string());
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = || extended.link.clone().or_else(|| header.link_name_bytes().map(|l| l.into_owned()));
        let device = || -> Result<(u32, u32)> {
            let number = |n: io::Result<Option<u32>>| n.map_err(field).map(|n| n.unwrap_or(0));
            Ok((number(header.device_major())?, number(header.device_minor())?))
        };
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if path.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link().unwrap_or_default()),
            EntryType::Link => Kind::Hardlink(link().unwrap_or_default()),
            EntryType::Char => device().map(|(major, minor)| Kind::CharDevice(major, minor))?,
            EntryType::Block => device().map(|(major, minor)| Kind::BlockDevice(major, minor))?,
            EntryType::Fifo => Kind::Fifo,
            EntryType::GNUSparse => return Err(broken("sparse files are not supported".to_owned())),
            other => {
                return Err(broken(format!("unknown type {:?} of an entry", char::from(other.as_byte()))));
            }
        };
        let is_file_type = matches!(header.entry_type(), EntryType::Regular | EntryType::Continuous);
        if is_file_type && kind == Kind::Directory && extended.size.unwrap_or(size) > 0 {
            // Some readers take it for a file and skip the data, others read the data as entries.
            return Err(broken("a directory has data".to_owned()));
        }
        // Only files carry data; some writers leave a size in the headers of directories and links.
        let size = if kind == Kind::File { extended.size.unwrap_or(size) } else { 0 };
        self.expect(size);
        let mtime = match extended.mtime {
            Some(mtime) => mtime,
            None => (i64::try_from(number(&old.mtime, header.mtime())?).unwrap_or(0), 0),
        };
        Ok(Entry {
            path,
            kind,
            mode: number(&old.mode, header.mode())? & 0o7777,
            uid: owner(extended.uid.map_or_else(|| number(&old.uid, header.uid()), Ok)?)?,
            gid: owner(extended.gid.map_or_else(|| number(&old.gid, header.gid()), Ok)?)?,
            mtime,
            xattrs: extended.xattrs,
        })
    }

    /// The next header; none at the two blocks of zeros that end an archive.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        if !self.read_block(&mut block)? {
            // Some writers leave out the end mark; an archive without any entry is something else than an archive.
            return if self.entries > 0 { Ok(None) } else { Err(truncated()) };
        }
        if block.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block);
        let announced = header.cksum().map_err(|e| broken(e.to_string()))?;
        // The sum over the header with blanks in place of the sum itself.
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
            .sum();
        if sum != announced {
            return Err(broken("a header's checksum is wrong, or this is no tar archive".to_owned()));
        }
        Ok(Some(header.clone()))
    }

    /// False at the end of the stream.
    fn read_block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(truncated()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Input(error)),
            }
        }
        Ok(true)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > MAX_EXTENSION_BYTES {
            return Err(Error::TooLarge {
                what: "extended header of an archive".to_owned(),
                limit: MAX_EXTENSION_BYTES,
            });
        }
        self.expect(size);
        let mut data = vec![0; size as usize];
        let mut filled = 0;
        while filled < data.len() {
            filled += self.read_data(&mut data[filled..])?;
        }
        Ok(data)
    }

    fn expect(&mut self, size: u64) {
        self.unread = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> Result<()> {
        let mut left = self.unread.saturating_add(std::mem::take(&mut self.padding));
        self.unread = 0;
        while left > 0 {
            let there = fill(&mut self.input)?.len();
            if there == 0 {
                return Err(truncated());
            }
            let skipped = there.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.input.consume(skipped);
            left -= skipped as u64;
        }
        Ok(())
    }
}

impl TarReader<Chunks> {
    /// Data of the current entry as it came, not copied; empty at its end.
    pub(crate) fn chunk(&mut self) -> Result<Bytes> {
        let most = usize::try_from(self.unread).unwrap_or(usize::MAX);
        if most == 0 {
            return Ok(Bytes::new());
        }
        let chunk = self.input.take_bytes(most).map_err(Error::Input)?;
        self.unread -= chunk.len() as u64;
        if chunk.is_empty() { Err(truncated()) } else { Ok(chunk) }
    }

    /// The beginning of what is left of the current entry, at most `bytes` of it.
    pub(crate) fn peek(&mut self, bytes: usize) -> Result<&[u8]> {
        let least = bytes.min(usize::try_from(self.unread).unwrap_or(usize::MAX));
        let there = self.input.peek(least).map_err(Error::Input)?;
        Ok(&there[..there.len().min(least)])
    }
}

/// What is buffered of the input; empty at its end.
fn fill(input: &mut impl BufRead) -> Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Input(error)),
            Ok(_) => break,
        }
    }
    input.fill_buf().map_err(Error::Input)
}

/// A number of a header; a field that is left blank is zero, as other readers have it.
fn number<T: Default>(field: &[u8], read: io::Result<T>) -> Result<T> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Ok(T::default());
    }
    read.map_err(|error| broken(error.to_string()))
}

/// The highest number means "leave it" to chown, so it is no owner.
fn owner(id: u64) -> Result<u32> {
    u32::try_from(id)
        .ok()
        .filter(|id| *id != u32::MAX)
        .ok_or_else(|| broken(format!("{id} is no user or group")))
}

/// None if it is empty: the header's own name counts then.
fn until_zero(mut name: Vec<u8>) -> Option<Vec<u8>> {
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    name.truncate(end);
    Some(name).filter(|name| !name.is_empty())
}

fn broken(words: String) -> Error {
    Error::Archive(words)
}

fn truncated() -> Error {
    Error::Archive("unexpected end of the archive".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_numbers_are_zero() {
        let mut header = Header::new_ustar();
        header.set_path("file").unwrap();
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.resize(archive.len() + 2 * BLOCK, 0);
        let mut reader = TarReader::new(archive.as_slice());
        let entry = reader.next().unwrap().unwrap();
        assert_eq!((entry.uid, entry.gid, entry.mode, entry.mtime), (0, 0, 0, (0, 0)));
        assert!(reader.next().unwrap().is_none());
    }
}
