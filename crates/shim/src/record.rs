//! The records of the `local` log format, written by the shim and read by the engine. Pure.
//!
//! A record is a little-endian u32 length, a body, and the length again, so that a file can be walked from both ends. The body
//! is a byte of flags, the time (i64 nanoseconds since the epoch), and the text. After each [`MARK_EVERY`] bytes of lines
//! there is a mark in place of text: where the mark before is, how many lines the file has so far, and as its time the latest of
//! them all. From the last mark back, the place of any time or number of lines is found without reading the lines.
//!
//! A container influences texts only: nothing in them is ever searched for a boundary.

/// Bytes of lines between two marks.
pub const MARK_EVERY: u64 = 64 * 1024;
/// The longest body; a shim cuts output at 16 KiB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

const LENGTH_BYTES: usize = 4;
const HEAD_BYTES: usize = 9;
const MARK_BYTES: usize = 16;

const STDERR: u8 = 1;
const PARTIAL: u8 = 2;
const MARK: u8 = 4;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Output.
    Line {
        /// Of standard error, else of standard output.
        stderr: bool,
        /// More of the same line follows, or the end of the stream: no line end belongs to it.
        partial: bool,
        /// When, in nanoseconds since the epoch.
        at_ns: i64,
        /// Without its line end.
        text: &'a [u8],
    },
    /// A mark.
    Mark(Mark),
}

/// What a mark tells of the file up to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Offset of the mark before; 0 if this is the first.
    pub previous: u64,
    /// Lines in the file before this mark.
    pub lines: u64,
    /// The latest time of these.
    pub latest_ns: i64,
}

/// Appends a record.
pub fn encode(record: &Record<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    match record {
        Record::Line { stderr, partial, at_ns, text } => {
            out.push((u8::from(*stderr) * STDERR) | (u8::from(*partial) * PARTIAL));
            out.extend_from_slice(&at_ns.to_le_bytes());
            out.extend_from_slice(&text[..text.len().min(MAX_BODY_BYTES - HEAD_BYTES)]);
        }
        Record::Mark(mark) => {
            out.push(MARK);
            out.extend_from_slice(&mark.latest_ns.to_le_bytes());
            out.extend_from_slice(&mark.previous.to_le_bytes());
            out.extend_from_slice(&mark.lines.to_le_bytes());
        }
    }
    let length = ((out.len() - start - LENGTH_BYTES) as u32).to_le_bytes();
    out[start..start + LENGTH_BYTES].copy_from_slice(&length);
    out.extend_from_slice(&length);
}

/// The first record of `bytes`, and how long it is with its lengths. `None`: there is not all of it.
///
/// # Errors
/// What stands here is no record.
pub fn decode(bytes: &[u8]) -> Result<Option<(Record<'_>, usize)>, NotARecord> {
    let Some(head) = bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = checked(*head)?;
    let end = LENGTH_BYTES + length + LENGTH_BYTES;
    let Some(whole) = bytes.get(..end) else { return Ok(None) };
    if whole[LENGTH_BYTES + length..] != *head {
        return Err(NotARecord);
    }
    Ok(Some((body(&whole[LENGTH_BYTES..LENGTH_BYTES + length])?, end)))
}

/// The last record of `bytes`, and how long it is with its lengths. `None`: its beginning is not among them.
///
/// # Errors
/// What they end with is no record.
pub fn decode_last(bytes: &[u8]) -> Result<Option<(Record<'_>, usize)>, NotARecord> {
    let Some(tail) = bytes.last_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let all = LENGTH_BYTES + checked(*tail)? + LENGTH_BYTES;
    let Some(start) = bytes.len().checked_sub(all) else { return Ok(None) };
    match decode(&bytes[start..])? {
        Some((record, length)) if length == all => Ok(Some((record, all))),
        _ => Err(NotARecord),
    }
}

/// How many bytes a record can have with its lengths.
pub const MAX_RECORD_BYTES: usize = LENGTH_BYTES + MAX_BODY_BYTES + LENGTH_BYTES;

/// What stands there is no record: the file was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a log record")]
pub struct NotARecord;

fn checked(length: [u8; LENGTH_BYTES]) -> Result<usize, NotARecord> {
    let length = u32::from_le_bytes(length) as usize;
    if (HEAD_BYTES..=MAX_BODY_BYTES).contains(&length) { Ok(length) } else { Err(NotARecord) }
}

fn body(body: &[u8]) -> Result<Record<'_>, NotARecord> {
    let (flags, rest) = body.split_first().ok_or(NotARecord)?;
    let (time, text) = rest.split_first_chunk().ok_or(NotARecord)?;
    let at_ns = i64::from_le_bytes(*time);
    if flags & MARK == 0 {
        return Ok(Record::Line { stderr: flags & STDERR != 0, partial: flags & PARTIAL != 0, at_ns, text });
    }
    let numbers: &[u8; MARK_BYTES] = text.try_into().map_err(|_| NotARecord)?;
    let number = |at: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&numbers[at..at + 8]);
        u64::from_le_bytes(eight)
    };
    Ok(Record::Mark(Mark { previous: number(0), lines: number(8), latest_ns: at_ns }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_survives() {
        let mark = Mark { previous: 7, lines: u64::MAX, latest_ns: -5 };
        let mut bytes = Vec::new();
        encode(&Record::Mark(mark), &mut bytes);
        assert_eq!(decode(&bytes), Ok(Some((Record::Mark(mark), bytes.len()))));
    }

    proptest! {
        #[test]
        fn lines_are_found_from_both_ends(
            lines in prop::collection::vec((any::<bool>(), any::<bool>(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..50)), 1..20),
        ) {
            let records: Vec<_> = lines.iter()
                .map(|(stderr, partial, at_ns, text)| Record::Line { stderr: *stderr, partial: *partial, at_ns: *at_ns, text })
                .collect();
            let mut bytes = Vec::new();
            records.iter().for_each(|record| encode(record, &mut bytes));
            let mut rest = bytes.as_slice();
            for record in &records {
                let (found, length) = decode(rest).unwrap().unwrap();
                prop_assert_eq!(&found, record);
                rest = &rest[length..];
            }
            let mut rest = bytes.as_slice();
            for record in records.iter().rev() {
                let (found, length) = decode_last(rest).unwrap().unwrap();
                prop_assert_eq!(&found, record);
                rest = &rest[..rest.len() - length];
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
            let _ = decode_last(&bytes);
        }
    }
}
