//! Writing a tar stream: ustar headers, with POSIX extended headers for what does not fit in them.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::{Entry, Kind};

const BLOCK: u64 = 512;
/// Bytes of zeros that end an archive.
const END: [u8; 1024] = [0; 1024];
/// Longest name and link that a header holds.
const FIELD: usize = 100;
/// Largest size and owner that a header holds in octal digits.
const MAX_SIZE: u64 = 0o777_7777_7777;
const MAX_OWNER: u32 = 0o777_7777;

/// An archive being written.
#[derive(Debug)]
pub struct TarWriter<W> {
    output: W,
    /// Data of the current entry that is still owed, and the padding after it.
    owed: u64,
    padding: u64,
}

impl<W: Write> TarWriter<W> {
    /// Begins an archive.
    pub fn new(output: W) -> TarWriter<W> {
        TarWriter { output, owed: 0, padding: 0 }
    }

    /// Begins an entry. `size` bytes of data are owed for a file, none for anything else.
    ///
    /// # Errors
    /// If the output fails.
    pub fn entry(&mut self, entry: &Entry, size: u64) -> io::Result<()> {
        self.close()?;
        let size = if entry.kind == Kind::File { size } else { 0 };
        self.output.write_all(&tar_head(entry, size)?)?;
        self.owed = size;
        self.padding = tar_padding(size) as u64;
        Ok(())
    }

    /// Writes data of the current entry: what is more than was announced is cut off.
    ///
    /// # Errors
    /// If the output fails.
    pub fn data(&mut self, data: &[u8]) -> io::Result<()> {
        let taken = data.len().min(usize::try_from(self.owed).unwrap_or(usize::MAX));
        self.output.write_all(&data[..taken])?;
        self.owed -= taken as u64;
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// If the output fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.close()?;
        self.output.write_all(&END)?;
        self.output.flush()?;
        Ok(self.output)
    }

    /// A file that became shorter while it was read ends in zeros.
    fn close(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.owed) + std::mem::take(&mut self.padding);
        io::copy(&mut io::Read::take(io::repeat(0), rest), &mut self.output).map(drop)
    }
}

/// All that stands before the data of an entry.
pub(crate) fn tar_head(entry: &Entry, size: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(BLOCK as usize);
    let records = extended(entry, size);
    if !records.is_empty() {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(records.len() as u64);
        header.set_mode(0o644);
        put(&mut header.as_old_mut().name, b"PaxHeaders/entry");
        header.set_cksum();
        head.extend_from_slice(header.as_bytes());
        head.extend_from_slice(&records);
        head.resize(head.len() + tar_padding(records.len() as u64), 0);
    }
    head.extend_from_slice(header(entry, size)?.as_bytes());
    Ok(head)
}

/// Zeros that stand behind so many bytes of data.
pub(crate) fn tar_padding(size: u64) -> usize {
    ((BLOCK - size % BLOCK) % BLOCK) as usize
}

fn header(entry: &Entry, size: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    let (kind, link, device) = match &entry.kind {
        Kind::File => (EntryType::Regular, None, None),
        Kind::Directory => (EntryType::Directory, None, None),
        Kind::Symlink(target) => (EntryType::Symlink, Some(target), None),
        Kind::Hardlink(target) => (EntryType::Link, Some(target), None),
        Kind::CharDevice(major, minor) => (EntryType::Char, None, Some((*major, *minor))),
        Kind::BlockDevice(major, minor) => (EntryType::Block, None, Some((*major, *minor))),
        Kind::Fifo => (EntryType::Fifo, None, None),
    };
    header.set_entry_type(kind);
    put(&mut header.as_old_mut().name, &entry.path);
    if let Some(target) = link {
        put(&mut header.as_old_mut().linkname, target);
    }
    if let Some((major, minor)) = device {
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
    }
    header.set_mode(entry.mode & 0o7777);
    header.set_uid(u64::from(entry.uid.min(MAX_OWNER)));
    header.set_gid(u64::from(entry.gid.min(MAX_OWNER)));
    header.set_size(size.min(MAX_SIZE));
    header.set_mtime(u64::try_from(entry.mtime.0).unwrap_or(0).min(MAX_SIZE));
    header.set_cksum();
    Ok(header)
}

