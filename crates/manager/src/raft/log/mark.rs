//! The mark: which write was the last to be acknowledged, beside the log.
//!
//! A log that was torn or damaged may open as an earlier one. Whether it has lost only what nobody was ever told of, it cannot tell
//! by itself; the mark can. It is written after each commit and before the answers. It is not synced then: it survives the death of
//! the process, and after a loss of power it is at most some seconds old, never too new.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"shoalmrk";
const FORMAT: u32 = 1;
/// Magic, format, two numbers, digest.
const BYTES: usize = 8 + 4 + 16 + 32;

/// What was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// The number of the write.
    pub(super) sequence: u64,
    /// The last entry that the log had then.
    pub(super) last: u64,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// Opens the mark, or makes one; what it says, if it was there.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Acknowledged>)> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = [0; BYTES];
        let said = match opened.metadata()?.len() {
            0 => None,
            _ => {
                opened.read_exact_at(&mut bytes, 0).map_err(|_| damaged())?;
                Some(decode(&bytes)?)
            }
        };
        Ok((Self(opened), said))
    }

    /// Notes what has just been committed.
    pub(super) fn note(&self, acknowledged: Acknowledged) -> io::Result<()> {
        self.0.write_all_at(&encode(acknowledged), 0)
    }

    /// Brings it to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

fn encode(acknowledged: Acknowledged) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    bytes[12..20].copy_from_slice(&acknowledged.sequence.to_be_bytes());
    bytes[20..28].copy_from_slice(&acknowledged.last.to_be_bytes());
    let digest = Sha256::digest(&bytes[..28]);
    bytes[28..].copy_from_slice(&digest);
    bytes
}

fn decode(bytes: &[u8; BYTES]) -> io::Result<Acknowledged> {
    let number = |from: usize| bytes[from..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let format = bytes[8..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    if bytes[..8] == *MAGIC && format > FORMAT {
        let text = format!("it has format {format}, this version knows {FORMAT}: a newer one wrote it");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    if bytes[..8] != *MAGIC || bytes[28..] != *Sha256::digest(&bytes[..28]) {
        return Err(damaged());
    }
    Ok(Acknowledged { sequence: number(12), last: number(20) })
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_or_is_refused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("mark");
        let (mark, said) = Mark::open(&path).expect("opens");
        assert_eq!(said, None);
        let noted = Acknowledged { sequence: 300, last: 299 };
        mark.note(noted).expect("writes");
        assert_eq!(Mark::open(&path).expect("opens").1, Some(noted));
        let whole = std::fs::read(&path).expect("reads");
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&path, &changed).expect("writes");
            assert!(Mark::open(&path).is_err(), "byte {place}");
            if place > 0 {
                std::fs::write(&path, &whole[..place]).expect("writes");
                assert!(Mark::open(&path).is_err(), "cut at {place}");
            }
        }
    }
}
