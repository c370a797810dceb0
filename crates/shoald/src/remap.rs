//! `userns-remap`: which users of the host stand for those of containers.
//!
//! Inputs: the setting, `/etc/passwd`, `/etc/group`, `/etc/subuid`, `/etc/subgid`. For `default`, the ranges of the name
//! `dockremap`; where it has none, some are written down for it, as Docker has useradd(8) do.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use engine::{IdMaps, IdRange};

/// Whose ranges `default` means.
const DEFAULT_NAME: &str = "dockremap";
/// Where subordinate ids begin, and how many a user gets: login.defs(5).
const FIRST: u32 = 100_000;
const COUNT: u32 = 65_536;
/// The files are read up to here.
const FILE_MAX_BYTES: usize = 1 << 20;

/// A setting that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemapError {
    #[error("invalid userns-remap {0:?}: want default, USER, UID, USER:GROUP or UID:GID")]
    Form(String),
    #[error("error during {kind} lookup of {name:?} for userns-remap: there is no such {kind}")]
    Nobody { kind: &'static str, name: String },
    #[error("can't create ID mappings: no {kind} ranges found for {name:?} in {file}")]
    NoRange { kind: &'static str, name: String, file: &'static str },
    #[error("can't create ID mappings: {file} has no free range for {DEFAULT_NAME:?}")]
    Full { file: &'static str },
    #[error("user namespaces are switched off in this kernel (user.max_user_namespaces is 0)")]
    Off,
    #[error("{file} cannot be {action}: {source}")]
    File { file: &'static str, action: &'static str, source: std::io::Error },
}

/// One kind of id, and the files that tell of it.
struct Kind {
    word: &'static str,
    names: &'static str,
    ranges_word: &'static str,
    ranges: &'static str,
}

const USER: Kind = Kind { word: "user", names: "/etc/passwd", ranges_word: "subuid", ranges: "/etc/subuid" };
const GROUP: Kind = Kind { word: "group", names: "/etc/group", ranges_word: "subgid", ranges: "/etc/subgid" };

/// The maps that `setting` means; `None` if it is empty.
///
/// # Errors
/// If somebody is named who is not there, or has no ranges.
pub(crate) fn maps(setting: &str) -> Result<Option<IdMaps>, RemapError> {
    if setting.is_empty() {
        return Ok(None);
    }
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    if most.trim() == "0" {
        return Err(RemapError::Off);
    }
    if setting == "default" {
        for kind in [&USER, &GROUP] {
            ensure_range(kind)?;
        }
        let ranges = |kind: &Kind| ranges_of(kind, DEFAULT_NAME, None);
        return Ok(Some(IdMaps { uids: ranges(&USER)?, gids: ranges(&GROUP)? }));
    }
    let (user, group) = setting.split_once(':').unwrap_or((setting, ""));
    if user.is_empty() || group.contains(':') || setting.ends_with(':') {
        return Err(RemapError::Form(setting.to_owned()));
    }
    let (user, uid) = lookup(&USER, user)?;
    // Without a group, that of the same name.
    let (group, gid) = lookup(&GROUP, if group.is_empty() { &user } else { group })?;
    Ok(Some(IdMaps {
        uids: ranges_of(&USER, &user, Some(uid))?,
        gids: ranges_of(&GROUP, &group, Some(gid))?,
    }))
}

fn read(file: &'static str) -> Result<String, RemapError> {
    match fs::read(file) {
        Ok(mut bytes) => {
            bytes.truncate(FILE_MAX_BYTES);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(RemapError::File { file, action: "read", source }),
    }
}

/// Name and number of somebody who is given by either.
fn lookup(kind: &Kind, wanted: &str) -> Result<(String, u32), RemapError> {
    let nobody = || RemapError::Nobody { kind: kind.word, name: wanted.to_owned() };
    find(&read(kind.names)?, wanted).ok_or_else(nobody)
}

/// A line of passwd(5) or group(5): both have the name first and the number third.
fn find(file: &str, wanted: &str) -> Option<(String, u32)> {
    let entries = file.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse::<u32>().ok()?))
    });
    let number: Option<u32> = wanted.parse().ok();
    entries
        .into_iter()
        .find(|(name, id)| *name == wanted || Some(*id) == number)
        .map(|(n, id)| (n.to_owned(), id))
}

