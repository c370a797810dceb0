//! One snapshot file: a header, then the records as a sealed stream.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Sink;
use super::record::{read_meta, read_records};
use crate::raft::types::SnapshotMeta;
use crate::seal::{Key, Keyring, SealedReader, SealedWriter, random};
use crate::store::State;

const MAGIC: &[u8; 8] = b"shoalsnp";
/// The version of the format. The one before, without magic and header, lay open.
const FORMAT: u32 = 1;
/// Magic, format, id of the key, and a number that no other stream has.
const HEADER_BYTES: usize = 8 + 4 + 8 + 16;

/// An open snapshot. It stays readable when a newer one takes its place.
#[derive(Debug)]
pub(crate) struct SnapshotFile {
    file: File,
    path: PathBuf,
    keyring: Arc<Keyring>,
    /// The file is removed with this handle.
    temporary: bool,
}

impl SnapshotFile {
    /// Opens this file, if it is there.
    pub(super) fn open(path: PathBuf, keyring: Arc<Keyring>) -> io::Result<Option<Self>> {
        match File::open(&path) {
            Ok(file) => Ok(Some(Self { file, path, keyring, temporary: false })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the file go with this handle.
    pub(super) fn temporary(mut self) -> Self {
        self.temporary = true;
        self
    }

    /// The records, open, from the first.
    fn plain(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        let mut header = [0; HEADER_BYTES];
        let from = |offset| BufReader::new(At { file: &self.file, offset });
        let read = from(0).read_exact(&mut header);
        if read.is_err() || header[..8] != *MAGIC {
            return Ok(Box::new(from(0)));
        }
        let Header { format, key_id } = Header::of(&header);
        if format != FORMAT {
            return Err(self.failed(&invalid(format!("it has format {format}, this version knows {FORMAT}"))));
        }
        let key = self.keyring.key(key_id).ok_or_else(|| {
            self.failed(&invalid(format!("it is sealed under key {key_id}, which is not among ours")))
        })?;
        Ok(Box::new(SealedReader::new(from(HEADER_BYTES as u64), key, context(&header))))
    }

    /// What it is of, without its objects.
    pub(crate) fn read_meta(&self) -> io::Result<SnapshotMeta> {
        read_meta(self.plain()?).map_err(|error| self.failed(&error))
    }

    /// Reads it whole and checks it.
    pub(crate) fn read(&self) -> io::Result<(SnapshotMeta, State)> {
        read_records(self.plain()?).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("snapshot {}: {error}", self.path.display()))
    }
}

impl Drop for SnapshotFile {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "a snapshot from elsewhere stays until the next start");
        }
    }
}

/// Begins a file, for root alone; the key it is sealed under, and the writer of its records.
pub(super) fn create(path: &Path, keyring: &Keyring) -> io::Result<(Arc<Key>, Sink)> {
    let (key_id, key) = keyring.newest(1);
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    header[12..20].copy_from_slice(&key_id.to_be_bytes());
    header[20..].copy_from_slice(&random::<16>()?);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut file = BufWriter::new(file);
    file.write_all(&header)?;
    Ok((key.clone(), SealedWriter::new(file, key, context(&header))))
}

/// Under which key a file is sealed; none, if there is no such file.
pub(super) fn key_id(path: &Path) -> io::Result<Option<u64>> {
    let mut header = [0; HEADER_BYTES];
    match File::open(path).and_then(|mut file| file.read_exact(&mut header)) {
        Ok(()) => Ok(Some(Header::of(&header).key_id)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Header {
    format: u32,
    key_id: u64,
}

impl Header {
    fn of(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self {
            format: bytes[8..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)),
            key_id: bytes[12..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)),
        }
    }
}

fn context(header: &[u8; HEADER_BYTES]) -> Vec<u8> {
    [b"shoal raft snapshot".as_slice(), header].concat()
}

/// Reads a file from a place of its own: several may read it at once.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
