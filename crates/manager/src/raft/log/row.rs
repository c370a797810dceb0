//! A row of the log's table: an entry, sealed where it belongs.

use std::io;

use crate::seal::{Forged, Keyring};

/// The format of a row; today's only one. Rows from before there was one begin with another byte.
const FORMAT: u8 = 1;
/// What precedes the sealed bytes: the format, the id of the key, the entry's term.
const HEADER_BYTES: usize = 1 + 8 + 8;

/// Seals the encoded entry of this index and term.
pub(super) fn seal(keyring: &Keyring, index: u64, term: u64, entry: &[u8]) -> io::Result<Vec<u8>> {
    let (id, key) = keyring.newest(1);
    let mut row = Vec::with_capacity(HEADER_BYTES + entry.len() + 32);
    row.push(FORMAT);
    row.extend_from_slice(&id.to_be_bytes());
    row.extend_from_slice(&term.to_be_bytes());
    let sealed = key.seal(&context(index, &row), entry)?;
    row.extend_from_slice(&sealed);
    Ok(row)
}

/// The encoded entry of the row at this index.
pub(super) fn open(keyring: &Keyring, index: u64, row: &[u8]) -> io::Result<Vec<u8>> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    if let Some(format) = row.first().filter(|format| **format != FORMAT) {
        return Err(invalid(format!("it has format {format}, this version knows {FORMAT}")));
    }
    let id = key_id(row).ok_or(Forged)?;
    let key = keyring
        .key(id)
        .ok_or_else(|| invalid(format!("it is sealed under key {id}, which is not among ours")))?;
    let (header, sealed) = row.split_at_checked(HEADER_BYTES).ok_or(Forged)?;
    Ok(key.open(&context(index, header), sealed)?)
}

/// Under which key a row is sealed.
pub(super) fn key_id(row: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*row.get(1..)?.first_chunk()?))
}

/// What a row is: an entry of the log with this header, in this place.
fn context(index: u64, header: &[u8]) -> Vec<u8> {
    let mut context = b"shoal raft entry".to_vec();
    context.extend_from_slice(&index.to_be_bytes());
    context.extend_from_slice(header);
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_in_its_place_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let keyring = Keyring::create(directory.path()).expect("makes keys");
        let row = seal(&keyring, 7, 3, b"entry").expect("seals");
        assert_eq!(open(&keyring, 7, &row).expect("opens"), b"entry");
        assert!(open(&keyring, 8, &row).is_err());
        for place in 0..row.len() {
            let mut changed = row.clone();
            changed[place] ^= 1;
            assert!(open(&keyring, 7, &changed).is_err(), "byte {place}");
            assert!(open(&keyring, 7, &row[..place]).is_err(), "cut at {place}");
        }
    }
}
