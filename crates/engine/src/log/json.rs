//! Where the last lines of a file of text begin, found from its end, and where those of a time do, found by halves, so that
//! `--tail 10` and `--since` of a large log read little.

use super::line;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// How much is read at a time, in bytes.
const BLOCK: u64 = 64 * 1024;

/// The offset at which the last `wanted` whole lines begin, and how many there are from there.
pub(super) fn start_of_last(file: &File, wanted: usize) -> io::Result<(u64, usize)> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; BLOCK as usize];
    let mut found = 0;
    // The newline that ends the last wanted line is the first one met.
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let part = &mut block[..(end - start) as usize];
        file.read_exact_at(part, start)?;
        for (at, _) in part.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            if found == wanted {
                return Ok((start + at as u64 + 1, found));
            }
            found += 1;
        }
        end = start;
    }
    Ok((0, found))
}

/// Where to begin so that no line from `since_ns` on is missed, found by halves: lines lie in the order of their times, unless the
/// clock was set back. A few that are older may follow.
pub(super) fn start_since(file: &File, since_ns: i64) -> io::Result<u64> {
    // Every line before `low` is older, and it is the start of a line.
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high.saturating_sub(low) > BLOCK {
        let middle = low + (high - low) / 2;
        match line_after(file, middle)? {
            Some((start, time_ns)) if time_ns < since_ns => low = start,
            // To begin too early is no fault: what cannot be read tells nothing.
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

/// The first whole line that begins after `place`, in the block that begins there: its start and its time.
fn line_after(file: &File, place: u64) -> io::Result<Option<(u64, i64)>> {
    let mut block = vec![0; BLOCK as usize];
    let count = file.read_at(&mut block, place)?;
    let mut start = None;
    for (at, _) in block[..count].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let time = start.and_then(|start| line::time_ns(&line::parse(&block[start..at])?.time));
        if let (Some(start), Some(time_ns)) = (start, time) {
            return Ok(Some((place + start as u64, time_ns)));
        }
        start = Some(at + 1);
    }
    Ok(None)
}

/// How many lines there are; of a damaged file, up to the damage.
pub(super) fn count(text: &mut impl Read) -> u64 {
    let mut block = vec![0; BLOCK as usize];
    let mut lines = 0;
    loop {
        match text.read(&mut block) {
            Ok(0) | Err(_) => return lines,
            Ok(count) => lines += block[..count].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        #[test]
        fn the_last_lines_are_those(lines in prop::collection::vec("[a-z]{0,5}", 0..20), wanted in 0usize..25, open: bool) {
            let mut file = tempfile::tempfile().unwrap();
            for line in &lines {
                writeln!(file, "{line}").unwrap();
            }
            if open {
                write!(file, "partial").unwrap();
            }
            let (start, found) = start_of_last(&file, wanted).unwrap();
            let mut rest = vec![0; (file.metadata().unwrap().len() - start) as usize];
            file.read_exact_at(&mut rest, start).unwrap();
            let expected = lines.len().min(wanted);
            prop_assert_eq!(found, expected);
            prop_assert_eq!(rest.iter().filter(|byte| **byte == b'\n').count(), expected);
        }
    }

    #[test]
    fn blocks_are_crossed() {
        let mut file = tempfile::tempfile().unwrap();
        let line = "x".repeat(1000);
        for _ in 0..300 {
            writeln!(file, "{line}").unwrap();
        }
        assert_eq!(start_of_last(&file, 200).unwrap(), (100 * 1001, 200));
    }
}
