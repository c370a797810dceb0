//! What a file of records tells whoever goes on writing it: its last mark, and where its whole records end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ::shim::record::{self, MARK_EVERY, MAX_RECORD_BYTES, Mark, Record};

/// A file to be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mended {
    /// What the next mark will say.
    pub(super) mark: Mark,
    /// The file's size now.
    pub(super) size_bytes: u64,
}

/// Cuts half a record off the file's end, as a death in the middle of a write leaves it.
pub(super) fn mend(file: &File) -> io::Result<Mended> {
    let size_bytes = file.metadata()?.len();
    if let Some(mark) = from_end(file, size_bytes)? {
        return Ok(Mended { mark, size_bytes });
    }
    let mended = from_start(file)?;
    if mended.size_bytes < size_bytes {
        fault::point("log: cut off half a record");
        file.set_len(mended.size_bytes)?;
    }
    Ok(mended)
}

/// From the end back to the last mark; `None` if that is not possible.
fn from_end(file: &File, size_bytes: u64) -> io::Result<Option<Mark>> {
    let read = size_bytes.min(MARK_EVERY + 2 * MAX_RECORD_BYTES as u64);
    let start = size_bytes - read;
    let mut tail = vec![0; read as usize];
    file.read_exact_at(&mut tail, start)?;
    let mut rest = tail.as_slice();
    let mut mark = Mark::default();
    while !rest.is_empty() {
        let Ok(Some((record, length))) = record::decode_last(rest) else { return Ok(None) };
        rest = &rest[..rest.len() - length];
        match record {
            Record::Line { at_ns, .. } => count(&mut mark, at_ns),
            Record::Mark(last) => {
                let latest_ns = mark.latest_ns.max(last.latest_ns);
                let previous = start + rest.len() as u64;
                return Ok(Some(Mark { previous, lines: mark.lines + last.lines, latest_ns }));
            }
        }
    }
    Ok((start == 0).then_some(mark))
}

/// All of the file, as far as it is one.
fn from_start(file: &File) -> io::Result<Mended> {
    let mut mended = Mended { mark: Mark::default(), size_bytes: 0 };
    let mut block = vec![0; 2 * MAX_RECORD_BYTES];
    loop {
        let read = file.read_at(&mut block, mended.size_bytes)?;
        let mut rest = &block[..read];
        let before = mended.size_bytes;
        while let Ok(Some((record, length))) = record::decode(rest) {
            match record {
                Record::Mark(_) => mended.mark.previous = mended.size_bytes,
                Record::Line { at_ns, .. } => count(&mut mended.mark, at_ns),
            }
            rest = &rest[length..];
            mended.size_bytes += length as u64;
        }
        // A block has room for a whole record: none here means none follows.
        if mended.size_bytes == before {
            return Ok(mended);
        }
    }
}

fn count(mark: &mut Mark, at_ns: i64) {
    mark.lines += 1;
    mark.latest_ns = mark.latest_ns.max(at_ns);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(from: i64, to: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for at_ns in from..to {
            let record = Record::Line { stderr: false, partial: false, at_ns, text: b"text" };
            record::encode(&record, &mut bytes);
        }
        bytes
    }

    #[test]
    fn both_ways_agree_and_half_a_record_is_cut_off() {
        let mut file = tempfile::tempfile().unwrap();
        let first = lines(0, 5);
        let second = lines(5, 9);
        let mut mark = Vec::new();
        record::encode(&Record::Mark(Mark { previous: 0, lines: 5, latest_ns: 4 }), &mut mark);
        file.write_all(&[first.as_slice(), &mark, &second].concat()).unwrap();
        let size_bytes = file.metadata().unwrap().len();
        let whole =
            Mended { mark: Mark { previous: first.len() as u64, lines: 9, latest_ns: 8 }, size_bytes };
        assert_eq!(mend(&file).unwrap(), whole);
        assert_eq!(from_start(&file).unwrap(), whole);
        file.write_all(&lines(9, 10)[..7]).unwrap();
        assert_eq!(mend(&file).unwrap(), whole);
        assert_eq!(file.metadata().unwrap().len(), size_bytes);
    }
}