/// All ranges of somebody, one after the other from 0 inside.
fn ranges_of(kind: &Kind, name: &str, id: Option<u32>) -> Result<Vec<IdRange>, RemapError> {
    let mut inside = 0u32;
    let mut ranges = Vec::new();
    for (owner, outside, count) in entries(&read(kind.ranges)?) {
        let by_number = id.is_some_and(|id| owner.parse() == Ok(id));
        if owner != name && !by_number {
            continue;
        }
        let Some(next) = inside.checked_add(count) else { break };
        ranges.push(IdRange { inside, outside, count });
        inside = next;
    }
    if ranges.is_empty() {
        let (kind, file) = (kind.ranges_word, kind.ranges);
        return Err(RemapError::NoRange { kind, name: name.to_owned(), file });
    }
    Ok(ranges)
}

/// `name:first:count` of subuid(5).
fn entries(file: &str) -> Vec<(String, u32, u32)> {
    let entry = |line: &str| {
        let mut fields = line.trim().split(':');
        let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
        let (first, count): (u32, u32) = (first.parse().ok()?, count.parse().ok()?);
        (count > 0 && first.checked_add(count).is_some()).then(|| (owner.to_owned(), first, count))
    };
    file.lines().filter_map(entry).collect()
}

/// Writes a range down for the default name, after all others, if it has none. A crash leaves the file as it was.
fn ensure_range(kind: &Kind) -> Result<(), RemapError> {
    let file = kind.ranges;
    let failed = |action| move |source| RemapError::File { file, action, source };
    // Daemons that start at the same time take turns.
    let directory = Path::new(file).parent().unwrap_or(Path::new("/"));
    let turn = fs::File::open(directory).map_err(failed("locked"))?;
    turn.lock().map_err(failed("locked"))?;
    let text = read(file)?;
    let known = entries(&text);
    if known.iter().any(|(owner, ..)| owner == DEFAULT_NAME) {
        return Ok(());
    }
    let first = free(&known).ok_or(RemapError::Full { file })?;
    let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let text = format!("{text}{line_end}{DEFAULT_NAME}:{first}:{COUNT}\n");
    let temporary = format!("{file}.shoal");
    fault::point("remap: write subordinate ids");
    let written = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(Path::new(&temporary))
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(failed("written"))?;
    fault::point("remap: put subordinate ids in place");
    fs::rename(&temporary, file).map_err(failed("replaced"))
}

/// The first id after all ranges.
fn free(known: &[(String, u32, u32)]) -> Option<u32> {
    let end = known.iter().map(|(_, first, count)| first + count).max().unwrap_or(FIRST).max(FIRST);
    end.checked_add(COUNT).map(|_| end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_found_by_name_or_number() {
        let file = "root:x:0:0::/root:/bin/sh\ncont:x:1500:1500::/:/bin/false\nbroken\n";
        assert_eq!(find(file, "cont"), Some(("cont".into(), 1500)));
        assert_eq!(find(file, "1500"), Some(("cont".into(), 1500)));
        assert_eq!(find(file, "ghost"), None);
    }

    #[test]
    fn ranges_that_make_no_sense_are_left_out() {
        let file = "a:100000:65536\nb:x:1\nc:4294967295:2\nd:5:0\n1500:7:3\n";
        assert_eq!(entries(file), [("a".to_owned(), 100_000, 65_536), ("1500".to_owned(), 7, 3)]);
    }

    #[test]
    fn a_new_range_comes_after_all_others() {
        assert_eq!(free(&[]), Some(FIRST));
        assert_eq!(free(&[("a".into(), 100_000, 65_536)]), Some(165_536));
        assert_eq!(free(&[("a".into(), 5, 1)]), Some(FIRST));
        assert_eq!(free(&[("a".into(), u32::MAX - 10, 5)]), None);
    }

    #[test]
    fn forms_that_cannot_be_meant() {
        for setting in [":", "a:b:c", ":x", "x:"] {
            assert!(matches!(maps(setting), Err(RemapError::Form(_))), "{setting}");
        }
        assert!(maps("").unwrap().is_none());
        assert!(matches!(maps("nobody-of-this-name"), Err(RemapError::Nobody { .. })));
    }
}
