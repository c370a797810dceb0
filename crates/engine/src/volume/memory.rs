//! Volumes in memory: one for all containers that have it at the same time.
//!
//! Nothing of the host holds such a volume: it is there as long as a container has it mounted, and every other gets a clone of
//! that mount. So it lives without the daemon, and the kernel frees it with the last of its containers. Which container has it is
//! read off the containers' mount tables; the mount's own source says which volume it is.

use crate::record::Record;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// Longest mount table of a container that is read, in bytes.
const MAX_TABLE_BYTES: u64 = 4 << 20;

/// What the kernel tells as the source of a volume's mount.
pub(super) fn source(volume: &str) -> String {
    format!("shoal:{volume}")
}

/// Where one of the running containers has a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Nowhere,
    /// All of it, in a container with this root, at this place of it.
    Whole(PathBuf, PathBuf),
    /// Only a part of it.
    Part,
}

/// Looks for a volume in the mounts of the containers that use it. Reads procfs.
pub(super) fn find<'a>(volume: &str, users: impl Iterator<Item = &'a Record>) -> Found {
    let mut found = Found::Nowhere;
    for pid in users.map(|record| record.state.pid).filter(|pid| *pid != 0) {
        // A process that has ended has no mounts.
        let table = read(pid).unwrap_or_default();
        match in_table(&table, &source(volume)) {
            Some((_, false)) => found = Found::Part,
            Some((place, true)) => {
                let root = PathBuf::from(format!("/proc/{pid}/root"));
                return Found::Whole(root, place.trim_start_matches('/').into());
            }
            None => {}
        }
    }
    found
}

fn read(pid: u32) -> io::Result<String> {
    let mut table = Vec::new();
    File::open(format!("/proc/{pid}/mountinfo"))?.take(MAX_TABLE_BYTES).read_to_end(&mut table)?;
    String::from_utf8(table).map_err(io::Error::other)
}

/// The place of a memory mount with this source, and whether it shows all of it. Pure.
fn in_table(table: &str, source: &str) -> Option<(String, bool)> {
    let mut part = None;
    for line in table.lines() {
        let Some((mount, system)) = line.split_once(" - ") else { continue };
        let mut system = system.split(' ');
        if (system.next(), system.next()) != (Some("tmpfs"), Some(source)) {
            continue;
        }
        let mut words = mount.split(' ').skip(3);
        let (Some(root), Some(place)) = (words.next(), words.next()) else { continue };
        let found = (unescaped(place), root == "/");
        if found.1 {
            return Some(found);
        }
        part = Some(found);
    }
    part
}

/// The kernel writes blanks and backslashes in octal.
fn unescaped(text: &str) -> String {
    let mut plain = text.to_owned();
    for (escape, letter) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(escape, letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_and_the_root_of_a_mount_tell() {
        let table = "1 2 0:30 / /d rw,nosuid - tmpfs shoal:other rw\n\
                     2 2 0:31 /in /part rw - tmpfs shoal:one rw\n\
                     3 2 0:31 / /a\\040b rw,relatime shared:1 - tmpfs shoal:one rw,size=1024k\n\
                     4 2 0:32 / /x rw - ext4 shoal:two rw\n";
        assert_eq!(in_table(table, "shoal:one"), Some(("/a b".into(), true)));
        assert_eq!(in_table(table, "shoal:other"), Some(("/d".into(), true)));
        assert!(!in_table(&table[..table.find("3 2").unwrap()], "shoal:one").unwrap().1);
        assert_eq!(in_table(table, "shoal:two"), None);
        assert_eq!(in_table(table, "shoal:on"), None);
    }
}
