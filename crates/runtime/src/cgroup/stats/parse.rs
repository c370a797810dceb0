//! The few shapes in which the kernel writes numbers. Pure.

use super::BlockIoEntry;

/// Version 1 writes "no limit" as the largest number of whole pages.
const UNLIMITED: u64 = i64::MAX as u64 - 0xffff;

/// One number; 0 if there is none.
pub(super) fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or(0)
}

/// One limit: a number, `max`, or version 1's largest number.
pub(super) fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < UNLIMITED)
}

/// Numbers in a row.
pub(super) fn row(text: &str) -> Vec<u64> {
    text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Lines of a name and a number.
pub(super) fn table(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        Some((name, value.trim().parse().ok()?))
    })
}

/// The number beside one name; 0 if there is none.
pub(super) fn entry(text: &str, name: &str) -> u64 {
    table(text).find(|(found, _)| *found == name).map_or(0, |(_, value)| value)
}

/// `8:0 Read 4096`, version 1. The last line, a sum without a device, is left out.
pub(super) fn block_io_v1(text: &str) -> Vec<BlockIoEntry> {
    let entries = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (major, minor) = device(words.next()?)?;
        let operation = words.next()?.to_ascii_lowercase();
        Some(BlockIoEntry { major, minor, operation, value: words.next()?.parse().ok()? })
    });
    entries.collect()
}

/// `8:0 rbytes=4096 wbytes=0 rios=1 …`, version 2: the values of `keys`, as the operations named beside them.
pub(super) fn block_io_v2(text: &str, keys: &[(&str, &str)]) -> Vec<BlockIoEntry> {
    let mut entries = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some((major, minor)) = words.next().and_then(device) else {
            continue;
        };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let named = keys.iter().find(|(name, _)| *name == key);
            if let (Some((_, operation)), Ok(value)) = (named, value.parse()) {
                let operation = (*operation).to_owned();
                entries.push(BlockIoEntry { major, minor, operation, value });
            }
        }
    }
    entries
}

fn device(word: &str) -> Option<(u64, u64)> {
    let (major, minor) = word.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