/// As much as fits; the whole is in the extended header then.
fn put(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// The records of the extended header; empty if the plain one says it all.
fn extended(entry: &Entry, size: u64) -> Vec<u8> {
    let mut records = Vec::new();
    if entry.path.len() > FIELD {
        record(&mut records, b"path", &entry.path);
    }
    if let Kind::Symlink(target) | Kind::Hardlink(target) = &entry.kind
        && target.len() > FIELD
    {
        record(&mut records, b"linkpath", target);
    }
    for (key, id) in [(b"uid", entry.uid), (b"gid", entry.gid)] {
        if id > MAX_OWNER {
            record(&mut records, key, id.to_string().as_bytes());
        }
    }
    if size > MAX_SIZE {
        record(&mut records, b"size", size.to_string().as_bytes());
    }
    if !u64::try_from(entry.mtime.0).is_ok_and(|seconds| seconds <= MAX_SIZE) {
        record(&mut records, b"mtime", entry.mtime.0.to_string().as_bytes());
    }
    for (name, value) in &entry.xattrs {
        record(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    records
}

/// `length key=value\n`, where the length counts its own digits.
fn record(to: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    to.extend_from_slice(length.to_string().as_bytes());
    to.push(b' ');
    to.extend_from_slice(key);
    to.push(b'=');
    to.extend_from_slice(value);
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::archive::TarReader;

    fn plain(path: &[u8], kind: Kind) -> Entry {
        Entry { path: path.to_vec(), kind, mode: 0o644, uid: 0, gid: 0, mtime: (1, 0), xattrs: Vec::new() }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_spoils_nothing_else() {
        let mut writer = TarWriter::new(Vec::new());
        writer.entry(&plain(b"short", Kind::File), 5).unwrap();
        writer.data(b"ab").unwrap();
        writer.entry(&plain(b"long", Kind::File), 3).unwrap();
        writer.data(b"abcdef").unwrap();
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes.len() % 512, 0);
        let mut reader = TarReader::new(&bytes[..]);
        let mut contents = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            let mut buffer = [0; 16];
            let mut all = Vec::new();
            loop {
                let read = reader.read_data(&mut buffer).unwrap();
                if read == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..read]);
            }
            contents.push((entry.path, all));
        }
        assert_eq!(
            contents,
            [(b"short".to_vec(), b"ab\0\0\0".to_vec()), (b"long".to_vec(), b"abc".to_vec())]
        );
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let name =
            || prop::collection::vec(1..=255u8, 1..200).prop_map(|name| [b"n", &name[..], b"e"].concat());
        let kind = prop_oneof![
            Just(Kind::File),
            Just(Kind::Directory),
            name().prop_map(Kind::Symlink),
            name().prop_map(Kind::Hardlink),
            (0..4096u32, 0..65536u32).prop_map(|(major, minor)| Kind::CharDevice(major, minor)),
            Just(Kind::Fifo),
        ];
        let xattrs = prop::collection::vec(
            (Just(b"user.x".to_vec()), prop::collection::vec(any::<u8>(), 0..300)),
            0..2,
        );
        (name(), kind, 0..0o10000u32, 0..u32::MAX, 0..u32::MAX, -9_000_000_000i64..9_000_000_000, xattrs)
            .prop_map(|(path, kind, mode, uid, gid, mtime, xattrs)| Entry {
                path,
                kind,
                mode,
                uid,
                gid,
                mtime: (mtime, 0),
                xattrs,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(list in prop::collection::vec((entries(), 0..2000u64), 1..5)) {
            let mut writer = TarWriter::new(Vec::new());
            for (entry, size) in &list {
                writer.entry(entry, *size).unwrap();
                writer.data(&vec![7; *size as usize]).unwrap();
            }
            let bytes = writer.finish().unwrap();
            let mut reader = TarReader::new(&bytes[..]);
            for (entry, _) in &list {
                let read = reader.next().unwrap().unwrap();
                prop_assert_eq!(&read.kind, &entry.kind);
                prop_assert_eq!((&read.path, read.mode, read.uid, read.gid), (&entry.path, entry.mode, entry.uid, entry.gid));
                prop_assert_eq!((read.mtime, &read.xattrs), (entry.mtime, &entry.xattrs));
            }
            prop_assert!(reader.next().unwrap().is_none());
        }
    }
}
