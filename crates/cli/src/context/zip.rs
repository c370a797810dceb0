//! The files in a zip archive. Pure.
//!
//! Reads the directory at the archive's end; knows stored and deflated files, which is what archives of contexts have.

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::archive::{MAX_BYTES, MAX_ENTRIES};
use crate::error::Error;

/// The record at the end: its mark, its length, and how far from the end it may begin (its comment is at most 64 KiB).
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const MAX_COMMENT: usize = 65_535;
/// The marks and lengths of an entry of the directory and of the header before a file's bytes.
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;

/// Names and contents of the files.
pub(super) fn files(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    read(archive).ok_or_else(|| {
        Error::Usage("the zip archive is damaged, too large, or of an unknown kind".to_owned())
    })
}

fn read(archive: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let from = archive.len().saturating_sub(END_LENGTH + MAX_COMMENT);
    let end = from + archive[from..].windows(END.len()).rposition(|window| window == END)?;
    let count = usize::from(short(archive, end + 10)?);
    let mut at = long(archive, end + 16)?;
    if count > MAX_ENTRIES {
        return None;
    }
    let mut files = Vec::new();
    let mut left = MAX_BYTES;
    for _ in 0..count {
        archive.get(at..)?.strip_prefix(ENTRY)?;
        let method = short(archive, at + 10)?;
        let packed = long(archive, at + 20)?;
        let lengths = [28, 30, 32].map(|offset| short(archive, at + offset).map(usize::from));
        let [name, extra, comment] = [lengths[0]?, lengths[1]?, lengths[2]?];
        let place = long(archive, at + 42)?;
        let path = String::from_utf8(archive.get(at + ENTRY_LENGTH..)?.get(..name)?.to_vec()).ok()?;
        at += ENTRY_LENGTH + name + extra + comment;
        if path.ends_with('/') {
            continue;
        }
        let content = content(archive, place, packed, method, left)?;
        left -= content.len() as u64;
        files.push((path, content));
    }
    Some(files)
}

/// The file whose header is at `place`, if it is not longer than `limit`.
fn content(archive: &[u8], place: usize, packed: usize, method: u16, limit: u64) -> Option<Vec<u8>> {
    archive.get(place..)?.strip_prefix(LOCAL)?;
    let skip = usize::from(short(archive, place + 26)?) + usize::from(short(archive, place + 28)?);
    let bytes = archive.get(place + LOCAL_LENGTH + skip..)?.get(..packed)?;
    let mut content = Vec::new();
    match method {
        0 => content.extend_from_slice(bytes),
        8 => {
            DeflateDecoder::new(bytes).take(limit + 1).read_to_end(&mut content).ok()?;
        }
        _ => return None,
    }
    (content.len() as u64 <= limit).then_some(content)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()
}
