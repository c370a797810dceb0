//! Finds places in a plain file of the `local` format by its marks, so that the last lines, or those since a time, cost what
//! they are and not what the file is.

use shim::record::{self, MARK_EVERY, MAX_RECORD_BYTES, Mark, Record};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The marks of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Oldest first, each with its offset.
    marks: Vec<(u64, Mark)>,
    /// Lines of the whole file.
    pub(super) lines: u64,
}

impl Index {
    /// Reads the marks of a file, last one first; reads the file through if it ends in the middle of a record, because it
    /// is being written or its writer died.
    pub(super) fn of(file: &File) -> io::Result<Index> {
        match Index::from_end(file)? {
            Some(index) => Ok(index),
            None => Index::from_start(file),
        }
    }

    /// Where to begin so that nothing at or after the time is missed.
    pub(super) fn since(&self, since_ns: i64) -> u64 {
        let older = self.marks.partition_point(|(_, mark)| mark.latest_ns < since_ns);
        older.checked_sub(1).map_or(0, |at| self.marks[at].0)
    }

    /// Where to begin for the line with this number, and how many lines to pass over there.
    pub(super) fn line(&self, number: u64) -> (u64, u64) {
        let before = self.marks.partition_point(|(_, mark)| mark.lines <= number);
        match before.checked_sub(1) {
            Some(at) => (self.marks[at].0, number - self.marks[at].1.lines),
            None => (0, number),
        }
    }

    fn from_end(file: &File) -> io::Result<Option<Index>> {
        let size = file.metadata()?.len();
        let read = size.min(MARK_EVERY + 2 * MAX_RECORD_BYTES as u64);
        let mut tail = vec![0; read as usize];
        file.read_exact_at(&mut tail, size - read)?;
        let mut rest = tail.as_slice();
        let mut lines = 0;
        while !rest.is_empty() {
            let Ok(Some((record, length))) = record::decode_last(rest) else { return Ok(None) };
            rest = &rest[..rest.len() - length];
            match record {
                Record::Line { .. } => lines += 1,
                Record::Mark(mark) => {
                    let marks = chain(file, (size - read + rest.len() as u64, mark))?;
                    return Ok(marks.map(|marks| Index { marks, lines: lines + mark.lines }));
                }
            }
        }
        Ok((read == size).then_some(Index { marks: Vec::new(), lines }))
    }

    fn from_start(file: &File) -> io::Result<Index> {
        let mut index = Index::default();
        let mut block = vec![0; 2 * MAX_RECORD_BYTES];
        let mut offset = 0;
        loop {
            let read = file.read_at(&mut block, offset)?;
            let mut rest = &block[..read];
            let before = offset;
            while let Ok(Some((record, length))) = record::decode(rest) {
                match record {
                    Record::Line { .. } => index.lines += 1,
                    Record::Mark(mark) => index.marks.push((offset, mark)),
                }
                rest = &rest[length..];
                offset += length as u64;
            }
            // A block has room for a whole record: none here means none follows.
            if offset == before {
                return Ok(index);
            }
        }
    }
}

/// All marks from the last one back. `None` if one does not lead backwards to another.
fn chain(file: &File, last: (u64, Mark)) -> io::Result<Option<Vec<(u64, Mark)>>> {
    let mut marks = vec![last];
    let (mut at, mut mark) = last;
    let mut bytes = [0; MARK_ROOM];
    while mark.previous > 0 {
        if mark.previous >= at {
            return Ok(None);
        }
        at = mark.previous;
        let read = file.read_at(&mut bytes, at)?;
        let Ok(Some((Record::Mark(found), _))) = record::decode(&bytes[..read]) else { return Ok(None) };
        mark = found;
        marks.push((at, mark));
    }
    marks.reverse();
    Ok(Some(marks))
}

/// More than a mark is long.
const MARK_ROOM: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Lines at the times 0, 10, 20 …, and a mark before each tenth.
    fn file(lines: i64) -> File {
        let (mut bytes, mut mark) = (Vec::new(), Mark::default());
        for number in 0..lines {
            if number > 0 && number % 10 == 0 {
                let at = bytes.len() as u64;
                record::encode(&Record::Mark(mark), &mut bytes);
                mark.previous = at;
            }
            let record = Record::Line { stderr: false, partial: false, at_ns: number * 10, text: b"x" };
            record::encode(&record, &mut bytes);
            mark.lines += 1;
            mark.latest_ns = number * 10;
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn both_ways_agree_and_lead_to_lines_and_times() {
        for lines in [0, 1, 9, 10, 11, 95] {
            let mut file = file(lines);
            let index = Index::of(&file).unwrap();
            assert_eq!(index.lines, lines as u64);
            assert_eq!(index, Index::from_start(&file).unwrap());
            file.write_all(&[1, 2, 3]).unwrap();
            assert_eq!(index, Index::of(&file).unwrap(), "a torn end");
        }
        let index = Index::of(&file(95)).unwrap();
        assert_eq!((index.line(3), index.since(50)), ((0, 3), 0));
        let (offset, skip) = index.line(47);
        assert_eq!((offset, skip), (index.marks[3].0, 7));
        assert_eq!(index.since(400), index.marks[3].0);
        assert_eq!(index.since(i64::MAX), index.marks[8].0);
    }
}
